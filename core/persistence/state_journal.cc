#include "core/persistence/state_journal.h"

#include <utility>

#include "core/memory/linked.h"
#include "core/store/session_transaction.h"
#include "core/persistence/state_record.h"

namespace mediasync::persistence {
namespace {

// Records looked at under one lock, so that nobody waits for long.
constexpr int kAtOnce = 32;
constexpr std::uint32_t kBucketsAtOnce = 256;

void markSaved(store::Transaction& txn, store::SessionShard& shard, const store::SessionRecord& session) {
  if (session.unsaved != store::Unsaved::kNothing) {
    unlink(txn, shard.unsaved, &store::SessionRecord::inUnsaved, txn.arena().refOf(&session));
    txn.edit(session.unsaved) = store::Unsaved::kNothing;
  }
  if (session.savedEnd != session.log.nextSeq) txn.edit(session.savedEnd) = session.log.nextSeq;
}

// What has changed since the session was saved, or all of it when it never was.
void appendChange(std::string& out, const store::Arena& arena, const store::SessionRecord& session, Instant now) {
  const bool isNew = session.savedEnd == 0;
  appendSession(out, isNew ? FrameKind::kSession : FrameKind::kChange, arena, session, session.savedEnd,
                isNew || session.unsaved == store::Unsaved::kUsers, now);
}

// A user that is not there any more: nobody can come back to it.
constexpr std::uint64_t kNobody = 0;

// Under the lock of the connection's shard.
store::SavedRecovery recoveryOf(const store::Zone& zone, const store::ConnectionRecord& connection) {
  store::SavedRecovery saved{connection.pid, connection.socketId, returnRealm(connection.realm, connection.secret), {}};
  const store::SeatRef& seat = connection.seat;
  if (!seat && !connection.evicted) return saved;
  saved.seat.sessionSerial = seat.sessionSerial;
  saved.seat.userSerial = kNobody;
  if (!seat) return saved;
  store::SessionTransaction session(zone, seat.shard);
  if (!session.openSeat(seat)) return saved;
  saved.seat = session.lostSeat();
  saved.seat.awaitingSnapshot = connection.awaitingSnapshot;
  saved.seat.joinedAt = connection.joinedAt;
  return saved;
}

store::SavedRecovery recoveryOf(const store::RecoveryRecord& lost) {
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
  const auto lengthOf = [&](memory::ShardHeader& header, const memory::Queue& queue, auto next) {
    store::ShardLock lock(zone_.region(), header);
    std::uint64_t length = 0;
    for (store::Ref ref = queue.first; ref != 0; ref = next(ref))
      ++length;
    return length;
  };
  const store::Arena& arena = zone_.arena();
  store::SessionShard& sessions = zone_.sessionShard(shard);
  store::ConnectionShard& connections = zone_.connectionShard(shard);
  sessionsLeft_ = lengthOf(sessions.header, sessions.unsaved,
                           [&](store::Ref ref) { return arena.at<store::SessionRecord>(ref)->inUnsaved.next; });
  connectionsLeft_ = lengthOf(connections.header, connections.unsaved,
                              [&](store::Ref ref) { return arena.at<store::ConnectionRecord>(ref)->inUnsaved.next; });
}

bool StateJournal::needsSnapshot() const {
  for (std::uint32_t shard = 0; shard < zone_.shards(); ++shard) {
    store::ShardLock lock(zone_.region(), zone_.sessionShard(shard).header);
    if (zone_.sessionShard(shard).gone.count > store::GoneSessions::kMost) return true;
  }
  return false;
}

// True: it has all.
bool StateJournal::takeSessions(std::uint32_t shard, std::string& out, std::size_t most, Instant now) {
  store::SessionShard& records = zone_.sessionShard(shard);
  while (sessionsLeft_ > 0) {
    if (out.size() > most) return false;
    store::Transaction txn(zone_.region(), records.header);
    for (int i = 0; i < kAtOnce && sessionsLeft_ > 0 && out.size() <= most; ++i) {
      if (records.unsaved.first == 0) {
        sessionsLeft_ = 0;
        break;
      }
      const auto& session = *zone_.arena().at<store::SessionRecord>(records.unsaved.first);
      appendChange(out, zone_.arena(), session, now);
      markSaved(txn, records, session);
      --sessionsLeft_;
    }
    txn.commit();
  }
  return true;
}

void StateJournal::takeGone(std::uint32_t shard, std::string& out) {
  store::SessionShard& records = zone_.sessionShard(shard);
  store::Transaction txn(zone_.region(), records.header);
  const store::GoneSessions& gone = records.gone;
  if (gone.count == 0 || gone.count > store::GoneSessions::kMost) return;
  for (std::uint32_t i = 0; i < gone.count; ++i)
    appendGone(out, gone.serials[i]);
  txn.edit(gone.count) = 0;
  txn.commit();
}

bool StateJournal::takeConnections(std::uint32_t shard, std::string& out, std::size_t most) {
  store::ConnectionShard& records = zone_.connectionShard(shard);
  while (connectionsLeft_ > 0) {
    if (out.size() > most) return false;
    store::Transaction txn(zone_.region(), records.header);
    for (int i = 0; i < kAtOnce && connectionsLeft_ > 0; ++i) {
      if (records.unsaved.first == 0) {
        connectionsLeft_ = 0;
        break;
      }
      const store::Ref ref = records.unsaved.first;
      const auto& connection = *zone_.arena().at<store::ConnectionRecord>(ref);
      if (connection.recoverable) appendRecovery(out, recoveryOf(zone_, connection));
      unlink(txn, records.unsaved, &store::ConnectionRecord::inUnsaved, ref);
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
  store::ConnectionShard& records = zone_.connectionShard(shard);
  store::ShardLock lock(zone_.region(), records.header);
  for (store::Ref ref = records.lost.last; ref != 0;) {
    auto& lost = *zone_.arena().at<store::RecoveryRecord>(ref);
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
store::Ref StateJournal::nextToCopy(const store::SessionShard& records) const {
  const store::Arena& arena = zone_.arena();
  if (copied_ == 0) return records.allSessions.first;
  const bool isThere = isObject<store::SessionRecord>(zone_.region(), records.header, copiedRef_);
  const auto& last = *arena.at<store::SessionRecord>(copiedRef_);
  if (isThere && last.serial == copied_) return last.all.next;
  store::Ref ref = records.allSessions.first;
  while (ref != 0 && arena.at<store::SessionRecord>(ref)->serial <= copied_)
    ref = arena.at<store::SessionRecord>(ref)->all.next;
  return ref;
}

// Some sessions, in the order of their serials. False: that was all of them.
bool StateJournal::copySessions(std::string& snapshot, std::string& changes, std::size_t most, Instant now) {
  if (shard_ == zone_.shards()) return false;
  store::SessionShard& records = zone_.sessionShard(shard_);
  store::Transaction txn(zone_.region(), records.header);
  if (copied_ == 0) txn.edit(records.gone.count) = 0;
  store::Ref ref = nextToCopy(records);
  for (int i = 0; i < kAtOnce && ref != 0 && snapshot.size() <= most; ++i) {
    const auto& session = *zone_.arena().at<store::SessionRecord>(ref);
    copied_ = session.serial;
    copiedRef_ = ref;
    ref = session.all.next;
    if (session.ending) continue;
    if (session.unsaved != store::Unsaved::kNothing) appendChange(changes, zone_.arena(), session, now);
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
  store::ConnectionShard& records = zone_.connectionShard(shard_);
  const store::Arena& arena = zone_.arena();
  store::ShardLock lock(zone_.region(), records.header);
  for (std::uint32_t i = 0; i < kBucketsAtOnce && bucket_ <= records.bucketMask && snapshot.size() <= most; ++i) {
    for (store::Ref ref = arena.at<store::Ref>(records.buckets)[bucket_]; ref != 0;) {
      const auto& connection = *arena.at<store::ConnectionRecord>(ref);
      if (connection.recoverable && !connection.dead) appendRecovery(snapshot, recoveryOf(zone_, connection));
      ref = connection.hashNext;
    }
    for (store::Ref ref = arena.at<store::Ref>(records.recoveryBuckets)[bucket_]; ref != 0;) {
      const auto& recovery = *arena.at<store::RecoveryRecord>(ref);
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

}  // namespace mediasync::persistence
