// Sessions and users that give way when the tables are full.
#pragma once

#include "core/server/worker.h"

namespace mediasync::server {

// Does what needs memory. When there is none, abandoned sessions give way, and it is done again. Throws OutOfSpace.
// No lock is held: that may take a while.
template <class Act>
void Worker::withRoom(Instant now, Act act) {
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

}  // namespace mediasync::server
