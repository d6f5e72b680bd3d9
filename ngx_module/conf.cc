#include "ngx_module/conf.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <string>

#include "core/api/origin.h"
#include "core/base/siphash.h"
#include "ngx_module/admin_handler.h"
#include "ngx_module/connection_log.h"
#include "ngx_module/directives.h"
#include "ngx_module/engine_handler.h"
#include "ngx_module/guard.h"
#include "ngx_module/member.h"
#include "ngx_module/response.h"
#include "ngx_module/rest_count.h"
#include "ngx_module/rest_handler.h"

namespace mediasync::ngx {
namespace {

constexpr size_t kMinMaxPayload = 1000;

ngx_http_core_loc_conf_t* coreConf(ngx_conf_t* cf) {
  return static_cast<ngx_http_core_loc_conf_t*>(ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module));
}

// No location is one if NGINX was built without PCRE.
bool isByRegex([[maybe_unused]] const ngx_http_core_loc_conf_t& core) {
#if (NGX_PCRE)
  return core.regex != nullptr;
#else
  return false;
#endif
}

// Whole bodies are read into memory, and the answer to one that is too large is ours, not NGINX's page. That is
// possible where the length is declared; for chunks NGINX keeps count, by a configuration of its own (which must
// outlive any request: NGINX looks at it after the request is freed).
bool adoptBodyLimits(ngx_conf_t* cf, LocConf& conf) {
  ngx_http_core_loc_conf_t* core = coreConf(cf);
  conf.bodyLimit = conf.maxPayload;
  if (core->client_max_body_size > 0 && core->client_max_body_size < static_cast<off_t>(conf.bodyLimit)) {
    conf.bodyLimit = static_cast<size_t>(core->client_max_body_size);
  }
  core->client_max_body_size = 0;
  core->client_body_in_file_only = 0;
  if (core->client_body_buffer_size < conf.bodyLimit) core->client_body_buffer_size = conf.bodyLimit;
  conf.limited = static_cast<void**>(ngx_palloc(cf->pool, sizeof(void*) * ngx_http_max_module));
  auto* limited = static_cast<ngx_http_core_loc_conf_t*>(ngx_palloc(cf->pool, sizeof(ngx_http_core_loc_conf_t)));
  if (conf.limited == nullptr || limited == nullptr) return false;
  std::memcpy(conf.limited, static_cast<ngx_http_conf_ctx_t*>(cf->ctx)->loc_conf, sizeof(void*) * ngx_http_max_module);
  *limited = *core;
  limited->client_max_body_size = static_cast<off_t>(conf.bodyLimit);
  conf.limited[ngx_http_core_module.ctx_index] = limited;
  return true;
}

// "if" and "limit_except" blocks inside a location serve the same endpoint.
void inheritEndpoint(ngx_conf_t* cf, LocConf& conf, const LocConf& outer) {
  ngx_http_core_loc_conf_t* core = coreConf(cf);
  if ((!core->noname && !core->lmt_excpt) || conf.zone != nullptr || outer.zone == nullptr) return;
  conf.zone = outer.zone;
  conf.statusFormat = outer.statusFormat;
  conf.statusZones = outer.statusZones;
  conf.application = outer.application;
  conf.handler = outer.handler;
  if (core->lmt_excpt && core->handler == nullptr) core->handler = conf.handler;
}

// Its servers and addresses are known only later.
bool noteLocation(ngx_conf_t* cf, LocConf& conf) {
  if (conf.handler != ngx_http_mediasync_engine_handler) return true;
  auto* location = static_cast<Location*>(ngx_array_push(&mainConf(cf)->locations));
  if (location == nullptr) return false;
  location->key = 0;
  location->conf = *static_cast<ngx_http_conf_ctx_t*>(cf->ctx);
  location->loc = &conf;
  conf.sharedLog = static_cast<ngx_log_t*>(ngx_pcalloc(cf->pool, sizeof(ngx_log_t)));
  if (conf.sharedLog == nullptr) return false;
  return ngx_array_init(&location->addresses, cf->pool, 2, sizeof(ngx_sockaddr_t)) == NGX_OK;
}

ngx_http_core_srv_conf_t* serverOf(const Location& location) {
  return static_cast<ngx_http_core_srv_conf_t*>(location.conf.srv_conf[ngx_http_core_module.ctx_index]);
}

// The name of a location, which stays the same if the location is configured otherwise.
std::string nameOf(const Location& location) {
  std::string name;
  const auto* server = serverOf(location);
  const auto* names = static_cast<ngx_http_server_name_t*>(server->server_names.elts);
  for (ngx_uint_t i = 0; i < server->server_names.nelts; ++i)
    name.append(view(names[i].name)).push_back('\n');
  const auto* core = static_cast<ngx_http_core_loc_conf_t*>(location.conf.loc_conf[ngx_http_core_module.ctx_index]);
  const bool isExact = core->exact_match;
  name.push_back('\n');
  name.push_back(isExact ? '=' : isByRegex(*core) ? '~' : core->noname ? '?' : core->lmt_excpt ? '!' : ' ');
  name.append(view(core->name)).push_back('\n');
  name.append(std::to_string(static_cast<int>(location.loc->application))).push_back('\n');
  return name.append(view(location.loc->zone->name));
}

bool addAddresses(const ngx_http_conf_port_t& port, Location& location) {
  const auto* addresses = static_cast<ngx_http_conf_addr_t*>(port.addrs.elts);
  for (ngx_uint_t i = 0; i < port.addrs.nelts; ++i) {
    if (addresses[i].opt.ssl) continue;
    const auto* servers = static_cast<ngx_http_core_srv_conf_t**>(addresses[i].servers.elts);
    for (ngx_uint_t s = 0; s < addresses[i].servers.nelts; ++s) {
      if (servers[s] != serverOf(location)) continue;
      auto* address = ngx_array_push(&location.addresses);
      if (address == nullptr) return false;
      ngx_memzero(address, sizeof(ngx_sockaddr_t));
      ngx_memcpy(address, addresses[i].opt.sockaddr,
                 std::min<size_t>(addresses[i].opt.socklen, sizeof(ngx_sockaddr_t)));
    }
  }
  return true;
}

// Several may be called the same: "if" blocks, and servers of other addresses. Those of one server are told apart by
// their order.
void giveKey(std::span<Location> before, Location& location) {
  const std::string name = nameOf(location);
  std::uint64_t number = 0;
  for (const Location& other : before)
    number += serverOf(other) == serverOf(location) && nameOf(other) == name;
  location.key = location.loc->key = sipHash({}, name + '\n' + std::to_string(number));
}

}  // namespace

