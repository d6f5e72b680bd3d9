// mediasync_zone zone=NAME:SIZE [shards=N] [log=SIZE] [session_timeout=T] [user_timeout=T] [disconnect_grace=T]
//                [restart_grace=T] [recovery=T] [drain=T] [state=PATH [sync=always|interval|off]]
#pragma once

#include "ngx_module/nginx.h"

extern "C" {
char* ngx_http_mediasync_zone(ngx_conf_t* cf, ngx_command_t* cmd, void* conf);
}
