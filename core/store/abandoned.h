// What can be done without when memory is out: sessions and users that nobody uses.
#pragma once

#include <cstdint>
#include <optional>

#include "core/base/clock.h"
#include "core/store/zone.h"

namespace mediasync::store {

// A session that can be done without. The first of them in their order is the one to go: those without a user before
// those that list some, and the longest abandoned of each.
struct AbandonedSession {
  bool isListing = true;
  std::int64_t idleSince = 0;  // monotonic
  std::uint32_t shard = 0;
  Ref session = 0;  // 0: there is none
  std::uint64_t serial = 0;

  bool goesBefore(const AbandonedSession&) const;
};

AbandonedSession mostAbandoned(const Zone&, Instant now);

// The shard of the user who was given up and has been away for longest, if that is since `latest` (monotonic) or
// before.
std::optional<std::uint32_t> shardOfLongestAway(const Zone&, std::int64_t latest);

}  // namespace mediasync::store
