// The list of sessions, in pages.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "core/session/snapshot.h"
#include "core/store/zone.h"

namespace mediasync::store {

// In the order of the buckets of the table, and in a bucket of their serials: a place is found again whatever came and
// went before it, and at no cost.
struct SessionPlace {
  std::uint64_t bucket = 0;
  std::uint64_t serial = 0;  // of the last session in it that has been listed
};

struct SessionPage {
  std::deque<std::string> ids;  // to which the summaries refer
  std::vector<session::SessionSummary> sessions;
  std::optional<SessionPlace> next;  // nullopt: there are no more
};

// Up to `limit` sessions behind that place; fewer, even none, where many buckets are empty. Locks one shard after the
// other.
SessionPage listSessions(const Zone&, SessionPlace after, std::uint32_t limit);

}  // namespace mediasync::store
