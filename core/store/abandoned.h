// Candidates for eviction when memory is out: sessions and users without connections.
#pragma once

#include <cstdint>
#include <optional>

#include "core/base/clock.h"
#include "core/store/zone.h"

namespace mediasync::store {

// An abandoned session. The first one in their order is evicted: sessions without a user before those that list some,
// and the longest abandoned first in each group.
struct AbandonedSession {
  bool isListing = true;
  std::int64_t idleSince = 0;  // monotonic
  std::uint32_t shard = 0;
  Ref session = 0;  // 0: there is none
  std::uint64_t serial = 0;

  bool goesBefore(const AbandonedSession&) const;
};

AbandonedSession mostAbandoned(const Zone&, Instant now);

// The shard of the user past its grace who has been away for longest, if since `latest` (monotonic) or before.
std::optional<std::uint32_t> shardOfLongestAway(const Zone&, std::int64_t latest);

}  // namespace mediasync::store
