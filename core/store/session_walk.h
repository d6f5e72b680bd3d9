// Walks over all sessions of a shard, under its lock: their watchers and their seats.
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

// The watchers of the shard whose worker satisfies `matches(const WorkerId&)`.
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

// A connection, and its seat according to a session.
struct Seated {
  ConnectionRef connection;
  SeatRef seat;
};
std::vector<Seated> seatsOf(const Zone&, std::uint32_t shard);

// Ends all waits for the readers of the hung worker in that slot. If it continues meanwhile, its later needs count.
void passByReaders(const Zone&, std::uint16_t slot);

// True if some user is in grace, so that a time-out is near. Reads without locks.
bool hasGraces(const Zone&);

}  // namespace mediasync::store
