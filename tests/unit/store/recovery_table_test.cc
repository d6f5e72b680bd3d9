// What clients come back to after they have lost their connection: found by their pid, kept in the order of the loss,
// bounded.
#include "core/store/recovery_table.h"

#include <catch2/catch.hpp>

#include "core/store/random_id.h"
#include "tests/unit/store/invariants.h"

using namespace mediasync;
using namespace mediasync::store;
using namespace mediasync::store::test;

namespace {

struct Recovery {
  RandomId pid{}, socketId{};
  ConnectionRef connection;
};

// Names of connections are enough here: nothing looks them up.
Recovery make(TestZone& z, Ref connection) {
  Recovery made{z.random.id(), z.random.id(), {connection, connection + 1000ULL, 0}};
  RecoveryTransaction txn(z.zone, made.pid);
  txn.create(made.pid, made.socketId, made.connection);
  txn.commit();
  return made;
}

bool isThere(TestZone& z, const Recovery& recovery) {
  RecoveryTransaction txn(z.zone, recovery.pid);
  return txn.find(recovery.pid);
}

void lose(TestZone& z, const Recovery& recovery, Instant now = kNow, const LostSeat& seat = {}) {
  RecoveryTransaction txn(z.zone, recovery.pid);
  REQUIRE(txn.find(recovery.pid));
  txn.lose(seat, now);
  txn.commit();
}

void remove(TestZone& z, const Recovery& recovery) {
  RecoveryTransaction txn(z.zone, recovery.pid);
  REQUIRE(txn.find(recovery.pid));
  txn.remove();
  txn.commit();
}

// Takes all memory that connections could take.
std::vector<std::pair<std::uint32_t, Ref>> fill(TestZone& z) {
  std::vector<std::pair<std::uint32_t, Ref>> filler;
  for (std::uint32_t shard = 0; shard < z.zone.shards(); ++shard) {
    for (auto size = mediasync::memory::kSizeClasses.rbegin(); size != mediasync::memory::kSizeClasses.rend(); ++size) {
      for (bool more = true; more;) {
        Transaction txn(z.zone.region(), z.zone.connectionShard(shard).header);
        const Ref ref = txn.tryAllocate(*size);
        more = ref != 0;
        if (more) filler.emplace_back(shard, ref);
        txn.commit();
      }
    }
  }
  return filler;
}

void unfill(TestZone& z, const std::vector<std::pair<std::uint32_t, Ref>>& filler) {
  for (const auto& [shard, ref] : filler) {
    Transaction txn(z.zone.region(), z.zone.connectionShard(shard).header);
    txn.release(ref);
    txn.commit();
  }
}

bool isAllFree(const TestZone& z) {
  return z.zone.header().heap.freePages() == z.zone.header().heap.total();
}

std::vector<RandomId> lostInOrder(TestZone& z, std::uint32_t shard) {
  std::vector<RandomId> pids;
  for (;;) {
    RecoveryTransaction txn(z.zone, shard);
    if (!txn.findOldestLost()) return pids;
    pids.push_back(txn.record().pid);
    txn.remove();
    txn.commit();
  }
}

}  // namespace

TEST_CASE("recoveries are found by their pid, and only while they are there", "[store][recovery]") {
  TestZone z(4 << 20, 3);
  std::vector<Recovery> made;
  for (Ref i = 1; i <= 300; ++i)
    made.push_back(make(z, i));
  CHECK(z.zone.recoveryCount() == 300);
  REQUIRE_INVARIANTS(z.zone);
  for (std::size_t i = 0; i < made.size(); i += 2)
    remove(z, made[i]);
  for (std::size_t i = 0; i < made.size(); ++i) {
    RecoveryTransaction txn(z.zone, made[i].pid);
    REQUIRE(txn.find(made[i].pid) == (i % 2 == 1));
    if (i % 2 == 0) continue;
    CHECK(txn.record().socketId == made[i].socketId);
    CHECK(txn.belongsTo(made[i].connection));
    CHECK_FALSE(txn.isLost());
  }
  CHECK_FALSE(isThere(z, {z.random.id(), {}, {}}));
  CHECK_FALSE(isThere(z, {}));
  CHECK(z.zone.recoveryCount() == 150);
  REQUIRE_INVARIANTS(z.zone);
  for (std::size_t i = 1; i < made.size(); i += 2)
    remove(z, made[i]);
  CHECK(isAllFree(z));
  REQUIRE_INVARIANTS(z.zone);
}

