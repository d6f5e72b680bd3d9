// Sessions and users that give way when the tables are full.
#pragma once

#include "core/server/worker.h"

namespace mediasync::server {

// Does what needs memory. When there is none, abandoned sessions give way, and it is done again. Throws OutOfSpace.
template <class Act>
void Worker::withRoom(Instant now, Act act) {
  try {
    return act();
  } catch (const store::OutOfSpace&) {
    if (!evict(now)) throw;
  }
  act();
}

}  // namespace mediasync::server
