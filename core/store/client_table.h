// How much the clients of each network have made of late. One bucket of tokens for each of those networks, in a table
// of fixed size: a full bucket is the same as none, and where there is no room the fullest one of a few is forgotten.
// So a network that is new to the table always begins with a full bucket, however many there are.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/base/token_bucket.h"
#include "core/store/memory.h"

namespace mediasync::store {

struct ClientBucket {
  std::uint64_t client;  // 0: not in use
  TokenBucket tokens;
};

// Lives in shared memory. Whatever a process that died in it has left is a valid table: each word stands for itself.
class ClientTable {
 public:
  static constexpr std::uint32_t kWays = 8;  // buckets among which a client has its own
  static constexpr std::size_t bytesFor(std::uint32_t sets) { return sets * kWays * sizeof(ClientBucket); }

  // `buckets` is where bytesFor(sets) zeroed bytes are. `sets` is a power of two.
  void init(Ref buckets, std::uint32_t sets);

  // Takes a token of the client's. False, with nothing changed, when there is none.
  bool take(const Arena&, std::uint64_t client, const Rate&, std::int64_t now);
  // Takes tokens, also such as there are not, see TokenBucket::chargeBounded().
  void charge(const Arena&, std::uint64_t client, const Rate&, std::uint64_t tokens, std::int64_t now);

 private:
  TokenBucket& bucketOf(const Arena&, std::uint64_t client);

  RobustMutex mutex_;
  Ref buckets_;
  std::uint32_t mask_;
};

}  // namespace mediasync::store
