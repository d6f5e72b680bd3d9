// Helpers that all answers of REST use.
#pragma once

#include <string_view>

#include "core/worker/worker.h"
#include "ngx_module/nginx.h"
#include "ngx_module/process.h"

namespace mediasync::ngx {

// {"success":false,"message":…}
ngx_int_t fail(ngx_http_request_t* r, ngx_uint_t status, std::string_view message);
// With Retry-After.
ngx_int_t failUnavailable(ngx_http_request_t* r);
bool isReady(Runtime* runtime);

// The part of the path behind the location's own prefix, as the client sent it: an id may contain any escaped byte.
std::string_view pathAfterLocation(ngx_http_request_t* r);

ngx_int_t sendReply(ngx_http_request_t* r, const server::RestReply& reply);

// Sends it when its change is written to the state file, at once where nothing waits for that. NGX_DONE: later.
ngx_int_t sendWritten(ngx_http_request_t* r, Runtime& runtime, server::RestReply reply);

}  // namespace mediasync::ngx
