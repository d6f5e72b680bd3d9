// Rate limits. There is no clock here: times are monotonic milliseconds that never decrease.
#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>

namespace mediasync {

// A long-term rate, and the number allowed at once.
struct Rate {
  std::uint64_t perMinute = 0;  // 0: there is no limit
  std::uint64_t burst = 0;      // at least 1 where there is one

  explicit operator bool() const { return perMinute != 0; }
  friend bool operator==(const Rate&, const Rate&) = default;
};

// Holds `burst` tokens when full, and fills at the rate. The bucket does not store the rate, which may differ at each
// call. It stores only the time when it will be full, so a bucket of zero bytes is full.
class TokenBucket {
 public:
  // Takes a token. Returns false, and changes nothing, if there is none. Without a limit there always is one.
  bool take(const Rate& rate, std::int64_t now) {
    if (!mayTake(rate, now)) return false;
    charge(rate, now, 1);
    return true;
  }

  // True if take() would succeed.
  bool mayTake(const Rate& rate, std::int64_t now) const {
    return !rate || missing(now) + timeFor(rate, 1) <= timeFor(rate, rate.burst);
  }

  // True if it is not empty.
  bool hasSome(const Rate& rate, std::int64_t now) const { return !rate || missing(now) < timeFor(rate, rate.burst); }

  // Milliseconds until hasSome() is true; 0 if it is.
  std::int64_t untilSome(const Rate& rate, std::int64_t now) const {
    return hasSome(rate, now) ? 0 : (missing(now) - timeFor(rate, rate.burst)) / kPerMillisecond + 1;
  }

  // Takes any number of tokens, even more than there are: the bucket is then empty until the debt is paid.
  void charge(const Rate& rate, std::int64_t now, std::uint64_t tokens) {
    if (rate) fullAt_ = now * kPerMillisecond + missing(now) + timeFor(rate, tokens);
  }

  // The same with a bounded debt: a bucket never lacks more than twice its burst. For costs that are charged without
  // asking first.
  void chargeBounded(const Rate& rate, std::int64_t now, std::uint64_t tokens) {
    if (!rate) return;
    const std::int64_t most = 2 * timeFor(rate, rate.burst);
    fullAt_ = now * kPerMillisecond + std::min(missing(now) + timeFor(rate, tokens), most);
  }

  // Compares two buckets while nobody takes from them.
  bool isFullBefore(const TokenBucket& other) const { return fullAt_ < other.fullAt_; }

  // The bucket as one word, for buckets that are used at least once in 24 days. Rounds to milliseconds, in favour of
  // the taker.
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

  // Microseconds until the bucket is full.
  std::int64_t missing(std::int64_t now) const { return std::max<std::int64_t>(fullAt_ - now * kPerMillisecond, 0); }
  static std::int64_t timeFor(const Rate& rate, std::uint64_t tokens) {
    return static_cast<std::int64_t>(tokens * 60'000 * kPerMillisecond / rate.perMinute);
  }

  std::int64_t fullAt_ = 0;  // monotonic, microseconds
};
static_assert(std::is_trivially_copyable_v<TokenBucket> && sizeof(TokenBucket) == 8);

}  // namespace mediasync
