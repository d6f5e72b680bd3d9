// The cost of input, counted in bytes: those that come, those that they are when they are inflated, and so many for
// each message, whatever is in it. So what no other limit knows of has one: pings, empty messages, CONNECT.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "core/base/token_bucket.h"
#include "core/context/environment.h"

namespace mediasync::server {

inline constexpr std::size_t kMessageCost = 256;
// CONNECT and DISCONNECT change the tables, and are answered.
inline constexpr std::size_t kConnectCost = 16 * 1024;

// The longest rest at a time, in milliseconds: the client is heard again after it, though it may have to rest again
// soon.
inline constexpr std::int64_t kLongestRest = 30'000;

// One go at the input of a connection. It is over when it has cost so much, or taken so long, that others are to have
// their turn, or when the connection has used up what it may. `pending` is what has not been charged yet: small
// messages are charged many together.
class Turn {
 public:
  // `began`: by the wall clock, in microseconds.
  Turn(Environment& env, const Rate& rate, std::int64_t began, std::uint32_t& pending)
      : env_(env), rate_(rate), began_(began), pending_(pending) {}

  // A message or packet, with so many bytes that have not been counted as they came.
  void add(std::size_t cost) { pending_ += static_cast<std::uint32_t>(kMessageCost + cost); }
  // Bytes as they come, of whatever they are.
  void addBytes(std::size_t bytes) { pending_ += static_cast<std::uint32_t>(bytes); }

  // Milliseconds that the rest has to wait; nullopt: the turn goes on.
  std::optional<std::int64_t> rest(TokenBucket& input) {
    if (pending_ < kAtOnce) return std::nullopt;
    const std::int64_t now = env_.now().mono;
    charge(input, now);
    if (const std::int64_t wait = input.untilSome(rate_, now); wait > 0) return std::min(wait, kLongestRest);
    const bool isLong = cost_ >= kMostCost || env_.wallMicroseconds() - began_ >= kLongest;
    return isLong ? std::optional<std::int64_t>(0) : std::nullopt;
  }
  void charge(TokenBucket& input, std::int64_t now) {
    cost_ += pending_;
    input.charge(rate_, now, std::exchange(pending_, 0));
  }

 private:
  static constexpr std::uint32_t kAtOnce = 16 * 1024;
  static constexpr std::uint64_t kMostCost = 512 * 1024;
  static constexpr std::int64_t kLongest = 2'000;  // microseconds

  Environment& env_;
  const Rate& rate_;
  std::int64_t began_;
  std::uint32_t& pending_;
  std::uint64_t cost_ = 0;
};

}  // namespace mediasync::server
