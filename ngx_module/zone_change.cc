#include "ngx_module/zone_change.h"

#include <optional>
#include <string_view>

#include "ngx_module/response.h"

namespace mediasync::ngx {
namespace {

// Calls fn(ngx_shm_zone_t&) for each zone of shared memory, whosever it is.
template <class Fn>
void forEachZone(const ngx_cycle_t& cycle, Fn fn) {
  for (const ngx_list_part_t* part = &cycle.shared_memory.part; part != nullptr; part = part->next) {
    auto* zones = static_cast<ngx_shm_zone_t*>(part->elts);
    for (ngx_uint_t i = 0; i < part->nelts; ++i)
      fn(zones[i]);
  }
}

// A module that was loaded from another file is another module of the same name.
bool isOfMediasync(const ngx_cycle_t& cycle, const ngx_shm_zone_t& zone) {
  for (ngx_module_t** module = cycle.modules; module != nullptr && *module != nullptr; ++module) {
    if (*module == zone.tag) return std::string_view((*module)->name) == "ngx_http_mediasync_module";
  }
  return false;
}

bool isKept(const ngx_shm_zone_t& before, const ngx_shm_zone_t& now) {
  return before.tag == now.tag && before.shm.size == now.shm.size;
}

bool hasSameName(const ngx_shm_zone_t& a, const ngx_shm_zone_t& b) {
  return view(a.shm.name) == view(b.shm.name);
}

// nullopt: its tables are laid out otherwise, by another build of the module.
std::optional<std::uint32_t> sessionsIn(const ngx_shm_zone_t& zone) {
  const auto* pool = reinterpret_cast<const ngx_slab_pool_t*>(zone.shm.addr);
  const auto* anchor = pool == nullptr ? nullptr : static_cast<const Anchor*>(pool->data);
  if (anchor == nullptr || anchor->memory == nullptr) return 0;  // it has never been in use
  const auto tables = store::Zone::attach({anchor->memory, anchor->size}, {});
  if (!tables) return std::nullopt;
  return tables->sessionCount();
}

char* refuse(ngx_conf_t* cf, const ngx_shm_zone_t& before, const char* reason, std::optional<std::uint32_t> sessions) {
  constexpr const char* kWayOut = "NGINX goes on with the old configuration, restart it or give the zone another name";
  if (sessions) {
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "mediasync_zone \"%V\" %s, its sessions (%uD) would be lost: %s",
                       &before.shm.name, reason, *sessions, kWayOut);
  } else {
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "mediasync_zone \"%V\" %s, its sessions, if any, would be lost: %s",
                       &before.shm.name, reason, kWayOut);
  }
  return static_cast<char*>(NGX_CONF_ERROR);
}

void report(const ngx_cycle_t& cycle, ngx_shm_zone_t& before, bool isReplaced) {
  const auto sessions = sessionsIn(before);
  if (!sessions || *sessions > 0) {
    ngx_log_error(NGX_LOG_WARN, cycle.log, 0, "mediasync_zone \"%V\" is gone, and its sessions with it: %uD",
                  &before.shm.name, sessions.value_or(0));
  } else if (isReplaced) {
    ngx_log_error(NGX_LOG_NOTICE, cycle.log, 0, "mediasync_zone \"%V\" held no sessions and is made anew",
                  &before.shm.name);
  }
}

}  // namespace

char* checkZoneChange(ngx_conf_t* cf, const ZoneConf& zone) {
  const ngx_cycle_t* old = cf->cycle->old_cycle;
  char* result = NGX_CONF_OK;
  if (old == nullptr) return result;
  forEachZone(*old, [&](ngx_shm_zone_t& before) {
    if (!hasSameName(before, *zone.shm) || !isOfMediasync(*old, before) || isKept(before, *zone.shm)) return;
    const auto sessions = sessionsIn(before);
    if (sessions == 0u) return;
    const char* reason = before.tag == zone.shm->tag ? "has another size" : "is of another module file";
    result = refuse(cf, before, reason, sessions);
  });
  return result;
}

void reportGoneZones(const ngx_cycle_t* cycle) {
  const ngx_cycle_t* old = cycle->old_cycle;
  if (old == nullptr) return;
  forEachZone(*old, [&](ngx_shm_zone_t& before) {
    if (!isOfMediasync(*old, before)) return;
    bool isThere = false;
    bool isReplaced = false;
    forEachZone(*cycle, [&](const ngx_shm_zone_t& now) {
      if (!hasSameName(before, now)) return;
      isThere = isKept(before, now);
      isReplaced = !isThere;
    });
    if (!isThere) report(*cycle, before, isReplaced);
  });
}

}  // namespace mediasync::ngx
