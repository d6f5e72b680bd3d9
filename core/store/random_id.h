// Where a record that is found by a random id lies.
#pragma once

#include <cstdint>
#include <cstring>

#include "core/store/records.h"
#include "core/store/zone.h"

namespace mediasync::store {

// The ids are random, so their own bits will do as a hash.
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
