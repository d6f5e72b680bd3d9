// How often something may happen. Knows no clock: times are monotonic milliseconds, never earlier than those before.
#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>

namespace mediasync {

// So many in the long run, and so many at once.
struct Rate {
  std::uint64_t perMinute = 0;  // 0: there is no limit
  std::uint64_t burst = 0;      // at least 1 where there is one

  explicit operator bool() const { return perMinute != 0; }
  friend bool operator==(const Rate&, const Rate&) = default;
};

// A bucket that holds `burst` tokens when it is full, and fills at the rate. The rate is not kept: it may be another
// the next time. All that is kept is when the bucket will be full, so that a bucket of zero bytes is a full one.
class TokenBucket {
 public:
  // Takes a token. False, with nothing changed, when there is none. Without a limit there always is.
  bool take(const Rate& rate, std::int64_t now) {
    if (!rate) return true;
    if (missing(now) + timeFor(rate, 1) > timeFor(rate, rate.burst)) return false;
    charge(rate, now, 1);
    return true;
  }

  // Whether there is anything in it.
  bool hasSome(const Rate& rate, std::int64_t now) const { return !rate || missing(now) < timeFor(rate, rate.burst); }

  // Milliseconds until there is anything in it; 0: there is.
  std::int64_t untilSome(const Rate& rate, std::int64_t now) const {
    return hasSome(rate, now) ? 0 : (missing(now) - timeFor(rate, rate.burst)) / kPerMillisecond + 1;
  }

  // Takes any number of tokens, also more than there are: then the bucket stays empty until that is made up for.
  void charge(const Rate& rate, std::int64_t now, std::uint64_t tokens) {
    if (rate) fullAt_ = now * kPerMillisecond + missing(now) + timeFor(rate, tokens);
  }

  // The same, but no more than until it lacks twice what a full one has: what is charged afterwards is not asked for
  // first, and nobody shall have to make up for it without end.
  void chargeBounded(const Rate& rate, std::int64_t now, std::uint64_t tokens) {
    if (!rate) return;
    const std::int64_t most = 2 * timeFor(rate, rate.burst);
    fullAt_ = now * kPerMillisecond + std::min(missing(now) + timeFor(rate, tokens), most);
  }

  // Compares two that nobody takes from meanwhile.
  bool isFullBefore(const TokenBucket& other) const { return fullAt_ < other.fullAt_; }

  // In a word, for a bucket that is used at least once in 24 days: rounded to milliseconds, in favour of who takes.
  std::uint32_t packed(std::int64_t now) const {
    return static_cast<std::uint32_t>(now + missing(now) / kPerMillisecond);
  }
  static TokenBucket unpacked(std::uint32_t word, std::int64_t now) {
    const auto missing = static_cast<std::int32_t>(word - static_cast<std::uint32_t>(now));
    TokenBucket bucket;
    bucket.fullAt_ = (now + std::max(missing, 0)) * kPerMillisecond;
    return bucket;
  }

 private:
  static constexpr std::int64_t kPerMillisecond = 1'000;

  // Until it is full again, in microseconds.
  std::int64_t missing(std::int64_t now) const { return std::max<std::int64_t>(fullAt_ - now * kPerMillisecond, 0); }
  static std::int64_t timeFor(const Rate& rate, std::uint64_t tokens) {
    return static_cast<std::int64_t>(tokens * 60'000 * kPerMillisecond / rate.perMinute);
  }

  std::int64_t fullAt_ = 0;  // monotonic, microseconds
};
static_assert(std::is_trivially_copyable_v<TokenBucket> && sizeof(TokenBucket) == 8);

}  // namespace mediasync
