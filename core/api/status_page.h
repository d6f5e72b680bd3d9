// The state of zones as a page, for operators without other tools: it needs nothing from elsewhere, and shows its
// numbers without scripts. With them it asks for the same location's JSON every two seconds, and draws what changes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "core/api/status.h"

namespace mediasync::api {

// `now`: epoch milliseconds.
void appendStatusPage(std::string& out, std::span<const ZoneStatus> zones, std::int64_t now);

// The value of the header Content-Security-Policy that lets the page do what it does, and nothing else.
std::string_view statusPagePolicy();

}  // namespace mediasync::api