ZoneConf* findZone(ngx_conf_t* cf, const ngx_str_t& name) {
  const auto& zones = mainConf(cf)->zones;
  for (ngx_uint_t i = 0; i < zones.nelts; ++i) {
    ZoneConf* zone = static_cast<ZoneConf**>(zones.elts)[i];
    if (zone->name.len == name.len && ngx_strncmp(zone->name.data, name.data, name.len) == 0) return zone;
  }
  return nullptr;
}

server::Options LocConf::options() const {
  server::Options options;
  options.engine.pingInterval = static_cast<std::int64_t>(pingInterval);
  options.engine.pingTimeout = static_cast<std::int64_t>(pingTimeout);
  options.engine.maxPayload = maxPayload;
  options.timestamps = static_cast<api::TimestampUnit>(timestamps);
  options.application = application;
  options.asksSecret = asksSecret != 0 && bindsUser == 0;  // NGINX knows better
  options.recovery = recovery != 0;
  options.connectTimeout = static_cast<std::int64_t>(connectTimeout);
  options.creates = creates != 0;
  options.media = media;
  options.maxSessions = static_cast<std::uint32_t>(maxSessions);
  options.maxUsers = static_cast<std::uint32_t>(maxUsers);
  options.maxConnections = static_cast<std::uint32_t>(maxConnections);
  options.rates = {events.rate,  userEvents.rate, joins.rate, sessionJoins.rate, newSessions.rate,
                   replies.rate, reports.rate,    input.rate, ownSessions.rate};
  options.log = logKey();
  options.hooks = hooks != 0;
  options.hookTimeout = static_cast<std::int64_t>(hookTimeout);
  options.hooksMayFail = hooksMayFail != 0;
  return options;
}

}  // namespace mediasync::ngx

