// A shard's unsaved changes for the state file. Each class holds the lock of the shard during its lifetime; marks are
// rolled back unless committed.
#pragma once

#include <cstdint>

#include "core/store/connection_access.h"
#include "core/store/saved.h"
#include "core/store/session_access.h"

namespace mediasync::store {

class SessionSaving final : public SessionAccess {
 public:
  using SessionAccess::SessionAccess;

  // Makes the unsaved session that changed first current. False: there is none.
  bool openUnsaved();
  bool hasChanged() const { return session_->unsaved != Unsaved::kNothing; }
  // The file has the current session in its present state.
  void markSaved();
  // The shard's ended sessions; call forgetGone() when the file has them.
  const GoneSessions& gone() const { return shard_.gone; }
  void forgetGone() { edit(shard_.gone.count) = 0; }
  void commit() { txn_.commit(); }
};

class ConnectionSaving final : public ConnectionAccess {
 public:
  using ConnectionAccess::ConnectionAccess;

  // The same for connections that can be recovered, or could be.
  bool openUnsaved();
  void markSaved();
};

// The place that a client can recover while its connection exists. Call it under the lock of the connection's shard; it
// locks the shard of the session.
SavedRecovery savedRecovery(const Zone&, const ConnectionRecord&);
SavedRecovery savedRecovery(const RecoveryRecord&);

// Recoverable clients, by the buckets of a shard's tables.
class RecoveryReader {
 public:
  RecoveryReader(const Zone& zone, std::uint32_t shard)
      : zone_(zone), shard_(zone.connectionShard(shard)), lock_(zone.region(), shard_.header) {}

  std::uint32_t buckets() const { return shard_.bucketMask + 1; }
  // Calls fn(const SavedRecovery&) for each of the bucket: existing connections and lost ones.
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

// Calls fn(const SavedRecovery&) for each connection of the shard that was lost since the last call. The marks are not
// noted in the undo log: they matter only until this process dies, when a snapshot is due.
template <class Fn>
void takeLost(const Zone& zone, std::uint32_t shard, Fn fn) {
  ConnectionShard& records = zone.connectionShard(shard);
  ShardLock lock(zone.region(), records.header);
  for (Ref ref = records.lost.last; ref != 0;) {  // the end has the latest losses
    auto& lost = *zone.arena().at<RecoveryRecord>(ref);
    if (lost.saved) return;
    fn(savedRecovery(lost));
    lost.saved = true;
    ref = lost.inQueue.previous;
  }
}

// Number of the shard's unsaved sessions.
std::uint64_t countUnsavedSessions(const Zone&, std::uint32_t shard);
std::uint64_t countUnsavedConnections(const Zone&, std::uint32_t shard);
// True if in some shard more sessions have ended than are recorded individually.
bool hasLostCountOfGone(const Zone&);
// True if anything is unsaved. Reads without locks: it may notice a change only at the next call.
bool hasUnsaved(const Zone&);

}  // namespace mediasync::store
