// The memory under the tables: undo log, pages, allocator, transactions.
#include <algorithm>
#include <catch2/catch.hpp>
#include <set>

#include "tests/unit/store/invariants.h"

using namespace mediasync;
using namespace mediasync::store;
using namespace mediasync::store::test;

namespace {

struct Memory : TestZone {
  using TestZone::TestZone;
  ShardHeader& shard() { return zone.connectionShard(0).header; }  // one that may use all pages
  PageHeap& heap() { return zone.header().heap; }
  std::uint32_t freePages() { return heap().freePages(); }
};

void free(Memory& m, const std::vector<Ref>& refs) {
  for (std::size_t at = 0; at < refs.size();) {  // in portions that the undo log holds
    Transaction txn(m.zone.region(), m.shard());
    for (int i = 0; i < 40 && at < refs.size(); ++i)
      txn.release(refs[at++]);
    txn.commit();
  }
}

// Allocates `size` until there is no more, in transactions of a few objects.
std::vector<Ref> exhaust(Memory& m, std::size_t size) {
  std::vector<Ref> refs;
  for (bool more = true; more;) {
    Transaction txn(m.zone.region(), m.shard());
    for (int i = 0; i < 40 && more; ++i) {
      const Ref ref = txn.tryAllocate(size);
      more = ref != 0;
      if (more) refs.push_back(ref);
    }
    txn.commit();
  }
  return refs;
}

}  // namespace

TEST_CASE("the undo log restores overlapping changes in reverse order", "[store][undo]") {
  alignas(64) static std::byte memory[UndoLog::kBytes + 4096];
  Arena arena(memory, sizeof memory);
  auto& log = *reinterpret_cast<UndoLog*>(memory);
  std::byte* data = memory + UndoLog::kBytes;
  log.init();
  for (int i = 0; i < 256; ++i)
    data[i] = static_cast<std::byte>(i);
  const std::vector<std::byte> before(data, data + 256);
  log.record(arena, data, 100);
  std::memset(data, 1, 100);
  log.record(arena, data + 50, 7);  // a size that is no multiple of 8
  std::memset(data + 50, 2, 7);
  log.record(arena, data + 99, 157);
  std::memset(data + 99, 3, 157);
  REQUIRE_FALSE(log.empty());
  log.rollback(arena);
  CHECK(log.empty());
  CHECK(std::equal(before.begin(), before.end(), data));

  SECTION("rolling back twice changes nothing") {
    data[0] = std::byte{77};
    log.rollback(arena);
    CHECK(data[0] == std::byte{77});
  }
  SECTION("a committed change stays") {
    log.record(arena, data, 8);
    std::memset(data, 9, 8);
    log.commit();
    CHECK(log.empty());
    log.rollback(arena);
    CHECK(data[3] == std::byte{9});
  }
  SECTION("a log used again after a commit rolls back its own entries only") {
    log.record(arena, data, 8);
    log.record(arena, data + 8, 8);
    log.commit();
    log.record(arena, data + 16, 8);
    std::memset(data, 5, 24);
    log.rollback(arena);
    CHECK(data[0] == std::byte{5});
    CHECK(data[8] == std::byte{5});
    CHECK(data[16] == std::byte{16});
  }
}

TEST_CASE("a full undo log throws before anything is noted by halves", "[store][undo]") {
  alignas(64) static std::byte memory[UndoLog::kBytes + 4096];
  Arena arena(memory, sizeof memory);
  auto& log = *reinterpret_cast<UndoLog*>(memory);
  std::byte* data = memory + UndoLog::kBytes;
  std::memset(data, 0, 4096);
  log.init();
  int noted = 0;
  const auto fill = [&] {
    for (;; ++noted) {
      log.record(arena, data, 4096);
      std::memset(data, noted + 1, 4096);
    }
  };
  CHECK_THROWS_AS(fill(), OutOfSpace);
  CHECK(noted >= 7);
  log.rollback(arena);
  CHECK(std::all_of(data, data + 4096, [](std::byte b) { return b == std::byte{0}; }));
}

