#include "core/base/token_bucket.h"

#include <catch2/catch.hpp>
#include <vector>

using namespace mediasync;

namespace {

constexpr std::int64_t kStart = 10'000'000;

struct Step {
  std::int64_t after;  // milliseconds since the step before
  int wanted;          // tokens that are asked for at once
  int given;
};

struct Case {
  const char* what;
  Rate rate;
  std::vector<Step> steps;
};

}  // namespace

TEST_CASE("a bucket gives its burst at once, and then at its rate", "[limits][bucket]") {
  const std::vector<Case> cases{
      {"no limit", {0, 0}, {{0, 1'000'000, 1'000'000}}},
      {"one at a time", {60, 1}, {{0, 3, 1}, {999, 1, 0}, {1, 2, 1}, {5'000, 2, 1}}},
      {"burst, then the rate", {3'000, 100}, {{0, 150, 100}, {19, 1, 0}, {1, 2, 1}, {200, 20, 10}, {0, 1, 0}}},
      {"it holds no more than its burst", {3'000, 100}, {{86'400'000, 150, 100}, {86'400'000, 150, 100}}},
      {"less than the rate is never refused", {60'000, 5}, {{0, 5, 5}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {3, 3, 3}}},
      {"many in a millisecond", {600'000, 10}, {{0, 20, 10}, {1, 20, 10}, {1, 20, 10}, {2, 20, 10}}},
      {"few in a minute", {2, 2}, {{0, 3, 2}, {29'999, 1, 0}, {1, 2, 1}, {60'000, 3, 2}}},
      {"what is refused costs nothing", {60, 2}, {{0, 1'000, 2}, {1'000, 2, 1}, {1'000, 2, 1}}},
      {"as much as a directive may say", {60'000'000, 1'000'000'000}, {{0, 1'000'000, 1'000'000}, {1, 1'000, 1'000}}},
  };
  for (const Case& one : cases) {
    CAPTURE(one.what);
    TokenBucket bucket;
    std::int64_t now = kStart;
    for (const Step& step : one.steps) {
      now += step.after;
      int given = 0;
      for (int i = 0; i < step.wanted; ++i)
        given += bucket.take(one.rate, now);
      CHECK(given == step.given);
    }
  }
}

TEST_CASE("what costs more than there is is made up for before the next", "[limits][bucket]") {
  const Rate rate{60'000, 10'000};  // 1,000 a second
  TokenBucket bucket;
  REQUIRE(bucket.hasSome(rate, kStart));
  bucket.charge(rate, kStart, 9'999);
  REQUIRE(bucket.hasSome(rate, kStart));
  bucket.charge(rate, kStart, 25'001);
  CHECK_FALSE(bucket.hasSome(rate, kStart));
  CHECK_FALSE(bucket.hasSome(rate, kStart + 25'000));
  CHECK(bucket.hasSome(rate, kStart + 25'001));
  CHECK(TokenBucket().hasSome({}, kStart));
}

TEST_CASE("a bucket goes on under another rate where it was in time", "[limits][bucket]") {
  TokenBucket bucket;
  const Rate slow{60, 10};
  for (int i = 0; i < 10; ++i)
    REQUIRE(bucket.take(slow, kStart));
  CHECK_FALSE(bucket.take(slow, kStart));
  CHECK(bucket.take({}, kStart));
  const Rate fast{6'000, 2'000};
  CHECK(bucket.take(fast, kStart));
  CHECK(bucket.take(slow, kStart + 1'020));
}

TEST_CASE("a bucket fits a word, and loses less than a millisecond by it", "[limits][bucket]") {
  const Rate rate{3'000, 100};
  for (const std::int64_t now :
       {kStart, std::int64_t{0xffff'fff0}, std::int64_t{0x1'0000'0000}, std::int64_t{7} << 40}) {
    CAPTURE(now);
    TokenBucket bucket;
    for (int i = 0; i < 100; ++i)
      REQUIRE(bucket.take(rate, now));
    TokenBucket later = TokenBucket::unpacked(bucket.packed(now), now + 10);
    CHECK_FALSE(later.take(rate, now + 10));
    CHECK(later.take(rate, now + 20));
    CHECK_FALSE(later.take(rate, now + 20));
    // A full one stays full for a long time.
    const std::int64_t muchLater = now + 24LL * 86'400'000;
    TokenBucket full = TokenBucket::unpacked(bucket.packed(now + 5'000), muchLater);
    int given = 0;
    while (full.take(rate, muchLater))
      ++given;
    CHECK(given == 100);
  }
}
