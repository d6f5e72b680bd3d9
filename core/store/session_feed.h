// What a worker that delivers needs of a session: its news, and a way to say how much of the log is still needed. Each
// call locks the shard of the session for no longer than it takes, and copies nothing but events.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/memory/mailbox.h"
#include "core/store/session_log.h"
#include "core/store/session_transaction.h"
#include "core/store/zone.h"

namespace mediasync::store {

// Names the session; cheap to make. The zone outlives it.
class SessionFeed {
 public:
  SessionFeed(const Zone& zone, std::uint32_t shard, Ref session, std::uint64_t serial)
      : zone_(zone), shard_(shard), session_(session), serial_(serial) {}

  struct Reading {
    LogSlice slice;
    std::uint64_t lastSync = 0;  // offset of the newest playback_sync
  };
  // Copies events to `out`, as readLog() does. nullopt: the session has ended.
  std::optional<Reading> read(std::uint64_t from, std::size_t maxBytes, std::string& out,
                              LogPlace* place = nullptr) const;

  // Whether a reader who has everything before `from` should read now: there is news of playback, or what waits is
  // about to be in the way of what comes.
  bool isUrgent(std::uint64_t from) const;

  // From where on the readers of a worker need the log, those who are waited for.
  struct Needs {
    std::uint64_t from = 0;
    std::uint64_t soon = 0;  // the same without those who have been behind for longer
    std::int64_t held = 0;   // milliseconds in which those have kept the log from taking more, since this was said last
  };
  // Says so. What slow readers make others wait is counted: they have so much of it in a session, and then `soon` is
  // what counts, as if they were not there. Returns whether they keep the log from taking more now. `now`: monotonic.
  bool publish(WorkerId, const Needs&, std::int64_t now) const;

 private:
  // Under the lock. Null: it has ended.
  SessionRecord* find() const;
  ShardHeader& shard() const { return zone_.sessionShard(shard_).header; }

  const Zone& zone_;
  std::uint32_t shard_;
  Ref session_;
  std::uint64_t serial_;
};

// Empties the worker's mailbox of sessions. `roomOf(session, serial)` gives what the worker has of a session, a
// pointer; then announce(*room) is called, and what comes after that queues the session again. Null: it has nothing of
// it (any more), and does not watch it any longer.
template <class RoomOf, class Announce>
void takeSessionMail(const Zone& zone, std::uint16_t slot, WakeSet& wake, RoomOf roomOf, Announce announce) {
  memory::takeMail<SessionWatcher>(zone.arena(), zone.worker(slot).sessionMail, [&](Ref ref) {
    auto& watcher = *zone.arena().at<SessionWatcher>(ref);
    // Cleared before the log is read: what comes later queues it again.
    const auto clear = [&watcher] {
      watcher.queued.store(0, std::memory_order_seq_cst);
      faultPoint();
    };
    const Ref session = watcher.session;
    if (auto* room = roomOf(session, watcher.sessionSerial)) {
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
