// mediasync_limit_events rate=NUMBERr/s|r/m [burst=NUMBER] | off; and the like
// mediasync_limit_replies rate=SIZE [burst=SIZE] | off;
#pragma once

#include "ngx_module/nginx.h"

extern "C" {
char* ngx_http_mediasync_rate(ngx_conf_t* cf, ngx_command_t* cmd, void* conf);
char* ngx_http_mediasync_byte_rate(ngx_conf_t* cf, ngx_command_t* cmd, void* conf);
}
