#include "core/sessions/eviction.h"

#include <algorithm>
#include <string>
#include <utility>

#include "core/session/rules.h"
#include "core/store/abandoned.h"
#include "core/store/reserve.h"
#include "core/store/session_overdue.h"
#include "core/store/session_transaction.h"

namespace mediasync::server {

using store::SessionTransaction;

namespace {

// Sessions that give way for one newcomer, at most: their memory may lie in pages that others share.
constexpr int kEvictionsAtOnce = 64;
// Transactions for that, each of which removes some users or part of a log: a session may have very many.
constexpr int kStepsAtOnce = 512;
// Users who give way for one newcomer, at most: each is looked for in all shards.
constexpr int kDismissedAtOnce = 64;
// Pages that are enough for whatever one change needs.
constexpr std::uint32_t kAmplePages = 8;
constexpr std::int64_t kLogInterval = 10'000;

}  // namespace

Eviction::Eviction(Context& context) : Part(context) {}

// False: there is none that may go, or no steps are left. What is left of a large one is the first to go the next time,
// and the sweep's meanwhile.
bool Eviction::evictOne(Instant now, int& steps) {
  const store::AbandonedSession most = store::mostAbandoned(zone_, now);
  if (most.session == 0) return false;
  for (bool isGone = false; !isGone;) {
    if (steps-- <= 0) return false;
    SessionTransaction session(zone_, most.shard);
    if (!session.open(most.session, most.serial)) return true;
    if (!session.record().idle || session.record().watchers != 0) return true;  // somebody has come
    isGone = session.destroy(now);
    session.commit(wake_);
  }
  ++counters().evictions;
  return true;
}

bool Eviction::evictOne(Instant now) {
  int steps = kStepsAtOnce;
  return evictOne(now, steps);
}

// A user who was given up gives way, the one that has been away for longest; but a leader stays, and has its time anew.
// False: there is none, but such as may come back as if nothing had been.
bool Eviction::dismissOne(Instant now) {
  const std::int64_t latest = now.mono - std::max<std::int64_t>(zone_.settings().returnTime(), 1);
  const auto shard = store::shardOfLongestAway(zone_, latest);
  if (!shard) return false;
  store::OverdueTransaction session(zone_, *shard);
  if (!session.openLongestAway(latest)) return true;  // another worker was first
  session::awayExpired(session, session.seatUser(), now);
  session.commit(wake_);
  return true;
}

// False: nothing has given way.
bool Eviction::evict(Instant now) {
  const store::PageHeap& heap = zone_.header().heap;
  const std::uint32_t enough = store::pagesForConnections(heap.total()) + kAmplePages;
  int gone = 0;
  int steps = kStepsAtOnce;
  while (gone < kEvictionsAtOnce && heap.freePages() < enough && evictOne(now, steps))
    ++gone;
  bool hasChanged = steps < kStepsAtOnce;
  for (int i = 0; i < kDismissedAtOnce && heap.freePages() < enough && dismissOne(now); ++i)
    hasChanged = true;
  const std::uint64_t count = counters().evictions.load();
  if (gone == 0 || (evictionLoggedAt_ != 0 && now.mono - evictionLoggedAt_ < kLogInterval)) {
    return hasChanged;
  }
  evictionLoggedAt_ = now.mono;
  env_.log(Environment::Severity::kWarn, "is full: " + std::to_string(count - std::exchange(evictionsLogged_, count)) +
                                             " abandoned sessions gave way");
  return true;
}

}  // namespace mediasync::server
