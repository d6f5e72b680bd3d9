// Counts what REST is answered with, by status.
#pragma once

#include "ngx_module/nginx.h"

// Adds the handler of the log phase. False: there is no memory.
bool ngx_http_mediasync_add_rest_count(ngx_conf_t* cf);
