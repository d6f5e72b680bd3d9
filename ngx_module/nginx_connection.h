// Operations on a connection of NGINX's that its own functions do not offer.
#pragma once

#include <string>

#include "ngx_module/nginx.h"

namespace mediasync::ngx {

// The address of the client as text.
std::string addressOf(const ngx_connection_t* c);
// NGINX's count of active connections, where it has one.
void countActive(ngx_atomic_int_t change);
// Takes one out of the event loop, and its events out of the queues.
void unwatch(ngx_connection_t* c);
// `action`, which is static: what the process was doing, as lines of the error log say.
void setAction(ngx_connection_t* c, const char* action);

}  // namespace mediasync::ngx
