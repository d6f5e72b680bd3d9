// mediasync_hooks and mediasync_hook_variables: what Lua has a say in, and what it is told about a connection.
#pragma once

#include "ngx_module/conf.h"
#include "ngx_module/nginx.h"

namespace mediasync::ngx {

// The values of the variables that Lua is told, a JSON object; "": none.
std::string hookVariables(ngx_http_request_t* r, const LocConf& conf);

}  // namespace mediasync::ngx

extern "C" {
char* ngx_http_mediasync_hooks(ngx_conf_t* cf, ngx_command_t* cmd, void* conf);
char* ngx_http_mediasync_hook_variables(ngx_conf_t* cf, ngx_command_t* cmd, void* conf);
}
