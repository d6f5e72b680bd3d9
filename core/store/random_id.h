// Random ids: their text form, and the place of a record found by one.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "core/store/records.h"
#include "core/store/zone.h"

namespace mediasync::store {

// The text form of an id: 22 characters of the URL-safe base64 alphabet.
std::string idText(const RandomId&);
std::optional<RandomId> parseId(std::string_view text);

// The ids are random, so their own bits serve as a hash.
inline std::uint64_t hashOf(const RandomId& id) {
  std::uint64_t hash;
  std::memcpy(&hash, id.data(), sizeof hash);
  return hash;
}

// The connection shard of the id.
inline std::uint32_t shardOf(const Zone& zone, const RandomId& id) {
  return static_cast<std::uint32_t>((hashOf(id) >> 32) % zone.shards());
}

}  // namespace mediasync::store
