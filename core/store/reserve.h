// Reserves of a full zone. New sessions and users stop first, then new connections and texts of existing sessions, and
// last the replies to existing connections.
#pragma once

#include <algorithm>
#include <cstdint>

namespace mediasync::store {

// Pages reserved for replies: new connections and new texts leave them free. `pages` is the zone's total.
constexpr std::uint32_t pagesForReplies(std::uint32_t pages) {
  return std::max<std::uint32_t>(8, pages / 128);
}

// Pages that new sessions and users leave free.
constexpr std::uint32_t pagesForConnections(std::uint32_t pages) {
  return pagesForReplies(pages) + std::max<std::uint32_t>(8, pages / 64);
}

}  // namespace mediasync::store