using namespace mediasync::ngx;

void* ngx_http_mediasync_create_main_conf(ngx_conf_t* cf) {
  auto* conf = static_cast<MainConf*>(ngx_pcalloc(cf->pool, sizeof(MainConf)));
  if (conf == nullptr || ngx_array_init(&conf->zones, cf->pool, 2, sizeof(ZoneConf*)) != NGX_OK ||
      ngx_array_init(&conf->locations, cf->pool, 2, sizeof(Location)) != NGX_OK) {
    return nullptr;
  }
  return conf;
}

void* ngx_http_mediasync_create_loc_conf(ngx_conf_t* cf) {
  auto* conf = static_cast<LocConf*>(ngx_pcalloc(cf->pool, sizeof(LocConf)));
  if (conf == nullptr) return nullptr;
  unsetDirectives(*conf);
  return conf;
}

char* ngx_http_mediasync_merge_loc_conf(ngx_conf_t* cf, void* parent, void* child) {
  const auto* prev = static_cast<LocConf*>(parent);
  auto* conf = static_cast<LocConf*>(child);
  if (!mergeDirectives(cf, *conf, *prev)) return static_cast<char*>(NGX_CONF_ERROR);
  // Meanwhile nothing of the connection is read, its pongs neither.
  if (conf->hooks && conf->hookTimeout >= conf->pingTimeout) {
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "timeout of \"mediasync_hooks\" must be less than \"mediasync_ping_timeout\"");
    return static_cast<char*>(NGX_CONF_ERROR);
  }
  if (!completeLog(cf, *conf)) return static_cast<char*>(NGX_CONF_ERROR);
  inheritEndpoint(cf, *conf, *prev);
  if (conf->zone != nullptr && (!adoptBodyLimits(cf, *conf) || !noteLocation(cf, *conf))) {
    return static_cast<char*>(NGX_CONF_ERROR);
  }
  return NGX_CONF_OK;
}

ngx_int_t ngx_http_mediasync_postconfiguration(ngx_conf_t* cf) {
  return guarded(cf->log, static_cast<ngx_int_t>(NGX_ERROR), [cf]() -> ngx_int_t {
    if (!ngx_http_mediasync_add_member_check(cf) || !ngx_http_mediasync_add_rest_count(cf) || !prepareLog(cf)) {
      return NGX_ERROR;
    }
    const auto* core =
        static_cast<ngx_http_core_main_conf_t*>(ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module));
    const std::span locations(static_cast<Location*>(mainConf(cf)->locations.elts), mainConf(cf)->locations.nelts);
    for (size_t i = 0; i < locations.size(); ++i)
      giveKey(locations.first(i), locations[i]);
    for (ngx_uint_t port = 0; core->ports != nullptr && port < core->ports->nelts; ++port) {
      for (Location& location : locations) {
        if (!addAddresses(static_cast<ngx_http_conf_port_t*>(core->ports->elts)[port], location)) return NGX_ERROR;
      }
    }
    return NGX_OK;
  });
}

namespace {

char* addOrigin(ngx_conf_t* cf, LocConf& location, const ngx_str_t& value) {
  const auto pattern = mediasync::api::parseOriginPattern(view(value));
  if (!pattern) {
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid origin \"%V\", it must be \"same\", \"any\", \"null\" or like \"https://example.com\", "
                       "\"https://*.example.com:*\"",
                       &value);
    return static_cast<char*>(NGX_CONF_ERROR);
  }
  auto* origin = static_cast<mediasync::api::OriginPattern*>(ngx_array_push(location.origins));
  if (origin == nullptr) return static_cast<char*>(NGX_CONF_ERROR);
  *origin = *pattern;
  return NGX_CONF_OK;
}

