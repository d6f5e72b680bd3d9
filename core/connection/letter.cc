#include "core/connection/letter.h"

#include <cstring>

namespace mediasync::server {
namespace {

// The name of the zone follows.
struct Head {
  std::uint64_t location;
  std::uint64_t zoneSize;
};

}  // namespace

std::string letterHead(const Letter& letter) {
  const Head head{letter.location, letter.zone.size()};
  return std::string(reinterpret_cast<const char*>(&head), sizeof head).append(letter.zone);
}

std::optional<Letter> readLetter(std::string_view bytes) {
  Head head;
  if (bytes.size() < sizeof head) return std::nullopt;
  std::memcpy(&head, bytes.data(), sizeof head);
  bytes.remove_prefix(sizeof head);
  if (bytes.size() < head.zoneSize) return std::nullopt;
  return Letter{bytes.substr(0, head.zoneSize), head.location, bytes.substr(head.zoneSize)};
}

}  // namespace mediasync::server
