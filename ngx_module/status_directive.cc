#include "ngx_module/status_directive.h"

#include <span>

#include "ngx_module/conf.h"
#include "ngx_module/response.h"
#include "ngx_module/status_handler.h"

using namespace mediasync::ngx;

std::optional<StatusFormat> mediasync::ngx::statusFormatOf(std::string_view name) {
  if (name == "json") return StatusFormat::kJson;
  if (name == "prometheus") return StatusFormat::kPrometheus;
  if (name == "html") return StatusFormat::kPage;
  return std::nullopt;
}

namespace {

constexpr std::string_view kFormat = "format=";

char* invalid(ngx_conf_t* cf, const char* what, const ngx_str_t& value) {
  ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, what, &value);
  return static_cast<char*>(NGX_CONF_ERROR);
}

char* takeFormat(ngx_conf_t* cf, LocConf& location, const ngx_str_t& value) {
  const auto format = statusFormatOf(view(value).substr(kFormat.size()));
  const bool isFixed = format == StatusFormat::kJson || format == StatusFormat::kPrometheus;  // a page asks for JSON
  if (!isFixed || location.statusFormat != StatusFormat::kAsked) return invalid(cf, "invalid parameter \"%V\"", value);
  location.statusFormat = *format;
  return NGX_CONF_OK;
}

char* takeZone(ngx_conf_t* cf, LocConf& location, const ngx_str_t& value) {
  ZoneConf* zone = findZone(cf, value);
  if (zone == nullptr) {
    return invalid(cf, "zone \"%V\" is unknown, define it with \"mediasync_zone\" before", value);
  }
  for (const ZoneConf* one :
       std::span(static_cast<ZoneConf**>(location.statusZones->elts), location.statusZones->nelts)) {
    if (one == zone) return invalid(cf, "duplicate zone \"%V\"", value);
  }
  auto** slot = static_cast<ZoneConf**>(ngx_array_push(location.statusZones));
  if (slot == nullptr) return static_cast<char*>(NGX_CONF_ERROR);
  *slot = zone;
  if (location.zone == nullptr) location.zone = zone;
  return NGX_CONF_OK;
}

}  // namespace

char* ngx_http_mediasync_status(ngx_conf_t* cf, ngx_command_t* cmd, void* conf) {
  auto* location = static_cast<LocConf*>(conf);
  if (location->zone != nullptr) return const_cast<char*>("is duplicate");
  const std::span values(static_cast<ngx_str_t*>(cf->args->elts) + 1, cf->args->nelts - 1);
  location->statusZones = ngx_array_create(cf->pool, values.size(), sizeof(ZoneConf*));
  if (location->statusZones == nullptr) return static_cast<char*>(NGX_CONF_ERROR);
  bool isAll = false;
  for (const ngx_str_t& value : values) {
    char* error = NGX_CONF_OK;
    if (view(value) == "*") {
      isAll = true;
    } else {
      error = view(value).starts_with(kFormat) ? takeFormat(cf, *location, value) : takeZone(cf, *location, value);
    }
    if (error != NGX_CONF_OK) return error;
  }
  const ngx_array_t& known = mainConf(cf)->zones;
  if (isAll && location->zone == nullptr && known.nelts > 0) {
    location->statusZones = nullptr;  // those that come later, too
    location->zone = static_cast<ZoneConf**>(known.elts)[0];
  } else if (isAll || location->zone == nullptr) {
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "\"%V\" must name zones, or \"*\" alone after the first \"mediasync_zone\"", &cmd->name);
    return static_cast<char*>(NGX_CONF_ERROR);
  }
  auto* core = static_cast<ngx_http_core_loc_conf_t*>(ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module));
  location->handler = core->handler = ngx_http_mediasync_status_handler;
  return NGX_CONF_OK;
}
