#include "core/store/saving.h"

namespace mediasync::store {
namespace {

// A user that is not there any more: nobody can come back to it.
constexpr std::uint64_t kNobody = 0;

template <class Record>
std::uint64_t lengthOf(const Zone& zone, ShardHeader& header, const Queue& queue, QueueLinks Record::*links) {
  ShardLock lock(zone.region(), header);
  std::uint64_t length = 0;
  for (Ref ref = queue.first; ref != 0; ref = (zone.arena().at<Record>(ref)->*links).next)
    ++length;
  return length;
}

}  // namespace

bool SessionSaving::openUnsaved() {
  return use(shard_.unsaved.first);
}

void SessionSaving::markSaved() {
  if (hasChanged()) {
    unlink(txn_, shard_.unsaved, &SessionRecord::inUnsaved, sessionRef_);
    edit(session_->unsaved) = Unsaved::kNothing;
  }
  if (session_->savedEnd != logEnd()) edit(session_->savedEnd) = logEnd();
}

bool ConnectionSaving::openUnsaved() {
  if (shard_.unsaved.first == 0) return false;
  openQueued(shard_.unsaved.first);
  return true;
}

void ConnectionSaving::markSaved() {
  unlink(txn_, shard_.unsaved, &ConnectionRecord::inUnsaved, recordRef_);
  edit(record_->unsaved) = false;
}

SavedRecovery savedRecovery(const Zone& zone, const ConnectionRecord& connection) {
  SavedRecovery saved{connection.pid, connection.socketId, returnRealm(connection.realm, connection.secret), {}};
  const SeatRef& seat = connection.seat;
  if (!seat && !connection.evicted) return saved;
  saved.seat.sessionSerial = seat.sessionSerial;
  saved.seat.userSerial = kNobody;
  if (!seat) return saved;
  SessionAccess session(zone, seat.shard);
  if (!session.openSeat(seat)) return saved;
  saved.seat = session.lostSeat();
  saved.seat.awaitingSnapshot = connection.awaitingSnapshot;
  saved.seat.joinedAt = connection.joinedAt;
  return saved;
}

SavedRecovery savedRecovery(const RecoveryRecord& lost) {
  return {lost.pid, lost.socketId, lost.realm(), lost.seat};
}

std::uint64_t countUnsavedSessions(const Zone& zone, std::uint32_t shard) {
  SessionShard& records = zone.sessionShard(shard);
  return lengthOf(zone, records.header, records.unsaved, &SessionRecord::inUnsaved);
}

std::uint64_t countUnsavedConnections(const Zone& zone, std::uint32_t shard) {
  ConnectionShard& records = zone.connectionShard(shard);
  return lengthOf(zone, records.header, records.unsaved, &ConnectionRecord::inUnsaved);
}

bool hasLostCountOfGone(const Zone& zone) {
  for (std::uint32_t shard = 0; shard < zone.shards(); ++shard) {
    ShardLock lock(zone.region(), zone.sessionShard(shard).header);
    if (zone.sessionShard(shard).gone.count > GoneSessions::kMost) return true;
  }
  return false;
}

bool hasUnsaved(const Zone& zone) {
  for (std::uint32_t i = 0; i < zone.shards(); ++i) {
    const SessionShard& sessions = zone.sessionShard(i);
    if (sessions.unsaved.first != 0 || sessions.gone.count != 0) return true;
    const ConnectionShard& connections = zone.connectionShard(i);
    if (connections.unsaved.first != 0) return true;
    const Ref lost = connections.lost.last;
    if (lost != 0 && !zone.arena().at<RecoveryRecord>(lost)->saved) return true;
  }
  return false;
}

}  // namespace mediasync::store
