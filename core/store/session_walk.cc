#include "core/store/session_walk.h"

namespace mediasync::store {
namespace {

void addSeats(const Zone& zone, const SessionAccess& session, const UserRecord& user, std::vector<Seated>& seats) {
  for (Ref ref = user.firstMembership; ref != 0;) {
    const auto& membership = *zone.arena().at<Membership>(ref);
    seats.push_back(
        {{membership.connection, membership.connectionSerial, membership.connectionShard},
         {session.ref(), membership.user, ref, session.shardIndex(), session.record().serial, membership.serial}});
    ref = membership.next;
  }
}

}  // namespace

std::vector<Seated> seatsOf(const Zone& zone, std::uint32_t shard) {
  std::vector<Seated> seats;
  SessionAccess session(zone, shard);
  for (bool more = session.openFirst(); more; more = session.openNext())
    session.forEachUser([&](const UserRecord& user) { addSeats(zone, session, user, seats); });
  return seats;
}

void passByReaders(const Zone& zone, std::uint16_t slot) {
  for (std::uint32_t shard = 0; shard < zone.shards(); ++shard) {
    SessionAccess session(zone, shard);
    if (zone.worker(slot).passedBy.load() == 0) return;
    for (bool more = session.openFirst(); more; more = session.openNext()) {
      for (Ref ref = session.record().watchers; ref != 0;) {
        auto& watcher = *zone.arena().at<SessionWatcher>(ref);
        if (watcher.worker.slot == slot) watcher.needed.store(kNothingNeeded, std::memory_order_release);
        ref = watcher.next;
      }
    }
  }
}

bool hasGraces(const Zone& zone) {
  for (std::uint32_t i = 0; i < zone.shards(); ++i) {
    if (zone.sessionShard(i).grace.first != 0 || zone.sessionShard(i).lateGrace.first != 0) return true;
  }
  return false;
}

}  // namespace mediasync::store
