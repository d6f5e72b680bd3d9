// Recent creations by network: one token bucket per network, in a table of fixed size. A full bucket is the same as
// none, and when there is no room, the fullest of a few buckets is dropped. So a network new to the table always starts
// with a full bucket, however many networks there are.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/base/token_bucket.h"
#include "core/store/memory.h"

namespace mediasync::store {

struct ClientBucket {
  std::uint64_t client;  // 0: unused
  TokenBucket tokens;
};

// Lives in shared memory. If a process dies while it writes, the table stays valid: each word is independent.
class ClientTable {
 public:
  static constexpr std::uint32_t kWays = 8;  // buckets among which a client has its own
  static constexpr std::size_t bytesFor(std::uint32_t sets) { return sets * kWays * sizeof(ClientBucket); }

  // `buckets` is the place of bytesFor(sets) zeroed bytes. `sets` is a power of two.
  void init(Ref buckets, std::uint32_t sets);

  // Takes one of the client's tokens. Returns false, and changes nothing, if there is none.
  bool take(const Arena&, std::uint64_t client, const Rate&, std::int64_t now);
  // Takes tokens, even more than there are: see TokenBucket::chargeBounded().
  void charge(const Arena&, std::uint64_t client, const Rate&, std::uint64_t tokens, std::int64_t now);

 private:
  TokenBucket& bucketOf(const Arena&, std::uint64_t client);

  RobustMutex mutex_;
  Ref buckets_;
  std::uint32_t mask_;
};

}  // namespace mediasync::store
