// How instants look on the wire.
#pragma once

#include <cstdint>

#include "core/api/json_writer.h"

namespace mediasync::api {

enum class TimestampUnit : std::uint8_t { kSeconds, kMilliseconds };

// Writes an epoch time as a JSON number: seconds with at most three decimals (1640995200.123, 1640995200),
// exact to the millisecond, or integer milliseconds.
void writeTimestamp(JsonWriter& json, std::int64_t epochMs, TimestampUnit unit);

// Writes ISO 8601 UTC with milliseconds, "2023-01-01T00:00:00.000Z". Times before 1970 or after 9999 are
// clamped.
void writeIsoTime(JsonWriter& json, std::int64_t epochMs);

}  // namespace mediasync::api
