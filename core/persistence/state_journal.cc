#include "core/persistence/state_journal.h"

#include <utility>

#include "core/persistence/state_record.h"
#include "core/store/saving.h"

namespace mediasync::persistence {
namespace {

// Records looked at under one lock, so that nobody waits for long.
constexpr int kAtOnce = 32;
constexpr std::uint32_t kBucketsAtOnce = 256;

// The changes since the session was saved, or all of it when it never was.
void appendChange(std::string& out, const store::SessionAccess& session, Instant now) {
  const store::SessionRecord& record = session.record();
  const bool isNew = record.savedEnd == 0;
  appendSession(out, isNew ? FrameKind::kSession : FrameKind::kChange, session, record.savedEnd,
                isNew || record.unsaved == store::Unsaved::kUsers, now);
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
  sessionsLeft_ = countUnsavedSessions(zone_, shard);
  connectionsLeft_ = countUnsavedConnections(zone_, shard);
}

bool StateJournal::needsSnapshot() const {
  return hasLostCountOfGone(zone_);
}

// True: it has all.
bool StateJournal::takeSessions(std::uint32_t shard, std::string& out, std::size_t most, Instant now) {
  while (sessionsLeft_ > 0) {
    if (out.size() > most) return false;
    store::SessionSaving txn(zone_, shard);
    for (int i = 0; i < kAtOnce && sessionsLeft_ > 0 && out.size() <= most; ++i) {
      if (!txn.openUnsaved()) {
        sessionsLeft_ = 0;
        break;
      }
      appendChange(out, txn, now);
      txn.markSaved();
      --sessionsLeft_;
    }
    txn.commit();
  }
  return true;
}

void StateJournal::takeGone(std::uint32_t shard, std::string& out) {
  store::SessionSaving txn(zone_, shard);
  const store::GoneSessions& gone = txn.gone();
  if (gone.count == 0 || gone.count > store::GoneSessions::kMost) return;
  for (std::uint32_t i = 0; i < gone.count; ++i)
    appendGone(out, gone.serials[i]);
  txn.forgetGone();
  txn.commit();
}

bool StateJournal::takeConnections(std::uint32_t shard, std::string& out, std::size_t most) {
  while (connectionsLeft_ > 0) {
    if (out.size() > most) return false;
    store::ConnectionSaving txn(zone_, shard);
    for (int i = 0; i < kAtOnce && connectionsLeft_ > 0; ++i) {
      if (!txn.openUnsaved()) {
        connectionsLeft_ = 0;
        break;
      }
      if (txn.record().recoverable) appendRecovery(out, savedRecovery(zone_, txn.record()));
      txn.markSaved();
      --connectionsLeft_;
    }
    txn.commit();
  }
  return true;
}

void StateJournal::takeLost(std::uint32_t shard, std::string& out) {
  store::takeLost(zone_, shard, [&out](const store::SavedRecovery& lost) { appendRecovery(out, lost); });
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

// Some sessions, in the order of their serials. False: that was all of them.
bool StateJournal::copySessions(std::string& snapshot, std::string& changes, std::size_t most, Instant now) {
  if (shard_ == zone_.shards()) return false;
  store::SessionSaving txn(zone_, shard_);
  if (copied_ == 0) txn.forgetGone();
  bool more = copied_ == 0 ? txn.openFirst() : txn.openAfter(copiedRef_, copied_);
  for (int i = 0; i < kAtOnce && more && snapshot.size() <= most; ++i, more = txn.openNext()) {
    copied_ = txn.record().serial;
    copiedRef_ = txn.ref();
    if (txn.record().ending) continue;
    if (txn.hasChanged()) appendChange(changes, txn, now);
    appendSession(snapshot, FrameKind::kSession, txn, 0, true, now);
    txn.markSaved();
  }
  txn.commit();
  if (more) return true;
  ++shard_;
  copied_ = 0;
  return true;
}

// Those of some buckets: of connections that are there, and lost ones. False: that was all of them.
bool StateJournal::copyRecoveries(std::string& snapshot, std::size_t most) {
  if (shard_ == zone_.shards()) return false;
  const store::RecoveryReader reader(zone_, shard_);
  for (std::uint32_t i = 0; i < kBucketsAtOnce && bucket_ < reader.buckets() && snapshot.size() <= most; ++i) {
    reader.forEach(bucket_, [&](const store::SavedRecovery& recovery) { appendRecovery(snapshot, recovery); });
    ++bucket_;
  }
  if (bucket_ < reader.buckets()) return true;
  ++shard_;
  bucket_ = 0;
  return true;
}

}  // namespace mediasync::persistence