// "scheme=STRING"
char* takeScheme(ngx_conf_t* cf, LocConf& location, ngx_str_t value) {
  if (location.originScheme != nullptr || value.len == 0)
    return const_cast<char*>("has an invalid \"scheme\" parameter");
  location.originScheme =
      static_cast<ngx_http_complex_value_t*>(ngx_pcalloc(cf->pool, sizeof(ngx_http_complex_value_t)));
  if (location.originScheme == nullptr) return static_cast<char*>(NGX_CONF_ERROR);
  ngx_http_compile_complex_value_t compile{cf, &value, location.originScheme, 0, 0, 0};
  return ngx_http_compile_complex_value(&compile) == NGX_OK ? NGX_CONF_OK : static_cast<char*>(NGX_CONF_ERROR);
}

char* checkCookieName(ngx_conf_t* cf, const ngx_str_t& name) {
  for (size_t i = 0; i < name.len; ++i) {
    if (name.data[i] <= 0x20 || name.data[i] >= 0x7f || ngx_strchr("()<>@,;:\\\"/[]?={}", name.data[i]) != nullptr) {
      ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid cookie name \"%V\"", &name);
      return static_cast<char*>(NGX_CONF_ERROR);
    }
  }
  return name.len == 0 ? const_cast<char*>("must have a name") : NGX_CONF_OK;
}

}  // namespace

// Directives that take a number: what it may be.
char* ngx_http_mediasync_check_time(ngx_conf_t*, void*, void* data) {
  return *static_cast<ngx_msec_t*>(data) == 0 ? const_cast<char*>("must not be zero") : NGX_CONF_OK;
}

char* ngx_http_mediasync_check_payload(ngx_conf_t*, void*, void* data) {
  return *static_cast<size_t*>(data) < kMinMaxPayload ? const_cast<char*>("must be at least 1000") : NGX_CONF_OK;
}

// A power of two that zlib knows as the size of a window.
char* ngx_http_mediasync_check_window(ngx_conf_t*, void*, void* data) {
  const size_t size = *static_cast<size_t*>(data);
  const bool isPower = size != 0 && (size & (size - 1)) == 0;
  return isPower && size >= 512 && size <= 32 * 1024 ? NGX_CONF_OK
                                                     : const_cast<char*>("must be 512, 1k, 2k, 4k, 8k, 16k, or 32k");
}

// mediasync_cookie NAME | off;
char* ngx_http_mediasync_cookie(ngx_conf_t* cf, ngx_command_t*, void* conf) {
  auto* location = static_cast<LocConf*>(conf);
  if (location->cookie.data != nullptr) return const_cast<char*>("is duplicate");
  ngx_str_t value = static_cast<ngx_str_t*>(cf->args->elts)[1];
  if (char* error = checkCookieName(cf, value); error != NGX_CONF_OK) return error;
  if (ngx_strcmp(value.data, "off") == 0) value.len = 0;
  location->cookie = value;
  return NGX_CONF_OK;
}

// mediasync NAME; mediasync_engine_echo NAME; mediasync_socket_echo NAME; mediasync_api NAME; mediasync_admin NAME;
char* ngx_http_mediasync_endpoint(ngx_conf_t* cf, ngx_command_t* cmd, void* conf) {
  auto* location = static_cast<LocConf*>(conf);
  const auto* values = static_cast<ngx_str_t*>(cf->args->elts);
  ngx_http_core_loc_conf_t* core = coreConf(cf);
  if (location->zone != nullptr) return const_cast<char*>("is duplicate");
  const bool hasPrefix = !isByRegex(*core) && !core->named && !core->noname;
  const std::string_view name = view(cmd->name);
  if ((name == "mediasync_api" || name == "mediasync_admin") && !hasPrefix) {
    return const_cast<char*>("must be in a location given by a prefix");
  }
  location->zone = findZone(cf, values[1]);
  if (location->zone == nullptr) {
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "zone \"%V\" is unknown, define it with \"mediasync_zone\" before",
                       &values[1]);
    return static_cast<char*>(NGX_CONF_ERROR);
  }
  if (name == "mediasync_api") {
    core->handler = ngx_http_mediasync_rest_handler;
  } else if (name == "mediasync_admin") {
    core->handler = ngx_http_mediasync_admin_handler;
  } else {
    core->handler = ngx_http_mediasync_engine_handler;
    if (name == "mediasync_engine_echo") location->application = mediasync::server::Application::kEngineEcho;
    if (name == "mediasync_socket_echo") location->application = mediasync::server::Application::kSocketEcho;
  }
  location->handler = core->handler;
  return NGX_CONF_OK;
}

