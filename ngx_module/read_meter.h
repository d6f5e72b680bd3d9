// mediasync_limit_replies for what is read over REST.
#pragma once

#include "core/base/token_bucket.h"
#include "ngx_module/nginx.h"

namespace mediasync::ngx {

// True if the rate lets the connection of the request read more, by the bytes that it has been given so far.
bool mayRead(ngx_http_request_t* r, const Rate& rate);
// It was given so many bytes.
void chargeRead(ngx_http_request_t* r, const Rate& rate, size_t bytes);

}  // namespace mediasync::ngx
