// Times in the API's formats.
#pragma once

#include <cstdint>
#include <optional>

#include "core/api/json_writer.h"

namespace mediasync::api {

enum class TimestampUnit : std::uint8_t { kSeconds, kMilliseconds };

// Writes an epoch time as a JSON number: seconds with at most three decimals (1640995200.123, 1640995200), exact to the
// millisecond, or integer milliseconds.
void writeTimestamp(JsonWriter& json, std::int64_t epochMs, TimestampUnit unit);

// Writes an epoch time with microseconds: seconds with six decimals or milliseconds with three.
void writePreciseTime(JsonWriter& json, std::int64_t epochUs, TimestampUnit unit);

// The answer to a clock probe.
struct ProbeTimes {
  double probe = 0;                       // echoed unchanged
  std::int64_t receivedAt = 0;            // epoch microseconds
  std::int64_t sentAt = 0;                // epoch microseconds
  std::optional<std::int64_t> roundTrip;  // microseconds, measured by the kernel for this connection
};

// Writes `probe`, `receivedAt`, `sentAt` and, if known, `roundTrip` in seconds into an object that the caller has
// begun.
void writeProbeTimes(JsonWriter& json, const ProbeTimes& times, TimestampUnit unit);

// Writes ISO 8601 UTC with milliseconds, "2023-01-01T00:00:00.000Z". Clamps times before 1970 or after 9999.
void writeIsoTime(JsonWriter& json, std::int64_t epochMs);

}  // namespace mediasync::api
