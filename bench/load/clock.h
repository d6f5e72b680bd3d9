// The generator's clock: nanoseconds, monotonic, the same that Asio's timers go by.
#pragma once

#include <chrono>
#include <cstdint>

namespace mediasync::bench {

inline std::int64_t nowNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

inline std::chrono::steady_clock::time_point atNs(std::int64_t ns) {
  return std::chrono::steady_clock::time_point(std::chrono::nanoseconds(ns));
}

inline constexpr double kNsPerSecond = 1e9;

}  // namespace mediasync::bench
