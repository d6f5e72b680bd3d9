// One measurement: what the server and the generator have spent between its beginning and its end, and what came of it.
#pragma once

#include <nlohmann/json.hpp>

#include "bench/load/context.h"
#include "bench/load/server_probe.h"

namespace mediasync::bench {

class Measurement {
 public:
  Measurement(Context& context, const ServerProbe& probe)
      : context_(context), probe_(probe), began_(nowNs()), serverBefore_(probe.cpuNs()), ownBefore_(ownCpuNs()) {}

  // `operations` is what the cost is divided by. The time is that until the last delivery or answer.
  nlohmann::json end(std::uint64_t operations) const {
    const double server = static_cast<double>(probe_.cpuNs() - serverBefore_);
    const double own = static_cast<double>(ownCpuNs() - ownBefore_);
    const std::int64_t last = std::max(context_.tally.lastNs, began_ + 1);
    const double seconds = static_cast<double>(last - began_) / kNsPerSecond;
    const double count = static_cast<double>(std::max<std::uint64_t>(operations, 1));
    return {{"operations", operations},
            {"seconds", seconds},
            {"per_second", count / seconds},
            {"cpu_us", server / 1e3 / count},
            {"generator_cpu_us", own / 1e3 / count},
            {"server_busy", server / kNsPerSecond / seconds}};
  }

 private:
  Context& context_;
  const ServerProbe& probe_;
  std::int64_t began_, serverBefore_, ownBefore_;
};

inline nlohmann::json latencyOf(const Histogram& latency) {
  return {{"p50_us", latency.percentileUs(0.5)}, {"p99_us", latency.percentileUs(0.99)}, {"max_us", latency.maxUs()}};
}

// What went wrong; all 0 when nothing did.
inline nlohmann::json troubleOf(const Tally& tally) {
  return {{"doubled", tally.doubled},
          {"errors", tally.errors},
          {"closed", tally.closed},
          {"failed_to_connect", tally.failedToConnect}};
}

}  // namespace mediasync::bench
