#include "ngx_module/rest_count.h"

#include "ngx_module/admin_handler.h"
#include "ngx_module/conf.h"
#include "ngx_module/guard.h"
#include "ngx_module/process.h"
#include "ngx_module/rest_handler.h"

namespace mediasync::ngx {
namespace {

// In the log phase, as what NGINX answers itself counts as well: who may not come in, a body that is too large.
ngx_int_t countRest(ngx_http_request_t* r) {
  const LocConf& conf = *locConf(r);
  const bool isRest =
      conf.handler == ngx_http_mediasync_rest_handler || conf.handler == ngx_http_mediasync_admin_handler;
  Runtime* runtime = isRest ? runtimeOf(conf.zone) : nullptr;
  if (runtime == nullptr) return NGX_OK;
  const ngx_uint_t status = r->err_status != 0 ? r->err_status : r->headers_out.status;
  guardedVoid(r->connection->log, [&] { runtime->worker().rest().countRest(static_cast<unsigned>(status)); });
  return NGX_OK;
}

}  // namespace
}  // namespace mediasync::ngx

bool ngx_http_mediasync_add_rest_count(ngx_conf_t* cf) {
  auto* core = static_cast<ngx_http_core_main_conf_t*>(ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module));
  auto* handler = static_cast<ngx_http_handler_pt*>(ngx_array_push(&core->phases[NGX_HTTP_LOG_PHASE].handlers));
  if (handler == nullptr) return false;
  *handler = mediasync::ngx::countRest;
  return true;
}
