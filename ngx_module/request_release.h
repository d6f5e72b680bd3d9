// The request of a handshake is by far the largest part of a WebSocket that is open, and the pool of its connection the
// next one: when nobody needs them any more, they are given back.
#pragma once

#include "ngx_module/nginx.h"

namespace mediasync::ngx {

// Writes its lines to the access log, unless that was done.
void logRequest(ngx_http_request_t* r);
// Others may have things to undo at the end of the request, as limit_conn has, which counts the connection until then.
bool hasCleanups(const ngx_http_request_t* r);
bool isNeededByOthers(const ngx_http_request_t* r);
// True if the connection can do without its pool.
bool canReleasePool(const ngx_connection_t* c);
// Frees a request that nobody needs, but not its connection, which keeps what the header was read into.
void freeRequest(ngx_http_request_t* r);
// Frees what the header was read into.
void freeBuffers(ngx_connection_t* c, ngx_http_connection_t& hc);

}  // namespace mediasync::ngx
