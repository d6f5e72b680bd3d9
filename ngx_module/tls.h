// The particulars of connections over TLS. There are none if NGINX was built without TLS.
#pragma once

#include "ngx_module/nginx.h"

namespace mediasync::ngx {

bool isTls(const ngx_connection_t* c);

// ---- The rest is for connections over TLS alone.

// Lets OpenSSL take a part of what it is given, and the rest from another place.
void takeParts(ngx_connection_t* c);
void freeTlsBuffer(ngx_connection_t* c);
// OpenSSL has put its own handler in the place of one of ours, which it will put back.
bool hasTlsHandlers(const ngx_connection_t* c);
void forgetTlsHandlers(ngx_connection_t* c);
// Tells the peer that nothing more will come. NGX_AGAIN: calls `again` when there is more to do.
ngx_int_t shutdownTls(ngx_connection_t* c, ngx_connection_handler_pt again);
// Room for moveTls(). Null: there is no memory.
ngx_ssl_connection_t* roomForTls(ngx_pool_t* pool);
// Moves OpenSSL's state of a connection to another one, which keeps it in `room`.
void moveTls(ngx_connection_t* from, ngx_connection_t* to, ngx_ssl_connection_t* room);

}  // namespace mediasync::ngx
