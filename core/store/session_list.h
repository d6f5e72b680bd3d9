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

// A place in the list, which is in the order of the table's buckets, and by serial within a bucket: it can be found
// again at no cost, whatever sessions were added or removed before it.
struct SessionPlace {
  std::uint64_t bucket = 0;
  std::uint64_t serial = 0;  // of the last listed session in the bucket
};

struct SessionPage {
  std::deque<std::string> ids;  // the summaries refer to these
  std::vector<session::SessionSummary> sessions;
  std::optional<SessionPlace> next;  // nullopt: there are no more
};

// Up to `limit` sessions after that place; fewer, or even none, where many buckets are empty. Locks one shard after the
// other.
SessionPage listSessions(const Zone&, SessionPlace after, std::uint32_t limit);

}  // namespace mediasync::store
