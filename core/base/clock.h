// Time as a parameter: core/ never reads a clock.
#pragma once

#include <cstdint>

namespace mediasync {

// One reading of both clocks of the machine, in milliseconds.
struct Instant {
  std::int64_t wall = 0;  // since the Unix epoch; what clients see; may jump
  std::int64_t mono = 0;  // the machine's monotonic clock; all durations and deadlines use it

  Instant after(std::int64_t ms) const { return {wall + ms, mono + ms}; }
};

}  // namespace mediasync
