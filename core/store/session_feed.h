// A delivering worker's view of a session: it reads news, and publishes which part of the log it still needs. Each call
// locks the session's shard briefly, and copies only events.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/memory/mailbox.h"
#include "core/store/session_log.h"
#include "core/store/session_transaction.h"
#include "core/store/zone.h"

namespace mediasync::store {

// Identifies the session; cheap to make. The zone must outlive it.
class SessionFeed {
 public:
  SessionFeed(const Zone& zone, std::uint32_t shard, Ref session, std::uint64_t serial)
      : zone_(zone), shard_(shard), session_(session), serial_(serial) {}

  struct Reading {
    LogSlice slice;
    std::uint64_t lastSync = 0;  // offset of the newest playback_sync
  };
  // Copies events to `out`, like readLog(). Returns nullopt if the session has ended.
  std::optional<Reading> read(std::uint64_t from, std::size_t maxBytes, std::string& out,
                              LogPlace* place = nullptr) const;

  // True if a reader that has everything before `from` should read now: there is news of playback, or the unread part
  // is about to block the log.
  bool isUrgent(std::uint64_t from) const;

  // The offset from which on a worker's readers, those that the session waits for, need the log.
  struct Needs {
    std::uint64_t from = 0;
    std::uint64_t soon = 0;  // the same without readers that have been behind for longer
    std::int64_t held = 0;   // milliseconds for which those have blocked the log since the last call
  };
  // Has the log keep what is from that offset on, too, until the next publish().
  void need(WorkerId, std::uint64_t from) const;
  // Publishes the needs. Blocking is charged to an allowance of the session; when that is used up, `soon` counts, as if
  // slow readers did not exist. Returns true if slow readers block the log now. `now`: monotonic.
  bool publish(WorkerId, const Needs&, std::int64_t now) const;

 private:
  // Call it under the lock. Null: the session has ended.
  SessionRecord* find() const;
  // Null: it does not watch the session.
  SessionWatcher* watcherOf(const SessionRecord&, WorkerId) const;
  ShardHeader& shard() const { return zone_.sessionShard(shard_).header; }

  const Zone& zone_;
  std::uint32_t shard_;
  Ref session_;
  std::uint64_t serial_;
};

// Empties the worker's mailbox of sessions. `roomOf(serial)` returns a pointer to the worker's room for a
// session; then announce(*room) is called, and later news queue the session again. Null: the worker has no room for it
// (any more), and stops watching it.
template <class RoomOf, class Announce>
void takeSessionMail(const Zone& zone, std::uint16_t slot, WakeSet& wake, RoomOf roomOf, Announce announce) {
  memory::takeMail<SessionWatcher>(zone.arena(), zone.worker(slot).sessionMail, [&](Ref ref) {
    auto& watcher = *zone.arena().at<SessionWatcher>(ref);
    // Cleared before the log is read: later news queue it again.
    const auto clear = [&watcher] {
      watcher.queued.store(0, std::memory_order_seq_cst);
      faultPoint();
    };
    const Ref session = watcher.session;
    if (auto* room = roomOf(watcher.sessionSerial)) {
      clear();
      return announce(*room);
    }
    SessionTransaction txn(zone, watcher.shard);
    clear();
    if (!txn.open(session, watcher.sessionSerial)) return;
    txn.removeWatcher(ref);
    txn.commit(wake);
  });
}

}  // namespace mediasync::store
