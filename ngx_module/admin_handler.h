// The content handler of `mediasync_admin`.
#pragma once

#include "ngx_module/nginx.h"

extern "C" ngx_int_t ngx_http_mediasync_admin_handler(ngx_http_request_t* r);
