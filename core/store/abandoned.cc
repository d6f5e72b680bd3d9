#include "core/store/abandoned.h"

#include <tuple>

namespace mediasync::store {
namespace {

constexpr int kWatchedAtMost = 64;

}  // namespace

bool AbandonedSession::goesBefore(const AbandonedSession& other) const {
  if (session == 0 || other.session == 0) return other.session == 0;
  return std::tie(isListing, idleSince) < std::tie(other.isListing, other.idleSince);
}

AbandonedSession mostAbandoned(const Zone& zone, Instant now) {
  AbandonedSession most;
  // The first of the queue that no worker watches any more: each will have noticed soon that all are gone.
  const auto consider = [&](std::uint32_t shard, Ref ref, QueueLinks SessionRecord::*links, bool isListing) {
    const auto at = [&zone](Ref session) { return zone.arena().at<SessionRecord>(session); };
    for (int i = 0; i < kWatchedAtMost && ref != 0 && at(ref)->watchers != 0; ++i)
      ref = (at(ref)->*links).next;
    if (ref == 0 || at(ref)->watchers != 0) return;
    if (isListing && at(ref)->idleSince + zone.settings().returnTime() > now.mono) return;
    const AbandonedSession one{isListing, at(ref)->idleSince, shard, ref, at(ref)->serial};
    if (one.goesBefore(most)) most = one;
  };
  for (std::uint32_t shard = 0; shard < zone.shards(); ++shard) {
    SessionShard& records = zone.sessionShard(shard);
    ShardLock lock(zone.region(), records.header);
    consider(shard, records.vacant.first, &SessionRecord::inVacant, false);
    consider(shard, records.idle.first, &SessionRecord::inIdle, true);
  }
  return most;
}

std::optional<std::uint32_t> shardOfLongestAway(const Zone& zone, std::int64_t latest) {
  std::int64_t longest = latest + 1;
  std::optional<std::uint32_t> where;
  for (std::uint32_t shard = 0; shard < zone.shards(); ++shard) {
    SessionShard& records = zone.sessionShard(shard);
    ShardLock lock(zone.region(), records.header);
    const Ref user = records.away.first;
    if (user == 0) continue;
    const std::int64_t since = zone.arena().at<UserRecord>(user)->absentSince;
    if (since >= longest) continue;
    longest = since;
    where = shard;
  }
  return where;
}

}  // namespace mediasync::store
