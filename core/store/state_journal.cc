#include "core/store/state_journal.h"

#include <utility>

#include "core/store/linked.h"
#include "core/store/session_transaction.h"
#include "core/store/state_record.h"

namespace mediasync::store {
namespace {

// Records looked at under one lock, so that nobody waits for long.
constexpr int kAtOnce = 32;
constexpr std::uint32_t kBucketsAtOnce = 256;

void markSaved(Transaction& txn, SessionShard& shard, const SessionRecord& session) {
  if (session.unsaved != Unsaved::kNothing) {
    unlink(txn, shard.unsaved, &SessionRecord::inUnsaved, txn.arena().refOf(&session));
    txn.edit(session.unsaved) = Unsaved::kNothing;
  }
  if (session.savedEnd != session.log.nextSeq) txn.edit(session.savedEnd) = session.log.nextSeq;
}

// What has changed since the session was saved, or all of it when it never was.
void appendChange(std::string& out, const Arena& arena, const SessionRecord& session, Instant now) {
  const bool isNew = session.savedEnd == 0;
  appendSession(out, isNew ? FrameKind::kSession : FrameKind::kChange, arena, session, session.savedEnd,
                isNew || session.unsaved == Unsaved::kUsers, now);
}

// A user that is not there any more: nobody can come back to it.
constexpr std::uint64_t kNobody = 0;

// Under the lock of the connection's shard.
SavedRecovery recoveryOf(const Zone& zone, const ConnectionRecord& connection) {
  SavedRecovery saved{connection.pid, connection.socketId, returnRealm(connection.realm, connection.secret), {}};
  const SeatRef& seat = connection.seat;
  if (!seat && !connection.evicted) return saved;
  saved.seat.sessionSerial = seat.sessionSerial;
  saved.seat.userSerial = kNobody;
  if (!seat) return saved;
  SessionTransaction session(zone, seat.shard);
  if (!session.openSeat(seat)) return saved;
  saved.seat = session.lostSeat();
  saved.seat.awaitingSnapshot = connection.awaitingSnapshot;
  saved.seat.joinedAt = connection.joinedAt;
  return saved;
}

SavedRecovery recoveryOf(const RecoveryRecord& lost) {
  return {lost.pid, lost.socketId, lost.realm(), lost.seat};
}

}  // namespace

bool StateJournal::takeChanges(std::string& out, std::size_t maxBytes, Instant now) {
  const std::size_t most = out.size() + maxBytes;
  for (; passShard_ < zone_.shards(); ++passShard_) {
    if (!std::exchange(inShard_, true)) enterShard(passShard_);
    if (!takeSessions(passShard_, out, most, now)) return true;
    takeGone(passShard_, out);
    if (!takeConnections(passShard_, out, most)) return true;
    takeLost(passShard_, out);
    inShard_ = false;
  }
  passShard_ = 0;
  return false;
}

void StateJournal::enterShard(std::uint32_t shard) {
  const auto lengthOf = [&](ShardHeader& header, const Queue& queue, auto next) {
    ReadLock lock(zone_.region(), header);
    std::uint64_t length = 0;
    for (Ref ref = queue.first; ref != 0; ref = next(ref))
      ++length;
    return length;
  };
  const Arena& arena = zone_.arena();
  SessionShard& sessions = zone_.sessionShard(shard);
  ConnectionShard& connections = zone_.connectionShard(shard);
  sessionsLeft_ = lengthOf(sessions.header, sessions.unsaved,
                           [&](Ref ref) { return arena.at<SessionRecord>(ref)->inUnsaved.next; });
  connectionsLeft_ = lengthOf(connections.header, connections.unsaved,
                              [&](Ref ref) { return arena.at<ConnectionRecord>(ref)->inUnsaved.next; });
}

bool StateJournal::needsSnapshot() const {
  for (std::uint32_t shard = 0; shard < zone_.shards(); ++shard) {
    ReadLock lock(zone_.region(), zone_.sessionShard(shard).header);
    if (zone_.sessionShard(shard).gone.count > GoneSessions::kMost) return true;
  }
  return false;
}

// True: it has all.
bool StateJournal::takeSessions(std::uint32_t shard, std::string& out, std::size_t most, Instant now) {
  SessionShard& records = zone_.sessionShard(shard);
  while (sessionsLeft_ > 0) {
    if (out.size() > most) return false;
    Transaction txn(zone_.region(), records.header);
    for (int i = 0; i < kAtOnce && sessionsLeft_ > 0 && out.size() <= most; ++i) {
      if (records.unsaved.first == 0) {
        sessionsLeft_ = 0;
        break;
      }
      const auto& session = *zone_.arena().at<SessionRecord>(records.unsaved.first);
      appendChange(out, zone_.arena(), session, now);
      markSaved(txn, records, session);
      --sessionsLeft_;
    }
    txn.commit();
  }
  return true;
}

void StateJournal::takeGone(std::uint32_t shard, std::string& out) {
  SessionShard& records = zone_.sessionShard(shard);
  Transaction txn(zone_.region(), records.header);
  const GoneSessions& gone = records.gone;
  if (gone.count == 0 || gone.count > GoneSessions::kMost) return;
  for (std::uint32_t i = 0; i < gone.count; ++i)
    appendGone(out, gone.serials[i]);
  txn.edit(gone.count) = 0;
  txn.commit();
}

bool StateJournal::takeConnections(std::uint32_t shard, std::string& out, std::size_t most) {
  ConnectionShard& records = zone_.connectionShard(shard);
  while (connectionsLeft_ > 0) {
    if (out.size() > most) return false;
    Transaction txn(zone_.region(), records.header);
    for (int i = 0; i < kAtOnce && connectionsLeft_ > 0; ++i) {
      if (records.unsaved.first == 0) {
        connectionsLeft_ = 0;
        break;
      }
      const Ref ref = records.unsaved.first;
      const auto& connection = *zone_.arena().at<ConnectionRecord>(ref);
      if (connection.recoverable) appendRecovery(out, recoveryOf(zone_, connection));
      unlink(txn, records.unsaved, &ConnectionRecord::inUnsaved, ref);
      txn.edit(connection.unsaved) = false;
      --connectionsLeft_;
    }
    txn.commit();
  }
  return true;
}

// Those that were lost last are at the end of the queue. The mark is not noted for undoing: it is of use only until
// this process dies, when a snapshot is due.
void StateJournal::takeLost(std::uint32_t shard, std::string& out) {
  ConnectionShard& records = zone_.connectionShard(shard);
  ReadLock lock(zone_.region(), records.header);
  for (Ref ref = records.lost.last; ref != 0;) {
    auto& lost = *zone_.arena().at<RecoveryRecord>(ref);
    if (lost.saved) return;
    appendRecovery(out, recoveryOf(lost));
    lost.saved = true;
    ref = lost.inQueue.previous;
  }
}

void StateJournal::beginSnapshot() {
  shard_ = 0;
  copied_ = 0;
  bucket_ = 0;
  sessionsCopied_ = false;
}

bool StateJournal::takeSnapshot(std::string& snapshot, std::string& changes, std::size_t maxBytes, Instant now) {
  const std::size_t most = snapshot.size() + maxBytes;
  while (snapshot.size() <= most) {
    const bool more = sessionsCopied_ ? copyRecoveries(snapshot, most) : copySessions(snapshot, changes, most, now);
    if (more) continue;
    if (sessionsCopied_) {
      appendFrame(snapshot, FrameKind::kSnapshotEnd, {});
      return false;
    }
    sessionsCopied_ = true;
    shard_ = 0;
  }
  return true;
}

// The first session of a higher serial than the last one copied: the one behind it, unless that has ended meanwhile.
Ref StateJournal::nextToCopy(const SessionShard& records) const {
  const Arena& arena = zone_.arena();
  if (copied_ == 0) return records.allSessions.first;
  const bool isThere = isObject<SessionRecord>(zone_.region(), records.header, copiedRef_);
  const auto& last = *arena.at<SessionRecord>(copiedRef_);
  if (isThere && last.serial == copied_) return last.all.next;
  Ref ref = records.allSessions.first;
  while (ref != 0 && arena.at<SessionRecord>(ref)->serial <= copied_)
    ref = arena.at<SessionRecord>(ref)->all.next;
  return ref;
}

// Some sessions, in the order of their serials. False: that was all of them.
bool StateJournal::copySessions(std::string& snapshot, std::string& changes, std::size_t most, Instant now) {
  if (shard_ == zone_.shards()) return false;
  SessionShard& records = zone_.sessionShard(shard_);
  Transaction txn(zone_.region(), records.header);
  if (copied_ == 0) txn.edit(records.gone.count) = 0;
  Ref ref = nextToCopy(records);
  for (int i = 0; i < kAtOnce && ref != 0 && snapshot.size() <= most; ++i) {
    const auto& session = *zone_.arena().at<SessionRecord>(ref);
    copied_ = session.serial;
    copiedRef_ = ref;
    ref = session.all.next;
    if (session.ending) continue;
    if (session.unsaved != Unsaved::kNothing) appendChange(changes, zone_.arena(), session, now);
    appendSession(snapshot, FrameKind::kSession, zone_.arena(), session, 0, true, now);
    markSaved(txn, records, session);
  }
  txn.commit();
  if (ref != 0) return true;
  ++shard_;
  copied_ = 0;
  return true;
}

// Those of some buckets: of connections that are there, and lost ones. False: that was all of them.
bool StateJournal::copyRecoveries(std::string& snapshot, std::size_t most) {
  if (shard_ == zone_.shards()) return false;
  ConnectionShard& records = zone_.connectionShard(shard_);
  const Arena& arena = zone_.arena();
  ReadLock lock(zone_.region(), records.header);
  for (std::uint32_t i = 0; i < kBucketsAtOnce && bucket_ <= records.bucketMask && snapshot.size() <= most; ++i) {
    for (Ref ref = arena.at<Ref>(records.buckets)[bucket_]; ref != 0;) {
      const auto& connection = *arena.at<ConnectionRecord>(ref);
      if (connection.recoverable && !connection.dead) appendRecovery(snapshot, recoveryOf(zone_, connection));
      ref = connection.hashNext;
    }
    for (Ref ref = arena.at<Ref>(records.recoveryBuckets)[bucket_]; ref != 0;) {
      const auto& recovery = *arena.at<RecoveryRecord>(ref);
      if (recovery.connection.ref == 0) appendRecovery(snapshot, recoveryOf(recovery));
      ref = recovery.hashNext;
    }
    ++bucket_;
  }
  if (bucket_ <= records.bucketMask) return true;
  ++shard_;
  bucket_ = 0;
  return true;
}

}  // namespace mediasync::store
