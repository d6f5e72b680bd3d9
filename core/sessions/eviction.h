// Abandoned sessions and users give way when the tables are full.
#pragma once

#include <cstdint>

#include "core/context/part.h"

namespace mediasync::server {

class Eviction : Part {
 public:
  explicit Eviction(Context&);
  bool evictOne(Instant now);
  bool evictOne(Instant now, int& steps);
  // Does what needs memory. When there is none, abandoned sessions give way, and it is done again. Throws OutOfSpace.
  // No lock is held: that may take a while.
  template <class Act>
  void withRoom(Instant now, Act act) {
    // A session that gives way may lie among others that stay, and leave no room of the kind that is needed.
    constexpr int kRounds = 4;
    for (int round = 0;; ++round) {
      try {
        return act();
      } catch (const store::OutOfSpace&) {
        if (round == kRounds || !evict(now)) throw;
      }
    }
  }

 private:
  bool dismissOne(Instant now);
  bool evict(Instant now);

  std::int64_t evictionLoggedAt_ = 0;  // monotonic; 0: never
  std::uint64_t evictionsLogged_ = 0;  // of the counter
};

}  // namespace mediasync::server
