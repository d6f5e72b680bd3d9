// The content handler of `mediasync`: Engine.IO requests, by transport.
#pragma once

#include "ngx_module/nginx.h"

extern "C" ngx_int_t ngx_http_mediasync_engine_handler(ngx_http_request_t* r);