TEST_CASE("a recovery belongs to one connection: place, serial and shard", "[store][recovery]") {
  TestZone z;
  const Recovery made = make(z, 7);
  RecoveryTransaction txn(z.zone, made.pid);
  REQUIRE(txn.find(made.pid));
  CHECK(txn.belongsTo({7, 1007, 0}));
  CHECK_FALSE(txn.belongsTo({8, 1007, 0}));
  CHECK_FALSE(txn.belongsTo({7, 1008, 0}));
  CHECK_FALSE(txn.belongsTo({7, 1007, 1}));
  CHECK_FALSE(txn.belongsTo({}));
}

TEST_CASE("lost ones are kept with their seat, oldest first, and time out in that order", "[store][recovery]") {
  TestZone z(4 << 20, 1);
  std::vector<Recovery> made;
  for (Ref i = 1; i <= 5; ++i)
    made.push_back(make(z, i));
  for (const std::size_t i : {3U, 0U, 4U, 1U}) {
    LostSeat seat;
    seat.session = static_cast<Ref>(i + 1);
    seat.joinedAt = i * 10;
    lose(z, made[i], kNow.after(static_cast<std::int64_t>(i)), seat);
    REQUIRE_INVARIANTS(z.zone);
  }
  {
    RecoveryTransaction txn(z.zone, made[4].pid);
    REQUIRE(txn.find(made[4].pid));
    CHECK(txn.isLost());
    CHECK_FALSE(txn.belongsTo(made[4].connection));
    CHECK(txn.record().lostAt == kNow.mono + 4);
    CHECK(txn.record().seat.session == 5);
    CHECK(txn.record().seat.joinedAt == 40);
    CHECK(txn.record().socketId == made[4].socketId);
  }
  CHECK(lostInOrder(z, 0) == std::vector<RandomId>{made[3].pid, made[0].pid, made[4].pid, made[1].pid});
  CHECK(z.zone.recoveryCount() == 1);  // the one that was not lost
  CHECK(isThere(z, made[2]));
  REQUIRE_INVARIANTS(z.zone);
}

TEST_CASE("a claim takes the recovery out of the queue, wherever it is, and it can be lost again",
          "[store][recovery]") {
  TestZone z(4 << 20, 1);
  std::vector<Recovery> made;
  for (Ref i = 1; i <= 4; ++i)
    made.push_back(make(z, i));
  for (const Recovery& one : made)
    lose(z, one);
  const std::size_t at = GENERATE(0U, 1U, 3U);  // the first, one in the middle, the last
  CAPTURE(at);
  const ConnectionRef next{99, 5, 0};
  LostSeat seat;
  seat.session = 12;
  {
    RecoveryTransaction txn(z.zone, made[at].pid);
    REQUIRE(txn.find(made[at].pid));
    txn.claim(next, seat);
    CHECK(txn.belongsTo(next));
    CHECK_FALSE(txn.isLost());
    CHECK(txn.record().seat.session == 12);
    txn.commit();
  }
  REQUIRE_INVARIANTS(z.zone);
  {
    RecoveryTransaction txn(z.zone, 0U);
    REQUIRE(txn.findOldestLost());
    CHECK(txn.record().pid == made[at == 0 ? 1 : 0].pid);
  }
  {  // from connection to connection, without being lost in between
    RecoveryTransaction txn(z.zone, made[at].pid);
    REQUIRE(txn.find(made[at].pid));
    txn.claim({98, 6, 1}, seat);
    CHECK_FALSE(txn.belongsTo(next));
    txn.commit();
  }
  REQUIRE_INVARIANTS(z.zone);
  lose(z, made[at]);
  REQUIRE_INVARIANTS(z.zone);
  const auto order = lostInOrder(z, 0);
  CHECK(order.size() == 4);
  CHECK(order.back() == made[at].pid);  // it was lost last
  CHECK(isAllFree(z));
}

