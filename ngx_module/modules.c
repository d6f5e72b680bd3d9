/* What NGINX looks up by name when it loads the module. */
#include <ngx_config.h>
#include <ngx_core.h>

extern ngx_module_t ngx_http_mediasync_module;

__attribute__((visibility("default"))) ngx_module_t *ngx_modules[] = {&ngx_http_mediasync_module, NULL};
__attribute__((visibility("default"))) char *ngx_module_names[] = {"ngx_http_mediasync_module", NULL};
__attribute__((visibility("default"))) char *ngx_module_order[] = {NULL};
