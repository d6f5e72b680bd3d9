#include "core/store/session_list.h"

#include <algorithm>

namespace mediasync::store {
namespace {

// Buckets of the table that one page looks at: most of them may be empty.
constexpr std::uint64_t kBucketsAtOnce = 65'536;

// Adds the sessions of one bucket behind `last`, which becomes the serial of the last one added. False: there are more
// in it than the limit lets in.
bool addBucket(const Arena& arena, Ref bucket, std::uint32_t limit, std::uint64_t& last, SessionPage& page) {
  std::vector<const SessionRecord*> found;
  for (Ref ref = bucket; ref != 0;) {
    const auto* record = arena.at<SessionRecord>(ref);
    if (record->serial > last) found.push_back(record);
    ref = record->hashNext;
  }
  std::sort(found.begin(), found.end(), [](const auto* a, const auto* b) { return a->serial < b->serial; });
  for (const auto* record : found) {
    if (page.sessions.size() == limit) return false;
    page.ids.emplace_back(textOf(arena, record->id));
    page.sessions.push_back({page.ids.back(), record->userCount, record->connectedCount, record->mediaUrl.ref != 0,
                             record->createdAt, record->lastActivity});
    last = record->serial;
  }
  return true;
}

}  // namespace

SessionPage listSessions(const Zone& zone, SessionPlace after, std::uint32_t limit) {
  SessionPage page;
  const std::uint64_t perShard = std::uint64_t{zone.sessionShard(0).bucketMask} + 1;
  std::uint64_t scanned = 0;
  for (std::uint64_t bucket = after.bucket; bucket / perShard < zone.shards();) {
    SessionShard& shard = zone.sessionShard(static_cast<std::uint32_t>(bucket / perShard));
    ShardLock lock(zone.region(), shard.header);
    const Ref* buckets = zone.arena().at<Ref>(shard.sessionBuckets);
    for (const std::uint64_t end = (bucket / perShard + 1) * perShard; bucket < end; ++bucket, ++scanned) {
      std::uint64_t last = bucket == after.bucket ? after.serial : 0;
      const bool isAll =
          scanned < kBucketsAtOnce && addBucket(zone.arena(), buckets[bucket % perShard], limit, last, page);
      if (isAll) continue;
      page.next = SessionPlace{bucket, scanned == kBucketsAtOnce ? 0 : last};
      return page;
    }
  }
  return page;
}

}  // namespace mediasync::store
