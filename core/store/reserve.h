// What is left when a zone is full, and for whom: sessions and users stop before connections do and the texts of
// sessions that are there, and those before the replies to connections that are there.
#pragma once

#include <algorithm>
#include <cstdint>

namespace mediasync::store {

// Pages of so many that are for replies alone: new connections and new texts leave them.
constexpr std::uint32_t pagesForReplies(std::uint32_t pages) {
  return std::max<std::uint32_t>(8, pages / 128);
}

// Pages of so many that new sessions and users leave.
constexpr std::uint32_t pagesForConnections(std::uint32_t pages) {
  return pagesForReplies(pages) + std::max<std::uint32_t>(8, pages / 64);
}

}  // namespace mediasync::store
