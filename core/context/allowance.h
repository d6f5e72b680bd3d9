// The rates of connections, and what each has left of them.
#pragma once

#include <array>
#include <cstdint>

#include "core/base/token_bucket.h"

namespace mediasync::server {

// The rates of a location.
struct Rates {
  Rate events;        // of one connection
  Rate userEvents;    // of one user in a session, by all of its connections
  Rate joins;         // of one connection
  Rate sessionJoins;  // into one session
  Rate newSessions;   // in the whole zone
  Rate replies;       // bytes of the states of sessions that one connection asks for
  Rate reports;       // of one connection, that all members of a session are told
  Rate input;         // bytes that one connection sends, as they are when they are inflated, and what else it costs
  Rate ownSessions;   // new ones of one network, and what is left of them
  friend bool operator==(const Rates&, const Rates&) = default;
};

// The rest of it for a connection. The link of a WebSocket has it, or the POST at
// work; between POSTs it is in the record.
struct Allowance {
  TokenBucket events;
  TokenBucket joins;
  TokenBucket replies;
  TokenBucket refusals;  // for the rate: of those who do not stop
  TokenBucket reports;
  TokenBucket input;

  using Packed = std::array<std::uint32_t, 6>;
  Packed packed(std::int64_t now) const {
    return {events.packed(now),   joins.packed(now),   replies.packed(now),
            refusals.packed(now), reports.packed(now), input.packed(now)};
  }
  static Allowance unpacked(const Packed& words, std::int64_t now) {
    const auto at = [&](std::size_t i) { return TokenBucket::unpacked(words[i], now); };
    return {at(0), at(1), at(2), at(3), at(4), at(5)};
  }
};

// Refusals that a client may be answered with while it goes on too fast: ten times what it may send at once, but at the
// most 10,000, and then as many as it may send. One that wants more does not listen, and is closed.
inline Rate refusalsFor(const Rate& rate) {
  constexpr std::uint64_t kMost = 10'000;
  return {rate.perMinute, rate.burst >= kMost / 10 ? kMost : 10 * rate.burst};
}

}  // namespace mediasync::server
