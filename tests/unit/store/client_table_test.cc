#include "core/store/client_table.h"

#include <catch2/catch.hpp>

#include "tests/unit/store/test_zone.h"

using namespace mediasync;
using namespace mediasync::store;
using namespace mediasync::store::test;

namespace {

constexpr Rate kRate{60, 3};

int taken(const Zone& zone, std::uint64_t client, int wanted, Instant now = kNow) {
  int taken = 0;
  for (int i = 0; i < wanted; ++i)
    taken += zone.admitClient(client, kRate, now);
  return taken;
}

std::uint64_t clientAt(const Zone& zone, std::uint32_t number) {
  return zone.clientOf({reinterpret_cast<const char*>(&number), sizeof number});
}

}  // namespace

TEST_CASE("each client has a bucket of its own, in every process", "[store][limits]") {
  TestZone test;
  const Zone other = Zone::attach(test.memory.span(), {}).value();
  const std::uint64_t ann = test.zone.clientOf("1.2."), bob = test.zone.clientOf("1.3.");
  CHECK(taken(test.zone, ann, 2) == 2);
  CHECK(taken(other, ann, 5) == 1);
  CHECK(taken(other, bob, 5) == 3);
  CHECK(taken(test.zone, ann, 5, kNow.after(1'000)) == 1);
  CHECK(test.zone.clientOf("") == 0);
  CHECK(taken(test.zone, 0, 100) == 100);
}

TEST_CASE("what is charged afterwards is made up for within twice the time that a full bucket takes",
          "[store][limits]") {
  TestZone test;
  const std::uint64_t ann = test.zone.clientOf("1.2.");
  test.zone.chargeClient(ann, kRate, 1'000'000, kNow);
  CHECK(taken(test.zone, ann, 1, kNow.after(3'999)) == 0);
  CHECK(taken(test.zone, ann, 2, kNow.after(4'000)) == 1);
}

TEST_CASE("a table that is full of clients who have used theirs up lets every newcomer in", "[store][limits]") {
  TestZone test;
  constexpr std::uint32_t kClients = 50'000;
  for (std::uint32_t i = 0; i < kClients; ++i)
    REQUIRE(taken(test.zone, clientAt(test.zone, i), 4) == 3);
  CHECK(taken(test.zone, test.zone.clientOf("new"), 4) == 3);
}

TEST_CASE("who has used up what it may is not forgotten for those who have not", "[store][limits]") {
  TestZone test;
  const std::uint64_t bad = test.zone.clientOf("bad");
  test.zone.chargeClient(bad, kRate, 100, kNow);
  for (std::uint32_t i = 0; i < 50'000; ++i)
    REQUIRE(test.zone.admitClient(clientAt(test.zone, i), kRate, kNow));
  CHECK(taken(test.zone, bad, 1) == 0);
}