TEST_CASE("a recovery may be removed at any place of the queue, and when it was never lost", "[store][recovery]") {
  TestZone z(4 << 20, 1);
  std::vector<Recovery> made;
  for (Ref i = 1; i <= 4; ++i)
    made.push_back(make(z, i));
  for (std::size_t i = 0; i < 3; ++i)
    lose(z, made[i]);
  for (const std::size_t i : {1U, 3U, 2U, 0U}) {
    remove(z, made[i]);
    CHECK_FALSE(isThere(z, made[i]));
    REQUIRE_INVARIANTS(z.zone);
  }
  CHECK(z.zone.recoveryCount() == 0);
  CHECK(isAllFree(z));
}

TEST_CASE("lost ones have a bounded share of the zone: the oldest make way, live ones never", "[store][recovery]") {
  TestZone z(1 << 20, 1);
  const Recovery live = make(z, 1);
  std::vector<Recovery> made;
  const std::size_t share = std::size_t{z.zone.header().heap.total()} * kPageSize / 8;
  const std::size_t most = share / sizeof(RecoveryRecord);
  for (std::size_t i = 0; i < most + 50; ++i) {
    made.push_back(make(z, static_cast<Ref>(i + 2)));
    lose(z, made.back());
  }
  CHECK(z.zone.connectionShard(0).lostCount == most);
  CHECK(z.zone.recoveryCount() == most + 1);
  CHECK(isThere(z, live));
  for (std::size_t i = 0; i < made.size(); ++i) {
    if (isThere(z, made[i]) != (i >= 50)) FAIL_CHECK("recovery " << i);
  }
  REQUIRE_INVARIANTS(z.zone);
  lostInOrder(z, 0);
  remove(z, live);
  CHECK(isAllFree(z));
}

TEST_CASE("the share is that of all shards together", "[store][recovery]") {
  TestZone z(1 << 20, 4);
  for (Ref i = 1; i <= 2000; ++i)
    lose(z, make(z, i));
  std::size_t bytes = 0;
  for (std::uint32_t shard = 0; shard < z.zone.shards(); ++shard)
    bytes += z.zone.connectionShard(shard).lostCount * sizeof(RecoveryRecord);
  CHECK(bytes <= std::size_t{z.zone.header().heap.total()} * kPageSize / 8);
  CHECK(bytes > std::size_t{z.zone.header().heap.total()} * kPageSize / 10);
  REQUIRE_INVARIANTS(z.zone);
}

TEST_CASE("in a full zone a new one is refused, nothing changes, and evicting makes room", "[store][recovery]") {
  TestZone z(Zone::minimumSize(1), 1);
  const Recovery live = make(z, 1), old = make(z, 2), young = make(z, 3);
  lose(z, old);
  lose(z, young);
  const auto filler = fill(z);
  const auto before = meaningfulBytes(z.zone, z.memory.span());
  {
    RecoveryTransaction txn(z.zone, 0U);
    CHECK_THROWS_AS(txn.create(z.random.id(), z.random.id(), {4, 4, 0}), OutOfSpace);
  }
  CHECK(differenceOf(meaningfulBytes(z.zone, z.memory.span()), before) == "none");
  // To lose one, or to claim one, needs no memory.
  lose(z, live);
  {
    RecoveryTransaction txn(z.zone, live.pid);
    REQUIRE(txn.find(live.pid));
    txn.claim(live.connection, {});
    txn.commit();
  }
  {
    RecoveryTransaction txn(z.zone, 0U);
    REQUIRE(txn.evict());
    txn.commit();
  }
  CHECK_FALSE(isThere(z, old));
  CHECK_FALSE(isThere(z, young));
  CHECK(isThere(z, live));
  const Recovery fresh = make(z, 4);
  CHECK(isThere(z, fresh));
  {
    RecoveryTransaction txn(z.zone, 0U);
    CHECK_FALSE(txn.evict());  // what is left is in use
  }
  unfill(z, filler);
  REQUIRE_INVARIANTS(z.zone);
  remove(z, live);
  remove(z, fresh);
  CHECK(isAllFree(z));
}

