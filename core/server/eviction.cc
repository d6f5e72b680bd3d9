// Abandoned sessions give way when the tables are full: to somebody who is there, what nobody uses is no reason to be
// refused.
#include <algorithm>
#include <string>
#include <tuple>

#include "core/server/worker.h"
#include "core/store/reserve.h"

namespace mediasync::server {

using store::Ref;
using store::SessionTransaction;

namespace {

// Sessions that give way for one newcomer, at most: their memory may lie in pages that others share.
constexpr int kEvictionsAtOnce = 64;
constexpr int kWatchedAtMost = 64;
// Pages that are enough for whatever one change needs.
constexpr std::uint32_t kAmplePages = 8;
constexpr std::int64_t kLogInterval = 10'000;

}  // namespace

// A session that can be done without. The first of them in their order is the one to go: those without a user before
// those that list some, and the longest abandoned of each.
struct Worker::Abandoned {
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

Worker::Abandoned Worker::mostAbandoned(Instant now) const {
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
    store::ReadLock lock(zone_.region(), zone_.sessionShard(shard).header);
    consider(shard, records.vacant.first, &store::SessionRecord::inVacant, false);
    consider(shard, records.idle.first, &store::SessionRecord::inIdle, true);
  }
  return most;
}

// False: there is none that may go.
bool Worker::evictOne(Instant now) {
  const Abandoned most = mostAbandoned(now);
  if (most.session == 0) return false;
  for (bool isGone = false; !isGone;) {
    SessionTransaction session(zone_, most.shard);
    if (!session.open(most.session, most.serial)) return true;
    if (!session.record().idle || session.record().watchers != 0) return true;  // somebody has come
    isGone = session.destroy(now);
    session.commit(wake_);
  }
  ++counters().evictions;
  return true;
}

// False: nothing has given way.
bool Worker::evict(Instant now) {
  const store::PageHeap& heap = zone_.header().heap;
  const std::uint32_t enough = store::pagesForConnections(heap.total()) + kAmplePages;
  int gone = 0;
  while (gone < kEvictionsAtOnce && heap.freePages() < enough && evictOne(now))
    ++gone;
  const std::uint64_t count = counters().evictions.load();
  if (gone == 0 || (evictionLoggedAt_ != 0 && now.mono - evictionLoggedAt_ < kLogInterval)) return gone > 0;
  evictionLoggedAt_ = now.mono;
  env_.log(Environment::Severity::kWarn, "is full: " + std::to_string(count - std::exchange(evictionsLogged_, count)) +
                                             " abandoned sessions gave way");
  return true;
}

}  // namespace mediasync::server
