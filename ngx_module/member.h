// mediasync_member and $mediasync_member: films for those who watch them.
#pragma once

#include "ngx_module/nginx.h"

extern "C" {
// Adds the variable, and those of mediasync_log.
ngx_int_t ngx_http_mediasync_preconfiguration(ngx_conf_t* cf);
// Has the requests checked that mediasync_member is for.
bool ngx_http_mediasync_add_member_check(ngx_conf_t* cf);
char* ngx_http_mediasync_member(ngx_conf_t* cf, ngx_command_t* cmd, void* conf);
char* ngx_http_mediasync_media(ngx_conf_t* cf, ngx_command_t* cmd, void* conf);
}
