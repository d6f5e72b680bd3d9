// The state of zones as a page, for operators without other tools. It loads nothing from elsewhere, and shows its
// numbers without scripts. Its script fetches the location's JSON every two seconds and plots the changes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "core/api/status.h"

namespace mediasync::api {

// `now`: epoch milliseconds.
void appendStatusPage(std::string& out, std::span<const ZoneStatus> zones, std::int64_t now);

// The value of Content-Security-Policy that permits exactly what the page needs.
std::string_view statusPagePolicy();

}  // namespace mediasync::api
