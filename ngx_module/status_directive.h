// mediasync_status ZONE ... | * [format=json|prometheus];
#pragma once

#include "ngx_module/conf.h"
#include "ngx_module/nginx.h"

namespace mediasync::ngx {

// By its name in the configuration and in requests.
std::optional<StatusFormat> statusFormatOf(std::string_view name);

}  // namespace mediasync::ngx

extern "C" {
char* ngx_http_mediasync_status(ngx_conf_t* cf, ngx_command_t* cmd, void* conf);
}
