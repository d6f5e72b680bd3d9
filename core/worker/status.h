// The content and the work of a zone in figures, summed over its workers.
#pragma once

#include <string_view>
#include <vector>

#include "core/api/status.h"
#include "core/base/clock.h"
#include "core/store/zone.h"

namespace mediasync::server {

std::vector<api::Metric> statusOf(const store::Zone&, Instant now = {});

// All of it. `name` must outlive what is returned.
api::ZoneStatus statusOf(const store::Zone&, std::string_view name, Instant now);

}  // namespace mediasync::server
