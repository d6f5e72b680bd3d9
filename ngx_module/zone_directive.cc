#include "ngx_module/zone_directive.h"

#include <limits>
#include <new>

#include "ngx_module/conf.h"
#include "ngx_module/guard.h"
#include "ngx_module/process.h"
#include "ngx_module/response.h"
#include "ngx_module/state_file.h"
#include "ngx_module/zone_change.h"

namespace mediasync::ngx {
namespace {

constexpr ngx_uint_t kDefaultShards = 8;
constexpr std::int64_t kLongestDrain = 60'000;
constexpr std::int64_t kDefaultRestartGrace = 20'000;
constexpr ssize_t kLargestZone = ssize_t{32} << 30;  // what the references in its records can reach

struct Parser {
  ngx_conf_t* cf;
  ZoneConf* zone;
  ssize_t size = 0;
  bool hasSync = false;
};

bool startsWith(const ngx_str_t& value, const char* prefix, ngx_str_t* rest) {
  const size_t length = ngx_strlen(prefix);
  if (value.len < length || ngx_strncmp(value.data, prefix, length) != 0) return false;
  rest->data = value.data + length;
  rest->len = value.len - length;
  return true;
}

char* invalid(ngx_conf_t* cf, const ngx_str_t& value) {
  ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\"", &value);
  return static_cast<char*>(NGX_CONF_ERROR);
}

// Reads a size as NGINX does, and gigabytes besides, as it reads offsets.
ssize_t parseZoneSize(ngx_str_t size) {
  const off_t bytes = ngx_parse_offset(&size);
  return bytes < 0 || bytes > std::numeric_limits<ssize_t>::max() ? NGX_ERROR : static_cast<ssize_t>(bytes);
}

// "NAME:SIZE"
char* parseName(Parser& p, const ngx_str_t& whole, ngx_str_t value) {
  u_char* colon = ngx_strlchr(value.data, value.data + value.len, ':');
  if (colon == nullptr || colon == value.data) {
    ngx_conf_log_error(NGX_LOG_EMERG, p.cf, 0, "invalid zone size \"%V\"", &whole);
    return static_cast<char*>(NGX_CONF_ERROR);
  }
  p.zone->name = {static_cast<size_t>(colon - value.data), value.data};
  p.size = parseZoneSize({static_cast<size_t>(value.data + value.len - colon - 1), colon + 1});
  if (p.size == NGX_ERROR) {
    ngx_conf_log_error(NGX_LOG_EMERG, p.cf, 0, "invalid zone size \"%V\"", &whole);
    return static_cast<char*>(NGX_CONF_ERROR);
  }
  return NGX_CONF_OK;
}

char* parseTime(Parser& p, const ngx_str_t& whole, ngx_str_t value, std::int64_t* out) {
  const ngx_int_t ms = ngx_parse_time(&value, 0);
  if (ms == NGX_ERROR || value.len == 0) return invalid(p.cf, whole);
  *out = ms;
  return NGX_CONF_OK;
}

// Old workers are there for as long.
char* parseDrain(Parser& p, const ngx_str_t& whole, ngx_str_t value) {
  char* error = parseTime(p, whole, value, &p.zone->settings.drain);
  return error == NGX_CONF_OK && p.zone->settings.drain > kLongestDrain ? invalid(p.cf, whole) : error;
}

char* parseShards(Parser& p, const ngx_str_t& whole, ngx_str_t value) {
  const ngx_int_t shards = ngx_atoi(value.data, value.len);
  if (shards < 1 || shards > static_cast<ngx_int_t>(store::Zone::kMaxShards)) return invalid(p.cf, whole);
  p.zone->shards = static_cast<ngx_uint_t>(shards);
  return NGX_CONF_OK;
}

char* parseLog(Parser& p, const ngx_str_t& whole, ngx_str_t value) {
  const ssize_t size = ngx_parse_size(&value);
  if (size < static_cast<ssize_t>(store::Zone::kMinLog)) return invalid(p.cf, whole);
  p.zone->settings.logLimit = static_cast<std::size_t>(size);
  return NGX_CONF_OK;
}

char* parseState(Parser& p, const ngx_str_t& whole, ngx_str_t value) {
  if (value.len == 0) return invalid(p.cf, whole);
  p.zone->statePath = value;
  return ngx_conf_full_name(p.cf->cycle, &p.zone->statePath, 0) == NGX_OK ? NGX_CONF_OK
                                                                          : static_cast<char*>(NGX_CONF_ERROR);
}

char* parseSync(Parser& p, const ngx_str_t& whole, ngx_str_t value) {
  if (view(value) == "always") {
    p.zone->stateSync = persistence::StateSync::kAlways;
  } else if (view(value) == "interval") {
    p.zone->stateSync = persistence::StateSync::kInterval;
  } else if (view(value) == "off") {
    p.zone->stateSync = persistence::StateSync::kOff;
  } else {
    return invalid(p.cf, whole);
  }
  p.hasSync = true;
  return NGX_CONF_OK;
}

char* parseParameter(Parser& p, const ngx_str_t& value) {
  ngx_str_t rest;
  if (startsWith(value, "zone=", &rest)) return parseName(p, value, rest);
  if (startsWith(value, "shards=", &rest)) return parseShards(p, value, rest);
  if (startsWith(value, "log=", &rest)) return parseLog(p, value, rest);
  if (startsWith(value, "state=", &rest)) return parseState(p, value, rest);
  if (startsWith(value, "sync=", &rest)) return parseSync(p, value, rest);
  auto& settings = p.zone->settings;
  if (startsWith(value, "session_timeout=", &rest)) return parseTime(p, value, rest, &settings.sessionTimeout);
  if (startsWith(value, "user_timeout=", &rest)) return parseTime(p, value, rest, &settings.userTimeout);
  if (startsWith(value, "disconnect_grace=", &rest)) return parseTime(p, value, rest, &settings.disconnectGrace);
  if (startsWith(value, "restart_grace=", &rest)) return parseTime(p, value, rest, &settings.restartGrace);
  if (startsWith(value, "recovery=", &rest)) return parseTime(p, value, rest, &settings.recovery);
  if (startsWith(value, "drain=", &rest)) return parseDrain(p, value, rest);
  return invalid(p.cf, value);
}

char* checkSize(Parser& p) {
  if (p.size > kLargestZone) {
    ngx_conf_log_error(NGX_LOG_EMERG, p.cf, 0, "zone \"%V\" is too large, at most 32g can be used", &p.zone->name);
    return static_cast<char*>(NGX_CONF_ERROR);
  }
  const std::size_t least =
      store::Zone::minimumSize(static_cast<std::uint32_t>(p.zone->shards)) + 16 * static_cast<size_t>(ngx_pagesize);
  if (p.size >= static_cast<ssize_t>(least)) return NGX_CONF_OK;
  ngx_conf_log_error(NGX_LOG_EMERG, p.cf, 0, "zone \"%V\" is too small, %uz kilobytes are needed with %ui shards",
                     &p.zone->name, (least + 1023) / 1024, p.zone->shards);
  return static_cast<char*>(NGX_CONF_ERROR);
}

// A file is of one zone.
char* checkState(Parser& p, const ngx_array_t& zones) {
  if (p.hasSync && p.zone->statePath.len == 0) {
    ngx_conf_log_error(NGX_LOG_EMERG, p.cf, 0, "\"sync\" parameter needs \"state\"");
    return static_cast<char*>(NGX_CONF_ERROR);
  }
  for (ngx_uint_t i = 0; i < zones.nelts && p.zone->statePath.len > 0; ++i) {
    const ZoneConf* other = static_cast<ZoneConf**>(zones.elts)[i];
    if (view(other->statePath) != view(p.zone->statePath)) continue;
    ngx_conf_log_error(NGX_LOG_EMERG, p.cf, 0, "state file \"%V\" is used by zone \"%V\"", &p.zone->statePath,
                       &other->name);
    return static_cast<char*>(NGX_CONF_ERROR);
  }
  return NGX_CONF_OK;
}

// The whole of the zone's free pages is ours; NGINX's allocator is not used after this.
std::span<std::byte> takePages(ngx_slab_pool_t* pool) {
  const size_t bytes = pool->pfree * ngx_pagesize;
  auto* memory = static_cast<std::byte*>(ngx_slab_alloc(pool, bytes));
  if (memory == nullptr) return {};
  return {memory, bytes};
}

ngx_int_t openZone(ngx_shm_zone_t* shm, void* before) {
  auto* conf = static_cast<ZoneConf*>(shm->data);
  auto* pool = reinterpret_cast<ngx_slab_pool_t*>(shm->shm.addr);
  std::optional<store::Zone> zone;
  const bool isNew = before == nullptr && !shm->shm.exists;
  if (!isNew) {
    const auto* anchor = static_cast<Anchor*>(pool->data);
    zone = store::Zone::attach({anchor->memory, anchor->size}, conf->settings);
    if (zone && zone->shards() != conf->shards) {
      ngx_log_error(NGX_LOG_WARN, shm->shm.log, 0,
                    "mediasync_zone \"%V\" keeps its %uD shards until NGINX is restarted", &conf->name, zone->shards());
    }
  } else {
    auto* anchor = static_cast<Anchor*>(ngx_slab_alloc(pool, sizeof(Anchor)));
    if (anchor == nullptr) return NGX_ERROR;
    const std::span<std::byte> memory = takePages(pool);
    *anchor = {memory.data(), memory.size()};
    pool->data = anchor;
    pool->log_nomem = 0;
    if (!memory.empty()) {
      zone = store::Zone::create(memory, static_cast<std::uint32_t>(conf->shards), conf->settings, systemRandom());
    }
    if (zone) zone->header().madeAt.store(currentTime().wall);
  }
  if (!zone) {
    ngx_log_error(NGX_LOG_EMERG, shm->shm.log, 0, "mediasync_zone \"%V\" cannot be used", &conf->name);
    return NGX_ERROR;
  }
  conf->zone = new (conf->zone) store::Zone(*zone);
  return openState(*conf, isNew, shm->shm.log) ? NGX_OK : NGX_ERROR;
}

ngx_int_t initZone(ngx_shm_zone_t* shm, void* before) {
  return guarded(shm->shm.log, static_cast<ngx_int_t>(NGX_ERROR), [&] { return openZone(shm, before); });
}

ZoneConf* newZone(ngx_conf_t* cf) {
  auto* zone = static_cast<ZoneConf*>(ngx_pcalloc(cf->pool, sizeof(ZoneConf)));
  auto* memory = ngx_palloc(cf->pool, sizeof(store::Zone));
  if (zone == nullptr || memory == nullptr) return nullptr;
  zone->shards = kDefaultShards;
  zone->settings = store::ZoneSettings{};
  zone->settings.restartGrace = kDefaultRestartGrace;
  zone->stateSync = persistence::StateSync::kInterval;
  zone->zone = static_cast<store::Zone*>(memory);
  return zone;
}

}  // namespace
}  // namespace mediasync::ngx

