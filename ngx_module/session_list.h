// The whole list of sessions as an answer, sent as it is made.
#pragma once

#include "ngx_module/conf.h"
#include "ngx_module/nginx.h"
#include "ngx_module/process.h"

namespace mediasync::ngx {

// Sends all sessions in pieces, each when the one before has gone: neither a worker nor its memory has much of it at a
// time.
ngx_int_t sendSessionList(ngx_http_request_t* r, Runtime& runtime, const LocConf& conf);

}  // namespace mediasync::ngx
