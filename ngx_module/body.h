// Bodies of requests.
#pragma once

#include <string>

#include "ngx_module/conf.h"
#include "ngx_module/nginx.h"

namespace mediasync::ngx {

// Starts reading the request's body, at most conf.bodyLimit bytes; onBody is called when it is complete. It has as
// long as a client may be silent: NGINX's client_body_timeout is between two reads, however little comes by each.
// Returns what a content handler returns.
ngx_int_t readBody(ngx_http_request_t* r, const LocConf& conf, ngx_http_client_body_handler_pt onBody);

// The bytes of a request body that was read.
std::string bodyOf(ngx_http_request_t* r);

}  // namespace mediasync::ngx
