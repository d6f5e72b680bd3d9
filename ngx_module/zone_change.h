// Decides what becomes of a zone's sessions on reload. NGINX keeps the memory of a zone that has the same name, size
// and module as before; otherwise it makes a new one, and what the old one held is gone.
#pragma once

#include <cstddef>

#include "ngx_module/conf.h"
#include "ngx_module/nginx.h"

namespace mediasync::ngx {

// The head of a zone's memory, which NGINX keeps across reloads.
struct Anchor {
  std::byte* memory;
  size_t size;
};

// While the configuration is read: refuses a zone, with the reason in the log, in whose place is one with sessions that
// could not be kept. Only the master process of a running NGINX knows of such.
char* checkZoneChange(ngx_conf_t* cf, const ZoneConf& zone);

// Once the configuration is in use: says which zones are gone, and what they held.
void reportGoneZones(const ngx_cycle_t* cycle);

}  // namespace mediasync::ngx
