// What a zone holds and has done, summed over its workers.
#pragma once

#include <vector>

#include "core/api/status.h"
#include "core/store/zone.h"

namespace mediasync::server {

std::vector<api::Metric> statusOf(const store::Zone&);

}  // namespace mediasync::server
