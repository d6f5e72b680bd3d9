// The module: its directives and its callbacks.
#include "ngx_module/conf.h"
#include "ngx_module/directives.h"
#include "ngx_module/member.h"
#include "ngx_module/process.h"

extern "C" {

static ngx_http_module_t ngx_http_mediasync_context = {
    ngx_http_mediasync_preconfiguration,   // preconfiguration
    ngx_http_mediasync_postconfiguration,  // postconfiguration
    ngx_http_mediasync_create_main_conf,   // create main configuration
    nullptr,                               // init main configuration
    nullptr,                               // create server configuration
    nullptr,                               // merge server configuration
    ngx_http_mediasync_create_loc_conf,    // create location configuration
    ngx_http_mediasync_merge_loc_conf,     // merge location configuration
};

ngx_module_t ngx_http_mediasync_module = {NGX_MODULE_V1,
                                          &ngx_http_mediasync_context,
                                          mediasync::ngx::commands(),
                                          NGX_HTTP_MODULE,
                                          nullptr,                          // init master
                                          ngx_http_mediasync_init_module,   // init module
                                          ngx_http_mediasync_init_process,  // init process
                                          nullptr,                          // init thread
                                          nullptr,                          // exit thread
                                          ngx_http_mediasync_exit_process,  // exit process
                                          nullptr,                          // exit master
                                          NGX_MODULE_V1_PADDING};
}
