#include "core/store/session_feed.h"

#include <algorithm>

namespace mediasync::store {
namespace {

// The time that members who have been behind for longer may make a session wait, in milliseconds: four seconds at
// once, and a tenth of the time.
constexpr Rate kWaits{6'000, 4'000};

bool isHeld(const Arena& arena, const SessionLog& log, std::size_t limit, std::uint64_t from) {
  return isFull(log, limit) && needsOldest(arena, log, from);
}

// Slow members keep the log from taking more, or do not any more. Whether they may.
bool mayHold(SessionRecord& session, bool holds, std::int64_t held, std::int64_t now) {
  const std::int64_t uncounted = std::min(held, now - session.waitedUntil);  // other workers may have counted it
  if (uncounted > 0) session.waits.charge(kWaits, now, static_cast<std::uint64_t>(uncounted));
  if (held > 0) session.waitedUntil = now;
  return !holds || session.waits.hasSome(kWaits, now);
}

}  // namespace

SessionRecord* SessionFeed::find() const {
  auto* session = zone_.arena().at<SessionRecord>(session_);
  return session->serial == serial_ ? session : nullptr;
}

std::optional<SessionFeed::Reading> SessionFeed::read(std::uint64_t from, std::size_t maxBytes, std::string& out,
                                                      LogPlace* place) const {
  ShardLock lock(zone_.region(), shard());
  const SessionRecord* session = find();
  if (session == nullptr) return std::nullopt;
  return Reading{readLog(zone_.arena(), session->log, from, maxBytes, out, place), session->log.lastSyncSeq};
}

bool SessionFeed::isUrgent(std::uint64_t from) const {
  ShardLock lock(zone_.region(), shard());
  const SessionRecord* session = find();
  if (session == nullptr) return false;
  const SessionLog& log = session->log;
  return log.lastSyncSeq >= from ||
         (log.bytes > zone_.settings().logLimit / 2 && needsOldest(zone_.arena(), log, from));
}

SessionWatcher* SessionFeed::watcherOf(const SessionRecord& session, WorkerId worker) const {
  for (Ref ref = session.watchers; ref != 0;) {
    auto& watcher = *zone_.arena().at<SessionWatcher>(ref);
    if (watcher.worker == worker) return &watcher;
    ref = watcher.next;
  }
  return nullptr;
}

void SessionFeed::need(WorkerId worker, std::uint64_t from) const {
  ShardLock lock(zone_.region(), shard());
  const SessionRecord* session = find();
  SessionWatcher* watcher = session != nullptr ? watcherOf(*session, worker) : nullptr;
  if (watcher == nullptr || watcher->needed.load(std::memory_order_acquire) <= from) return;
  watcher->needed.store(from, std::memory_order_release);
  faultPoint();
}

bool SessionFeed::publish(WorkerId worker, const Needs& needs, std::int64_t now) const {
  ShardLock lock(zone_.region(), shard());
  SessionRecord* session = find();
  if (session == nullptr) return false;
  std::uint64_t needed = needs.from;
  bool holds = false;
  if (needs.from < needs.soon || needs.held > 0) {
    holds = needs.from < needs.soon && isHeld(zone_.arena(), session->log, zone_.settings().logLimit, needs.from);
    if (!mayHold(*session, holds, needs.held, now)) needed = needs.soon;
  }
  if (SessionWatcher* watcher = watcherOf(*session, worker)) {
    watcher->needed.store(needed, std::memory_order_release);
    faultPoint();
  }
  return holds;
}

}  // namespace mediasync::store
