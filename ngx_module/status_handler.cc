#include "ngx_module/status_handler.h"

#include <span>
#include <string>
#include <vector>

#include "core/api/status_page.h"
#include "core/worker/status.h"
#include "ngx_module/conf.h"
#include "ngx_module/guard.h"
#include "ngx_module/process.h"
#include "ngx_module/response.h"
#include "ngx_module/status_directive.h"

namespace mediasync::ngx {
namespace {

std::vector<api::ZoneStatus> collect(ngx_http_request_t* r, const LocConf& conf) {
  const auto* main = static_cast<MainConf*>(ngx_http_get_module_main_conf(r, ngx_http_mediasync_module));
  const ngx_array_t& zones = conf.statusZones != nullptr ? *conf.statusZones : main->zones;
  std::vector<api::ZoneStatus> all;
  for (const ZoneConf* zone : std::span(static_cast<ZoneConf**>(zones.elts), zones.nelts))
    all.push_back(server::statusOf(*zone->zone, view(zone->name), currentTime()));
  return all;
}

// A browser names HTML before anything that would do.
bool prefersPage(ngx_http_request_t* r) {
  return requestHeaders(r, "accept").find("text/html") != std::string::npos;
}

// The format by the configuration, or else by the request.
StatusFormat formatOf(ngx_http_request_t* r, const LocConf& conf) {
  if (conf.statusFormat != StatusFormat::kAsked) return conf.statusFormat;
  const ngx_str_t name = ngxString("format");
  ngx_str_t asked;
  if (ngx_http_arg(r, name.data, name.len, &asked) == NGX_OK) {
    return statusFormatOf(view(asked)).value_or(StatusFormat::kJson);
  }
  addHeader(r, "Vary", "Accept");
  return prefersPage(r) ? StatusFormat::kPage : StatusFormat::kJson;
}

ngx_int_t handle(ngx_http_request_t* r) {
  if ((r->method & (NGX_HTTP_GET | NGX_HTTP_HEAD)) == 0) return NGX_HTTP_NOT_ALLOWED;
  if (const ngx_int_t rc = ngx_http_discard_request_body(r); rc != NGX_OK) return rc;
  const LocConf& conf = *locConf(r);
  if (conf.zone == nullptr) return NGX_HTTP_NOT_FOUND;
  const auto zones = collect(r, conf);
  std::string body;
  switch (formatOf(r, conf)) {
    case StatusFormat::kPrometheus:
      api::appendStatusPrometheus(body, zones);
      return respond(r, NGX_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8", body);
    case StatusFormat::kPage:
      api::appendStatusPage(body, zones, currentTime().wall);
      addHeader(r, "Content-Security-Policy", api::statusPagePolicy());
      addHeader(r, "Referrer-Policy", "no-referrer");
      return respond(r, NGX_HTTP_OK, "text/html; charset=utf-8", body);
    default:
      break;
  }
  if (conf.statusZones != nullptr && conf.statusZones->nelts == 1) {
    api::appendStatusJson(body, zones.front());
  } else {
    api::appendStatusJson(body, zones);
  }
  return respond(r, NGX_HTTP_OK, "application/json", body);
}

}  // namespace
}  // namespace mediasync::ngx

ngx_int_t ngx_http_mediasync_status_handler(ngx_http_request_t* r) {
  using namespace mediasync::ngx;
  return guarded(r->connection->log, static_cast<ngx_int_t>(NGX_HTTP_INTERNAL_SERVER_ERROR), [r] { return handle(r); });
}
