#include "ngx_module/status_handler.h"

#include <string>

#include "core/server/status.h"
#include "ngx_module/conf.h"
#include "ngx_module/guard.h"
#include "ngx_module/response.h"

namespace mediasync::ngx {
namespace {

ngx_int_t handle(ngx_http_request_t* r) {
  if ((r->method & (NGX_HTTP_GET | NGX_HTTP_HEAD)) == 0) return NGX_HTTP_NOT_ALLOWED;
  if (const ngx_int_t rc = ngx_http_discard_request_body(r); rc != NGX_OK) return rc;
  const LocConf& conf = *locConf(r);
  if (conf.zone == nullptr) return NGX_HTTP_NOT_FOUND;
  const auto metrics = server::statusOf(*conf.zone->zone);
  std::string body;
  if (conf.prometheus != 0) {
    api::appendStatusPrometheus(body, view(conf.zone->name), metrics);
    return respond(r, NGX_HTTP_OK, "text/plain; version=0.0.4", body);
  }
  api::appendStatusJson(body, view(conf.zone->name), metrics);
  return respond(r, NGX_HTTP_OK, "application/json", body);
}

}  // namespace
}  // namespace mediasync::ngx

ngx_int_t ngx_http_mediasync_status_handler(ngx_http_request_t* r) {
  using namespace mediasync::ngx;
  return guarded(r->connection->log, static_cast<ngx_int_t>(NGX_HTTP_INTERNAL_SERVER_ERROR), [r] { return handle(r); });
}
