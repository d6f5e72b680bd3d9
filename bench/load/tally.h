// What all clients together have been sent, counted.
#pragma once

#include <cstdint>
#include <vector>

#include "bench/load/histogram.h"
#include "bench/load/stamp.h"

namespace mediasync::bench {

// Which messages of its session a client still expects.
struct Progress {
  std::uint32_t next = 0;
};

struct Tally {
  Histogram latency;  // of deliveries, or of heartbeats and reads
  std::uint64_t deliveries = 0;
  std::uint64_t lost = 0;     // skipped at a client that got a later one
  std::uint64_t doubled = 0;  // came again, or after a later one
  std::int64_t lastNs = 0;    // when the last delivery came
  std::uint64_t joined = 0, announcements = 0, answers = 0, errors = 0, closed = 0, failedToConnect = 0;

  // Deliveries that have come, or will not come any more.
  std::uint64_t settled() const { return deliveries - doubled + lost; }
  void deliver(Progress& progress, const Stamp& stamp, std::int64_t now) {
    ++deliveries;
    lastNs = now;
    latency.add(now - stamp.sentNs);
    if (stamp.sequence < progress.next) {
      ++doubled;
      return;
    }
    lost += stamp.sequence - progress.next;
    progress.next = stamp.sequence + 1;
  }
  void answer(std::int64_t askedNs, std::int64_t now) {
    ++answers;
    lastNs = now;
    latency.add(now - askedNs);
  }
};

}  // namespace mediasync::bench
