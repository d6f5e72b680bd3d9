// mediasync_limit_replies for what is read over REST.
#pragma once

#include "core/base/token_bucket.h"
#include "ngx_module/nginx.h"

namespace mediasync::ngx {

// Whether the connection that the request came by may ask for more, by what it has been given so far.
bool mayRead(ngx_http_request_t* r, const Rate& rate);
// It was given so many bytes.
void chargeRead(ngx_http_request_t* r, const Rate& rate, size_t bytes);

}  // namespace mediasync::ngx