TEST_CASE("size classes hold what they are asked for, and nothing beyond a page", "[store][allocator]") {
  for (std::size_t size = 0; size <= kMaxObject; ++size) {
    const std::uint8_t c = mediasync::memory::sizeClassOf(size);
    REQUIRE(c != mediasync::memory::kNoClass);
    REQUIRE(mediasync::memory::kSizeClasses[c] >= size);
    if (c > 0) REQUIRE(mediasync::memory::kSizeClasses[c - 1] < size);
  }
  CHECK(mediasync::memory::sizeClassOf(kMaxObject + 1) == mediasync::memory::kNoClass);
}

TEST_CASE("each class hands out every page, objects do not overlap, and all pages return", "[store][allocator]") {
  Memory m(Zone::minimumSize(1), 1);
  const std::uint32_t pages = m.freePages();
  for (const std::uint16_t size : mediasync::memory::kSizeClasses) {
    CAPTURE(size);
    const std::vector<Ref> refs = exhaust(m, size);
    CHECK(refs.size() == pages * (kPageSize / size));
    CHECK(m.freePages() == 0);
    std::set<Ref> sorted(refs.begin(), refs.end());
    REQUIRE(sorted.size() == refs.size());
    Ref end = 0;
    for (const Ref ref : sorted) {
      REQUIRE(ref >= end);
      end = ref + size / 8;
    }
    for (const Ref ref : refs)
      std::memset(m.zone.arena().bytes(ref), 0xff, size);  // nothing else may lie there
    free(m, refs);
    CHECK(m.freePages() == pages);
    REQUIRE_INVARIANTS(m.zone);
  }
}

TEST_CASE("a reference is to an object only where one begins, in its class, while it is there", "[store][allocator]") {
  Memory m(Zone::minimumSize(1), 1);
  for (const std::uint16_t size : mediasync::memory::kSizeClasses) {
    CAPTURE(size);
    Transaction txn(m.zone.region(), m.shard());
    const Ref ref = txn.allocate(size);
    CHECK(isObject(m.zone.region(), m.shard(), ref, size));
    for (Ref inside = 1; inside < size / 8U; ++inside)
      REQUIRE_FALSE(isObject(m.zone.region(), m.shard(), ref + inside, size));
    CHECK_FALSE(isObject(m.zone.region(), m.shard(), ref, size < kMaxObject ? size + 1 : 1));
    CHECK_FALSE(isObject(m.zone.region(), m.shard(), 0, size));
  }
}

TEST_CASE("freeing in any order leaves no page behind, and memory moves between classes", "[store][allocator]") {
  Memory m(Zone::minimumSize(1), 1);
  const std::uint32_t pages = m.freePages();
  for (int round = 0; round < 5; ++round) {
    std::vector<Ref> refs;
    for (int i = 0; i < 2000; ++i) {
      Transaction txn(m.zone.region(), m.shard());
      const bool grow = refs.empty() || m.random.engine()() % 3 != 0;
      if (grow) {
        const Ref ref = txn.tryAllocate(1 + m.random.engine()() % kMaxObject);
        if (ref != 0) refs.push_back(ref);
      } else {
        std::swap(refs[m.random.engine()() % refs.size()], refs.back());
        txn.release(refs.back());
        refs.pop_back();
      }
      txn.commit();
    }
    std::shuffle(refs.begin(), refs.end(), m.random.engine());
    free(m, refs);
    CHECK(m.freePages() == pages);
    REQUIRE_INVARIANTS(m.zone);
  }
}

TEST_CASE("memory that one shard frees is there for another", "[store][allocator]") {
  Memory m(Zone::minimumSize(2), 2);
  const auto refs = exhaust(m, 4096);
  ShardHeader& other = m.zone.connectionShard(1).header;
  {
    Transaction txn(m.zone.region(), other);
    CHECK(txn.tryAllocate(64) == 0);
    CHECK_THROWS_AS(txn.allocate(64), OutOfSpace);
  }
  free(m, refs);
  Transaction txn(m.zone.region(), other);
  CHECK(txn.tryAllocate(64) != 0);
}

