// Making a zone and finding it again.
#include <catch2/catch.hpp>

#include "tests/unit/store/invariants.h"

using namespace mediasync;
using namespace mediasync::store;
using namespace mediasync::store::test;

TEST_CASE("minimumSize is enough, for any number of shards, and the tables do not overlap", "[store][zone]") {
  const std::uint32_t shards = GENERATE(1U, 2U, 3U, 8U, 64U, 256U);
  CAPTURE(shards);
  const std::size_t size = Zone::minimumSize(shards);
  SharedMemory memory(size);
  FixedRandom random;
  const auto zone = Zone::create(memory.span(), shards, {}, random);
  REQUIRE(zone);
  CHECK(zone->shards() == shards);
  CHECK(zone->header().heap.total() >= 60);
  const PageHeap& heap = zone->header().heap;
  CHECK(heap.freePages() == heap.total());
  CHECK(heap.page(zone->arena(), heap.total()) + kPageSize <= memory.span().data() + size);
  // Writing every page leaves the tables intact.
  for (mediasync::memory::PageIndex page = 1; page <= heap.total(); ++page)
    std::memset(heap.page(zone->arena(), page), 0xff, kPageSize);
  REQUIRE_INVARIANTS(*zone);
}

TEST_CASE("a zone that is too small is not made", "[store][zone]") {
  FixedRandom random;
  SharedMemory memory(Zone::minimumSize(4));
  CHECK_FALSE(Zone::create(memory.span().first(kPageSize), 4, {}, random));
  CHECK_FALSE(Zone::create(memory.span().first(Zone::minimumSize(4) / 2), 4, {}, random));
}

TEST_CASE("attach finds what create made, and refuses anything else", "[store][zone]") {
  TestZone made(2 << 20, 3);
  Client ann = connect(made.zone, made.random, {1, 1});
  REQUIRE_FALSE(join(made.zone, ann, {"room", "ann", "Ann", {}}, {1, 1}, made.wake));
  ZoneSettings settings;
  settings.disconnectGrace = 77;
  const auto again = Zone::attach(made.memory.span(), settings);
  REQUIRE(again);
  CHECK(again->settings().disconnectGrace == 77);
  CHECK(again->shards() == 3);
  SessionTransaction txn(*again, "room");
  CHECK(txn.find("room"));
  CHECK(txn.findUser("ann") != 0);

  CHECK_FALSE(Zone::attach(made.memory.span().first(1 << 20), {}));
  CHECK_FALSE(Zone::attach(made.memory.span().first(8), {}));
  SharedMemory empty(1 << 20);
  CHECK_FALSE(Zone::attach(empty.span(), {}));
  std::memset(empty.span().data(), 0xff, empty.span().size());
  CHECK_FALSE(Zone::attach(empty.span(), {}));
}

TEST_CASE("create makes a clean zone of memory that was used before", "[store][zone]") {
  SharedMemory memory(1 << 20);
  std::memset(memory.span().data(), 0xab, memory.span().size());
  FixedRandom random;
  const auto zone = Zone::create(memory.span(), 2, {}, random);
  REQUIRE(zone);
  REQUIRE_INVARIANTS(*zone);
  CHECK(zone->sessionCount() + zone->userCount() + zone->membershipCount() + zone->connectionCount() == 0);
}

TEST_CASE("the hash depends on the zone's own key", "[store][zone]") {
  SharedMemory memory(1 << 20);
  FixedRandom one(1), two(2);
  const auto zone = Zone::create(memory.span(), 1, {}, one);
  const std::uint64_t first = zone->hash("room");
  const auto other = Zone::create(memory.span(), 1, {}, two);
  CHECK(other->hash("room") != first);
}
