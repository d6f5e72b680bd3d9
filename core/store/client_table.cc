#include "core/store/client_table.h"

#include "core/memory/fault_point.h"

namespace mediasync::store {

void ClientTable::init(Ref buckets, std::uint32_t sets) {
  mutex_.init();
  buckets_ = buckets;
  mask_ = sets - 1;
}

bool ClientTable::take(const Arena& arena, std::uint64_t client, const Rate& rate, std::int64_t now) {
  RobustLock lock(mutex_);
  return bucketOf(arena, client).take(rate, now);
}

void ClientTable::charge(const Arena& arena, std::uint64_t client, const Rate& rate, std::uint64_t tokens,
                         std::int64_t now) {
  RobustLock lock(mutex_);
  bucketOf(arena, client).chargeBounded(rate, now, tokens);
}

TokenBucket& ClientTable::bucketOf(const Arena& arena, std::uint64_t client) {
  ClientBucket* set = arena.at<ClientBucket>(buckets_) + std::size_t{kWays} * ((client >> 32) & mask_);
  ClientBucket* fullest = set;
  for (ClientBucket* one = set; one != set + kWays; ++one) {
    if (one->client == client) return one->tokens;
    if (one->tokens.isFullBefore(fullest->tokens)) fullest = one;
  }
  fullest->tokens = {};
  faultPoint();
  fullest->client = client;
  return fullest->tokens;
}

}  // namespace mediasync::store