// mediasync_user STRING | off;
char* ngx_http_mediasync_user(ngx_conf_t* cf, ngx_command_t*, void* conf) {
  auto* location = static_cast<LocConf*>(conf);
  if (location->bindsUser != NGX_CONF_UNSET) return const_cast<char*>("is duplicate");
  auto* value = static_cast<ngx_str_t*>(cf->args->elts) + 1;
  location->bindsUser = ngx_strcmp(value->data, "off") != 0;
  if (!location->bindsUser) return NGX_CONF_OK;
  location->user = static_cast<ngx_http_complex_value_t*>(ngx_pcalloc(cf->pool, sizeof(ngx_http_complex_value_t)));
  if (location->user == nullptr) return static_cast<char*>(NGX_CONF_ERROR);
  ngx_http_compile_complex_value_t compile{cf, value, location->user, 0, 0, 0};
  return ngx_http_compile_complex_value(&compile) == NGX_OK ? NGX_CONF_OK : static_cast<char*>(NGX_CONF_ERROR);
}

// mediasync_user_secret off | on [cookie=NAME];
char* ngx_http_mediasync_user_secret(ngx_conf_t* cf, ngx_command_t* cmd, void* conf) {
  auto* location = static_cast<LocConf*>(conf);
  if (location->asksSecret != NGX_CONF_UNSET) return const_cast<char*>("is duplicate");
  const auto* values = static_cast<ngx_str_t*>(cf->args->elts);
  location->asksSecret = ngx_strcmp(values[1].data, "on") == 0;
  if (!location->asksSecret && ngx_strcmp(values[1].data, "off") != 0) {
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid value \"%V\" in \"%V\" directive, it must be \"on\" or \"off\"",
                       &values[1], &cmd->name);
    return static_cast<char*>(NGX_CONF_ERROR);
  }
  ngx_str_set(&location->secretCookie, "mediasync_secret");
  if (cf->args->nelts == 2) return NGX_CONF_OK;
  constexpr std::string_view kCookie = "cookie=";
  if (!location->asksSecret || !view(values[2]).starts_with(kCookie)) {
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\"", &values[2]);
    return static_cast<char*>(NGX_CONF_ERROR);
  }
  location->secretCookie = {values[2].len - kCookie.size(), values[2].data + kCookie.size()};
  return checkCookieName(cf, location->secretCookie);
}

// mediasync_origin same | any | ORIGIN ... [scheme=STRING];
char* ngx_http_mediasync_origin(ngx_conf_t* cf, ngx_command_t*, void* conf) {
  auto* location = static_cast<LocConf*>(conf);
  if (location->originPolicy != OriginPolicy::kUnset) return const_cast<char*>("is duplicate");
  const std::span values(static_cast<ngx_str_t*>(cf->args->elts) + 1, cf->args->nelts - 1);
  location->origins = ngx_array_create(cf->pool, values.size(), sizeof(mediasync::api::OriginPattern));
  if (location->origins == nullptr) return static_cast<char*>(NGX_CONF_ERROR);
  location->originPolicy = OriginPolicy::kSame;
  constexpr std::string_view kScheme = "scheme=";
  for (const ngx_str_t& value : values) {
    if (view(value) == "same") continue;  // always allowed
    if (view(value) == "any" && values.size() == 1) {
      location->originPolicy = OriginPolicy::kAny;
      continue;
    }
    const bool isScheme = view(value).starts_with(kScheme);
    char* error = isScheme ? takeScheme(cf, *location, {value.len - kScheme.size(), value.data + kScheme.size()})
                           : addOrigin(cf, *location, value);
    if (error != NGX_CONF_OK) return error;
    if (!isScheme) location->originPolicy = OriginPolicy::kListed;
  }
  return NGX_CONF_OK;
}
