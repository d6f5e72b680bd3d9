#include "core/server/eviction.h"

#include <algorithm>
#include <string>
#include <tuple>

#include "core/session/rules.h"
#include "core/store/reserve.h"

namespace mediasync::server {

using store::Ref;
using store::SessionTransaction;

namespace {

// Sessions that give way for one newcomer, at most: their memory may lie in pages that others share.
constexpr int kEvictionsAtOnce = 64;
constexpr int kWatchedAtMost = 64;
// Transactions for that, each of which removes some users or part of a log: a session may have very many.
constexpr int kStepsAtOnce = 512;
// Users who give way for one newcomer, at most: each is looked for in all shards.
constexpr int kDismissedAtOnce = 64;
// Pages that are enough for whatever one change needs.
constexpr std::uint32_t kAmplePages = 8;
constexpr std::int64_t kLogInterval = 10'000;

}  // namespace

Eviction::Eviction(Context& context)
    : Part(context) {}

// A session that can be done without. The first of them in their order is the one to go: those without a user before
// those that list some, and the longest abandoned of each.
struct Eviction::Abandoned {
  bool isListing = true;
  std::int64_t idleSince = 0;
  std::uint32_t shard = 0;
  Ref session = 0;  // 0: there is none
  std::uint64_t serial = 0;

  bool goesBefore(const Abandoned& other) const {
    if (session == 0 || other.session == 0) return other.session == 0;
    return std::tie(isListing, idleSince) < std::tie(other.isListing, other.idleSince);
  }
};

Eviction::Abandoned Eviction::mostAbandoned(Instant now) const {
  Abandoned most;
  // The first of the queue that no worker watches any more: each will have noticed soon that all are gone.
  const auto consider = [&](std::uint32_t shard, Ref ref, store::QueueLinks store::SessionRecord::*links,
                            bool isListing) {
    const auto at = [this](Ref session) { return zone_.arena().at<store::SessionRecord>(session); };
    for (int i = 0; i < kWatchedAtMost && ref != 0 && at(ref)->watchers != 0; ++i)
      ref = (at(ref)->*links).next;
    if (ref == 0 || at(ref)->watchers != 0) return;
    if (isListing && at(ref)->idleSince + zone_.settings().returnTime() > now.mono) return;
    const Abandoned one{isListing, at(ref)->idleSince, shard, ref, at(ref)->serial};
    if (one.goesBefore(most)) most = one;
  };
  for (std::uint32_t shard = 0; shard < zone_.shards(); ++shard) {
    const store::SessionShard& records = zone_.sessionShard(shard);
    store::ShardLock lock(zone_.region(), zone_.sessionShard(shard).header);
    consider(shard, records.vacant.first, &store::SessionRecord::inVacant, false);
    consider(shard, records.idle.first, &store::SessionRecord::inIdle, true);
  }
  return most;
}

// False: there is none that may go, or no steps are left. What is left of a large one is the first to go the next time,
// and the sweep's meanwhile.
bool Eviction::evictOne(Instant now, int& steps) {
  const Abandoned most = mostAbandoned(now);
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
  const auto sinceIn = [&](const store::SessionShard& records) {
    const Ref user = records.away.first;
    return user == 0 ? now.mono : zone_.arena().at<store::UserRecord>(user)->absentSince;
  };
  const std::int64_t latest = now.mono - std::max<std::int64_t>(zone_.settings().returnTime(), 1);
  std::int64_t longest = latest + 1;
  std::uint32_t where = 0;
  for (std::uint32_t shard = 0; shard < zone_.shards(); ++shard) {
    store::ShardLock lock(zone_.region(), zone_.sessionShard(shard).header);
    const std::int64_t since = sinceIn(zone_.sessionShard(shard));
    if (since < longest) where = shard;
    longest = std::min(longest, since);
  }
  if (longest > latest) return false;
  SessionTransaction session(zone_, where);
  if (sinceIn(session.shard()) > latest) return true;  // another worker was first
  const Ref user = session.shard().away.first;
  const Ref ref = zone_.arena().at<store::UserRecord>(user)->session;
  session.open(ref, zone_.arena().at<store::SessionRecord>(ref)->serial);
  session::awayExpired(session, user, now);
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