char* ngx_http_mediasync_zone(ngx_conf_t* cf, ngx_command_t* cmd, void* conf) {
  using namespace mediasync::ngx;
  Parser parser{cf, newZone(cf)};
  if (parser.zone == nullptr) return static_cast<char*>(NGX_CONF_ERROR);
  const auto* values = static_cast<ngx_str_t*>(cf->args->elts);
  for (ngx_uint_t i = 1; i < cf->args->nelts; ++i) {
    if (char* error = parseParameter(parser, values[i]); error != NGX_CONF_OK) return error;
  }
  if (parser.zone->name.len == 0) {
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" must have \"zone\" parameter", &cmd->name);
    return static_cast<char*>(NGX_CONF_ERROR);
  }
  if (char* error = checkSize(parser); error != NGX_CONF_OK) return error;
  if (char* error = checkState(parser, static_cast<MainConf*>(conf)->zones); error != NGX_CONF_OK) return error;
  parser.zone->shm =
      ngx_shared_memory_add(cf, &parser.zone->name, static_cast<size_t>(parser.size), &ngx_http_mediasync_module);
  if (parser.zone->shm == nullptr) return static_cast<char*>(NGX_CONF_ERROR);
  if (parser.zone->shm->data != nullptr) {
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "duplicate zone \"%V\"", &parser.zone->name);
    return static_cast<char*>(NGX_CONF_ERROR);
  }
  if (char* error = checkZoneChange(cf, *parser.zone); error != NGX_CONF_OK) return error;
  parser.zone->shm->init = initZone;
  parser.zone->shm->data = parser.zone;
  auto* main = static_cast<MainConf*>(conf);
  parser.zone->zones = &main->zones;
  auto** slot = static_cast<ZoneConf**>(ngx_array_push(&main->zones));
  if (slot == nullptr) return static_cast<char*>(NGX_CONF_ERROR);
  *slot = parser.zone;
  parser.zone->index = main->zones.nelts - 1;
  return NGX_CONF_OK;
}