TEST_CASE("evicting takes the oldest, and not all of many", "[store][recovery]") {
  TestZone z(4 << 20, 1);
  std::vector<Recovery> made;
  for (Ref i = 1; i <= 200; ++i) {
    made.push_back(make(z, i));
    lose(z, made.back());
  }
  {
    RecoveryTransaction txn(z.zone, 0U);
    REQUIRE(txn.evict());
    txn.commit();
  }
  const std::uint32_t left = z.zone.recoveryCount();
  CHECK(left < 200);
  CHECK(left > 0);
  const auto order = lostInOrder(z, 0);
  REQUIRE(order.size() == left);
  CHECK(order.front() == made[200 - left].pid);
  CHECK(order.back() == made.back().pid);
  CHECK(isAllFree(z));
}

TEST_CASE("a change of a recovery that is not committed did not happen", "[store][recovery]") {
  TestZone z(4 << 20, 1);
  const Recovery live = make(z, 1), old = make(z, 2), young = make(z, 3);
  lose(z, old);
  lose(z, young);
  const auto before = meaningfulBytes(z.zone, z.memory.span());
  const auto attempt = [&](const Recovery& recovery, auto change) {
    RecoveryTransaction txn(z.zone, recovery.pid);
    REQUIRE(txn.find(recovery.pid));
    change(txn);
  };
  attempt(live, [](auto& txn) { txn.lose({}, kNow); });
  attempt(live, [](auto& txn) { txn.remove(); });
  attempt(live, [](auto& txn) { txn.claim({9, 9, 0}, {}); });
  attempt(old, [](auto& txn) { txn.claim({9, 9, 0}, {}); });
  attempt(young, [](auto& txn) { txn.remove(); });
  attempt(young, [](auto& txn) { txn.evict(); });
  attempt(live, [&](auto& txn) { txn.create(z.random.id(), z.random.id(), {9, 9, 0}); });
  CHECK(differenceOf(meaningfulBytes(z.zone, z.memory.span()), before) == "none");
  REQUIRE_INVARIANTS(z.zone);
}

TEST_CASE("at random, with everything that can be done to them, recoveries stay whole", "[store][recovery]") {
  TestZone z(1 << 20, 2);
  std::vector<Recovery> known;
  Ref next = 1;
  const auto pick = [&](std::size_t n) { return static_cast<std::size_t>(z.random.engine()() % n); };
  for (int i = 0; i < 3000; ++i) {
    if (known.empty() || pick(3) == 0) known.push_back(make(z, next++));
    Recovery& one = known[pick(known.size())];
    RecoveryTransaction txn(z.zone, one.pid);
    if (!txn.find(one.pid)) {
      one = known.back();
      known.pop_back();
      continue;
    }
    const std::size_t what = pick(4);
    if (what == 0 && !txn.isLost()) txn.lose({}, kNow);
    if (what == 1) txn.claim({next++, 1, 0}, {});
    if (what == 2) txn.remove();
    if (what == 3 && pick(20) == 0) txn.evict();
    if (pick(5) != 0) txn.commit();
  }
  REQUIRE_INVARIANTS(z.zone);
  std::vector<RandomId> all;
  for (std::uint32_t shard = 0; shard < 2; ++shard) {
    RecoveryTransaction txn(z.zone, shard);
    txn.forEach([&](const RecoveryRecord& record) {
      CHECK(shardOf(z.zone, record.pid) == shard);
      all.push_back(record.pid);
    });
  }
  CHECK(all.size() == z.zone.recoveryCount());
  for (const RandomId& pid : all)
    remove(z, {pid, {}, {}});
  CHECK(isAllFree(z));
}
