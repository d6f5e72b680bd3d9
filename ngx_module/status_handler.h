// The content handler of `mediasync_status`.
#pragma once

#include "ngx_module/nginx.h"

extern "C" ngx_int_t ngx_http_mediasync_status_handler(ngx_http_request_t* r);
