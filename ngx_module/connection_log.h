// mediasync_log: a line for each connection when it has ended. NGINX's log module reads the directive, opens, reopens
// and writes the files, by its own functions for access_log.
#pragma once

#include "core/context/environment.h"
#include "ngx_module/conf.h"
#include "ngx_module/nginx.h"

namespace mediasync::ngx {

// Adds the $mediasync_… variables of such lines, and the format "mediasync".
bool addLogVariables(ngx_conf_t* cf);
// Completes the log of a block, which may be that of the block around.
bool completeLog(ngx_conf_t* cf, LocConf& conf);
// Once all is read: finds what writes the lines, should there be any.
bool prepareLog(ngx_conf_t* cf);

// The address of the client, as NGINX knows it.
store::Address clientOf(const ngx_http_request_t* r);
// Writes the lines about a connection, if its location has a log.
void logEnd(const server::Ended& ended);

}  // namespace mediasync::ngx

extern "C" char* ngx_http_mediasync_log(ngx_conf_t* cf, ngx_command_t* cmd, void* conf);
