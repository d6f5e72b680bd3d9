// Walks over all sessions of a shard, under its lock: who watches them, and who sits in them.
#pragma once

#include <cstdint>
#include <vector>

#include "core/store/session_access.h"
#include "core/store/zone.h"

namespace mediasync::store {

// A watcher of a session.
struct Watch {
  Ref session;
  std::uint64_t serial;  // of the session
  Ref watcher;
};

// Those of the shard whose worker `matches(const WorkerId&)`.
template <class Matches>
std::vector<Watch> watchesOf(const Zone& zone, std::uint32_t shard, Matches matches) {
  std::vector<Watch> found;
  SessionAccess sessions(zone, shard);
  for (bool more = sessions.openFirst(); more; more = sessions.openNext()) {
    const SessionRecord& session = sessions.record();
    for (Ref ref = session.watchers; ref != 0;) {
      const auto& watcher = *zone.arena().at<SessionWatcher>(ref);
      if (matches(watcher.worker)) found.push_back({sessions.ref(), session.serial, ref});
      ref = watcher.next;
    }
  }
  return found;
}

// A connection, and the seat that a session has for it.
struct Seated {
  ConnectionRef connection;
  SeatRef seat;
};
std::vector<Seated> seatsOf(const Zone&, std::uint32_t shard);

// The readers of the worker in that slot, which stands still, are waited for no longer. Should it go on meanwhile, what
// it says that they need from then on stands.
void passByReaders(const Zone&, std::uint16_t slot);

// Some user's grace runs: there is something to be done soon. A look without locks.
bool hasGraces(const Zone&);

}  // namespace mediasync::store
