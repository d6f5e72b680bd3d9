// The content handler of `mediasync_api`.
#pragma once

#include "ngx_module/nginx.h"

extern "C" ngx_int_t ngx_http_mediasync_rest_handler(ngx_http_request_t* r);
