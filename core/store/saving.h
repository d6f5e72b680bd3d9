// What the state file has yet to be told of a shard, and what it has been told. Each class holds the lock of the shard
// for as long as it lives; marks are rolled back unless committed.
#pragma once

#include <cstdint>

#include "core/store/connection_access.h"
#include "core/store/saved.h"
#include "core/store/session_access.h"

namespace mediasync::store {

class SessionSaving final : public SessionAccess {
 public:
  using SessionAccess::SessionAccess;

  // Makes the session the current one that changed first of those which have yet to be saved. False: there is none.
  bool openUnsaved();
  bool hasChanged() const { return session_->unsaved != Unsaved::kNothing; }
  // The file has the current one as it is.
  void markSaved();
  // The sessions of the shard that have ended; the file has been told.
  const GoneSessions& gone() const { return shard_.gone; }
  void forgetGone() { edit(shard_.gone.count) = 0; }
  void commit() { txn_.commit(); }
};

class ConnectionSaving final : public ConnectionAccess {
 public:
  using ConnectionAccess::ConnectionAccess;

  // As above, of connections that can be recovered, or could be.
  bool openUnsaved();
  void markSaved();
};

// Where a client can come back to as long as its connection is there. Under the lock of the connection's shard; locks
// that of its session.
SavedRecovery savedRecovery(const Zone&, const ConnectionRecord&);
SavedRecovery savedRecovery(const RecoveryRecord&);

// Clients that can come back, by the buckets of a shard's tables.
class RecoveryReader {
 public:
  RecoveryReader(const Zone& zone, std::uint32_t shard)
      : zone_(zone), shard_(zone.connectionShard(shard)), lock_(zone.region(), shard_.header) {}

  std::uint32_t buckets() const { return shard_.bucketMask + 1; }
  // Calls fn(const SavedRecovery&) for each of the bucket: of connections that are there, and lost ones.
  template <class Fn>
  void forEach(std::uint32_t bucket, Fn fn) const {
    const Arena& arena = zone_.arena();
    for (Ref ref = arena.at<Ref>(shard_.buckets)[bucket]; ref != 0;) {
      const auto& connection = *arena.at<ConnectionRecord>(ref);
      if (connection.recoverable && !connection.dead) fn(savedRecovery(zone_, connection));
      ref = connection.hashNext;
    }
    for (Ref ref = arena.at<Ref>(shard_.recoveryBuckets)[bucket]; ref != 0;) {
      const auto& recovery = *arena.at<RecoveryRecord>(ref);
      if (recovery.connection.ref == 0) fn(savedRecovery(recovery));
      ref = recovery.hashNext;
    }
  }

 private:
  const Zone& zone_;
  ConnectionShard& shard_;
  ShardLock lock_;
};

// Calls fn(const SavedRecovery&) for each connection of the shard that was lost since this was called before. The marks
// are not noted for undoing: they are of use only until this process dies, when a snapshot is due.
template <class Fn>
void takeLost(const Zone& zone, std::uint32_t shard, Fn fn) {
  ConnectionShard& records = zone.connectionShard(shard);
  ShardLock lock(zone.region(), records.header);
  for (Ref ref = records.lost.last; ref != 0;) {  // at the end are those that were lost last
    auto& lost = *zone.arena().at<RecoveryRecord>(ref);
    if (lost.saved) return;
    fn(savedRecovery(lost));
    lost.saved = true;
    ref = lost.inQueue.previous;
  }
}

// How many of the shard have yet to be saved.
std::uint64_t countUnsavedSessions(const Zone&, std::uint32_t shard);
std::uint64_t countUnsavedConnections(const Zone&, std::uint32_t shard);
// In some shard more sessions have ended than are noted one by one.
bool hasLostCountOfGone(const Zone&);
// Whether anything has yet to be saved. A look without locks: what it misses is seen the next time.
bool hasUnsaved(const Zone&);

}  // namespace mediasync::store