TEST_CASE("what a transaction frees keeps its content until the commit and is not handed out before",
          "[store][allocator]") {
  Memory m;
  Ref ref = 0;
  {
    Transaction txn(m.zone.region(), m.shard());
    ref = txn.store("precious").ref;
    txn.store("a neighbour, which keeps the page");
    txn.commit();
  }
  {
    Transaction txn(m.zone.region(), m.shard());
    txn.release(ref);
    for (int i = 0; i < 70; ++i)
      REQUIRE(txn.allocate(8) != ref);
    CHECK(textOf(m.zone.arena(), {ref, 8}) == "precious");
  }
  CHECK(textOf(m.zone.arena(), {ref, 8}) == "precious");  // given up: it is still ours
  Transaction txn(m.zone.region(), m.shard());
  for (int i = 0; i < 70; ++i)
    REQUIRE(txn.allocate(8) != ref);
}

TEST_CASE("a transaction that is given up leaves every byte as it was", "[store][transaction]") {
  Memory m(Zone::minimumSize(1), 1);
  std::vector<Ref> refs;
  {
    Transaction txn(m.zone.region(), m.shard());
    for (int i = 0; i < 100; ++i)
      refs.push_back(txn.allocate(mediasync::memory::kSizeClasses[static_cast<std::size_t>(i) % mediasync::memory::kSizeClasses.size()]));
    txn.commit();
  }
  for (int round = 0; round < 60; ++round) {
    const auto before = meaningfulBytes(m.zone, m.memory.span());
    const std::uint32_t pages = m.freePages();
    {
      Transaction txn(m.zone.region(), m.shard());
      const int steps = static_cast<int>(m.random.engine()() % 30);
      for (int i = 0; i < steps; ++i) {
        switch (m.random.engine()() % 4) {
          case 0:
            txn.tryAllocate(1 + m.random.engine()() % kMaxObject);
            break;
          case 1:
            txn.release(std::exchange(refs[m.random.engine()() % refs.size()], refs[0]));
            break;
          case 2:
            txn.newSerial();
            break;
          default: {
            auto* bytes = m.zone.arena().bytes(refs[m.random.engine()() % refs.size()]);
            txn.note(bytes, 64);
            std::memset(bytes, round, 64);
          }
        }
      }
    }
    REQUIRE(m.freePages() == pages);
    REQUIRE(differenceOf(meaningfulBytes(m.zone, m.memory.span()), before) == "none");
  }
}

TEST_CASE("running out of memory or of undo log in the middle changes nothing", "[store][transaction]") {
  Memory m(Zone::minimumSize(1), 1);
  const auto before = meaningfulBytes(m.zone, m.memory.span());
  const auto useUp = [&](std::size_t size) {
    Transaction txn(m.zone.region(), m.shard());
    for (;;)
      txn.allocate(size);
  };
  CHECK_THROWS_AS(useUp(4096), OutOfSpace);
  CHECK(differenceOf(meaningfulBytes(m.zone, m.memory.span()), before) == "none");
  const auto noteTooMuch = [&] {
    Transaction txn(m.zone.region(), m.shard());
    for (;;)
      txn.newSerial();
  };
  CHECK_THROWS_AS(noteTooMuch(), OutOfSpace);
  CHECK(differenceOf(meaningfulBytes(m.zone, m.memory.span()), before) == "none");
  REQUIRE_INVARIANTS(m.zone);
}

TEST_CASE("no two shards ever give the same serial", "[store][transaction]") {
  Memory m(8 << 20, 4);
  std::set<std::uint64_t> seen;
  for (std::uint32_t i = 0; i < 4; ++i) {
    for (ShardHeader* shard : {&m.zone.sessionShard(i).header, &m.zone.connectionShard(i).header}) {
      Transaction txn(m.zone.region(), *shard);
      for (int k = 0; k < 100; ++k) {
        const std::uint64_t serial = txn.newSerial();
        CHECK(serial != 0);
        CHECK(seen.insert(serial).second);
      }
      txn.commit();
    }
  }
}
