// A small world in which one worker, that in slot kVictim, does one thing in a process of its own and is killed at one
// of its steps; and what must hold afterwards.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/sessions/offset.h"
#include "tests/unit/store/fault_run.h"
#include "tests/unit/worker/world.h"

namespace mediasync::server::test {

inline constexpr std::uint16_t kVictim = 0, kSecond = 1, kThird = 2, kLate = 3;

inline store::ZoneSettings shortTimes() {
  store::ZoneSettings settings;
  settings.disconnectGrace = 2'000;
  settings.userTimeout = 6'000;
  settings.sessionTimeout = 12'000;
  settings.recovery = 8'000;
  settings.logLimit = store::Zone::kMinLog;
  return settings;
}

inline Options shortPings() {
  Options options;
  options.engine.pingInterval = 3'000;
  options.engine.pingTimeout = 2'000;
  options.connectTimeout = 4'000;
  options.log = 1;
  return options;
}

// Ann and pol are in "room" over WebSocket and polling, at workers that live. Bob is at the victim, over WebSocket.
class Stage {
 public:
  enum class Bob { kNobody, kConnected, kMember, kLeader };

  explicit Stage(Bob role) : world(3, shortTimes(), store::Zone::minimumSize(2) + 32 * store::kPageSize) {
    if (role == Bob::kLeader) bob = member(kVictim, "bob");
    ann = member(kThird, "ann");
    pol = pollMember(kSecond, "pol");
    pol->polls = true;
    if (role == Bob::kMember) bob = member(kVictim, "bob");
    if (role == Bob::kConnected) bob = &connected(kVictim);
    world.settle();
  }

  WsClient& connected(std::uint16_t slot) {
    WsClient& client = socket(slot);
    client.packet("40");
    world.settle();
    return client;
  }
  WsClient* member(std::uint16_t slot, std::string_view user) {
    WsClient& client = socket(slot);
    seat(world, client, "room", user);
    return &client;
  }
  WsClient& socket(std::uint16_t slot, const Options& options = shortPings()) {
    return add(std::make_unique<WsClient>(world, slot, options));
  }
  PollClient& polling(std::uint16_t slot, const Options& options = shortPings()) {
    return add(std::make_unique<PollClient>(world, slot, options));
  }
  // Has collected all there was.
  PollClient* pollMember(std::uint16_t slot, std::string_view user) {
    PollClient& client = polling(slot);
    seat(world, client, "room", user);
    client.poll();
    world.settle();
    return &client;
  }
  // A WebSocket that is to upgrade the connection.
  WsClient& probe(std::uint16_t slot, const PollClient& client) {
    return add(std::make_unique<WsClient>(world, slot, client.sid, WsClient::Probe{}, shortPings()));
  }
  template <class T>
  T& add(std::unique_ptr<T> client) {
    T& added = *client;
    clients_.push_back(std::move(client));
    return added;
  }

  Worker& victim() { return world.worker(kVictim); }
  // Takes what is left of the zone's memory but for so many pages.
  void exhaust(std::uint32_t pages) {
    store::PageHeap& heap = world.zone.header().heap;
    while (heap.freePages() > pages)
      hoard_.push_back(heap.take(world.zone.arena(), kNobody, pages));
  }
  void giveBack() {
    for (const memory::PageIndex page : std::exchange(hoard_, {}))
      world.zone.header().heap.give(world.zone.arena(), page);
  }
  // Time goes by that nobody has noticed yet.
  void wait(std::int64_t ms) { world.env.time = world.env.time.after(ms); }
  void dropAll() {
    for (const auto& client : clients_) {
      if (auto* ws = dynamic_cast<WsClient*>(client.get())) ws->drop();
    }
    clients_.clear();
  }

  World world;
  WsClient* ann = nullptr;
  PollClient* pol = nullptr;
  WsClient* bob = nullptr;
  bool bobWasAway = false;    // his own going, which the others were told, is not told to him
  PollClient* cat = nullptr;  // of a scenario
  WsClient* dan = nullptr;    // of a scenario
  std::vector<std::uint16_t> extra;

 private:
  static constexpr memory::ShardId kNobody = 60'000;

  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<memory::PageIndex> hoard_;
};

struct Scenario {
  std::string name;
  Stage::Bob bob;
  std::function<void(Stage&)> prepare;                // before
  std::function<void(Stage&)> act;                    // what the victim does; nothing of other workers may run in it
  std::function<void(Stage&)> after = [](Stage&) {};  // before the survivors go on
};

// ---- what must hold

// Every connection is a running worker's, and every seat a connection's that knows of it.
inline void requireOwners(const World& world) {
  for (std::uint32_t shard = 0; shard < world.zone.shards(); ++shard) {
    store::ConnectionTransaction txn(world.zone, shard);
    txn.forEach([&](const store::ConnectionRef&, const store::ConnectionRecord& record) {
      if (record.dead) return;  // but in a mailbox
      const store::WorkerEntry& entry = world.zone.worker(record.owner.slot);
      CHECK(entry.state.load() == store::WorkerState::kRunning);
      CHECK(entry.generation.load() == record.owner.generation);
      if (record.posting) CHECK(record.poster.generation == world.zone.worker(record.poster.slot).generation.load());
    });
  }
}

inline bool knowsSeat(const World& world, const store::Membership& membership) {
  store::ConnectionTransaction txn(world.zone, membership.connectionShard);
  return txn.open({membership.connection, membership.connectionSerial, membership.connectionShard}) &&
         txn.record().seat.membershipSerial == membership.serial;
}

// Calls fn(session, user) for all users.
template <class Fn>
void forEachUser(const World& world, Fn fn) {
  const store::Arena& arena = world.zone.arena();
  for (std::uint32_t shard = 0; shard < world.zone.shards(); ++shard) {
    for (store::Ref s = world.zone.sessionShard(shard).allSessions.first; s != 0;) {
      const auto& session = *arena.at<store::SessionRecord>(s);
      for (store::Ref u = session.users.first; u != 0; u = arena.at<store::UserRecord>(u)->inSession.next)
        fn(session, *arena.at<store::UserRecord>(u));
      s = session.all.next;
    }
  }
}

inline void requireSeats(const World& world) {
  const store::Arena& arena = world.zone.arena();
  forEachUser(world, [&](const store::SessionRecord&, const store::UserRecord& user) {
    for (store::Ref m = user.firstMembership; m != 0; m = arena.at<store::Membership>(m)->next)
      CHECK(knowsSeat(world, *arena.at<store::Membership>(m)));
  });
}

// Every recovery that is not one of a lost connection is that of a connection which knows of it.
inline void requireRecoveries(const World& world) {
  std::vector<std::pair<store::RandomId, store::ConnectionRef>> live;
  for (std::uint32_t shard = 0; shard < world.zone.shards(); ++shard) {
    store::RecoveryTransaction txn(world.zone, shard);
    txn.forEach([&](const store::RecoveryRecord& record) {
      if (record.connection.ref != 0) live.emplace_back(record.pid, record.connection);
    });
  }
  for (const auto& [pid, connection] : live) {
    store::ConnectionTransaction txn(world.zone, connection.shard);
    CHECK((txn.open(connection) && txn.record().recoverable && txn.record().pid == pid));
  }
}

// Nobody is in grace any more, and whoever leads is there, when anybody is.
inline void requireLeaders(const World& world) {
  const store::Arena& arena = world.zone.arena();
  std::map<std::string, bool> leads;
  forEachUser(world, [&](const store::SessionRecord& session, const store::UserRecord& user) {
    CHECK(user.presence != session::Presence::kGrace);
    if (session.connectedCount == 0) return;
    bool& isThere = leads[std::string(store::textOf(arena, session.id))];
    const bool isLeader = store::textOf(arena, session.leaderId) == store::textOf(arena, user.id);
    isThere = isThere || (isLeader && user.presence == session::Presence::kConnected);
  });
  for (const auto& [id, isThere] : leads) {
    INFO("the leader of " << id);
    CHECK(isThere);
  }
}

// Nothing in the zone names a worker of that slot but the one that runs there now, if one does.
inline bool isForgotten(const World& world, std::uint16_t slot, std::uint32_t generation) {
  const store::Arena& arena = world.zone.arena();
  const auto isOld = [&](const store::WorkerId& id) { return id.slot == slot && id.generation != generation; };
  bool found = false;
  for (std::uint32_t shard = 0; shard < world.zone.shards(); ++shard) {
    store::ConnectionTransaction txn(world.zone, shard);
    txn.forEach([&](const store::ConnectionRef&, const store::ConnectionRecord& record) {
      if (record.dead) return;
      found = found || isOld(record.owner) || (record.posting && isOld(record.poster));
    });
    for (store::Ref s = world.zone.sessionShard(shard).allSessions.first; s != 0;) {
      const auto& session = *arena.at<store::SessionRecord>(s);
      for (store::Ref w = session.watchers; w != 0; w = arena.at<store::SessionWatcher>(w)->next)
        found = found || isOld(arena.at<store::SessionWatcher>(w)->worker);
      s = session.all.next;
    }
  }
  return !found;
}

// The offsets of the events that a client got, in one session after the other.
inline std::vector<Offset> offsetsOf(const Strings& packets) {
  std::vector<Offset> offsets;
  for (const std::string& packet : packets) {
    if (packet.rfind("42[", 0) != 0) continue;
    const json args = json::parse(packet.substr(2));
    if (args.size() < 3 || !args.back().is_string()) continue;
    if (const auto offset = parseOffset(args.back().get_ref<const std::string&>())) offsets.push_back(*offset);
  }
  return offsets;
}

// Each event once, in order, up to the newest.
inline void requireAllEvents(const World& world, const Strings& packets) {
  const auto offsets = offsetsOf(packets);
  REQUIRE(!offsets.empty());
  for (std::size_t i = 1; i < offsets.size(); ++i) {
    if (offsets[i].session == offsets[i - 1].session) CHECK(offsets[i].event == offsets[i - 1].event + 1);
  }
  store::SessionTransaction session(world.zone, "room");
  REQUIRE(session.find("room"));
  if (session.record().serial == offsets.back().session) CHECK(offsets.back().event + 1 == session.logEnd());
}

// ---- one death

struct Reference {
  std::vector<store::test::Place> points;
  store::test::Contents before;
  std::vector<store::test::Contents> contents;  // what each shard held last between two transactions, at each point
};

// How it goes when nobody dies.
inline Reference referenceOf(const Scenario& scenario) {
  Reference reference;
  Stage stage(scenario.bob);
  scenario.prepare(stage);
  store::test::clearFreeMemory(stage.world.zone);
  store::test::ContentWatch watch(stage.world.zone);
  reference.before = watch.look();
  reference.contents.push_back(reference.before);
  reference.points =
      store::test::faultPointsOf([&] { scenario.act(stage); }, [&] { reference.contents.push_back(watch.look()); });
  reference.contents.push_back(watch.look());
  return reference;
}

// The dead worker's slot is taken by a new one, before the others notice the death or after that.
inline void respawn(Stage& stage, std::uint16_t slot, std::uint32_t before) {
  World& world = stage.world;
  world.start(slot);
  const std::uint32_t now = world.zone.worker(slot).generation.load();
  CHECK(now != before);
  CHECK(isForgotten(world, slot, now));
}

// What the survivors do and the clients see from the death on, to the end of everything.
inline void requireAftermath(Stage& stage, const std::vector<std::uint16_t>& dead, std::uint64_t variant) {
  World& world = stage.world;
  world.env.source = store::test::FixedRandom(variant + 1'000);
  std::vector<std::uint32_t> generations;
  for (const std::uint16_t slot : dead) {
    generations.push_back(world.zone.worker(slot).generation.load());
    world.kill(slot);
  }
  const bool respawnsFirst = variant % 2 == 0;
  for (std::size_t i = 0; respawnsFirst && i < dead.size(); ++i)
    respawn(stage, dead[i], generations[i]);
  world.advance(300, 100);
  for (std::size_t i = 0; i < dead.size(); ++i) {
    if (respawnsFirst) continue;
    CHECK(world.zone.worker(dead[i]).state.load() == store::WorkerState::kNone);
    CHECK(isForgotten(world, dead[i], generations[i] + 1));
    respawn(stage, dead[i], generations[i]);
  }
  REQUIRE_INVARIANTS(world.zone);
  requireOwners(world);
  requireSeats(world);

  if (stage.cat != nullptr) {  // goes on elsewhere
    stage.cat->slot = kSecond;
    stage.cat->polls = true;
  }
  WsClient* back = nullptr;
  Strings before;  // what bob has got when he comes back
  if (stage.bob != nullptr && !stage.bob->inbox.pid.empty() && variant % 3 == 0) {
    back = &stage.socket(kVictim);
    before = stage.bob->inbox.all;
    back->comeBack(*stage.bob);
    world.settle();
    if (!back->hasRecovered(*stage.bob)) back = nullptr;
  }
  world.advance(1'200, 200);
  requireRecoveries(world);
  world.advance(1'000, 500);
  REQUIRE_INVARIANTS(world.zone);
  requireLeaders(world);

  WsClient& newcomer = stage.socket(kVictim);
  seat(world, newcomer, "room", "newcomer");
  CHECK(newcomer.inbox.events("session_joined").size() == 1);
  world.settle();
  if (stage.ann->isOpen() && !stage.ann->socket.finished) requireAllEvents(world, stage.ann->inbox.all);
  requireAllEvents(world, stage.pol->inbox.all);
  if (back != nullptr && !stage.bobWasAway && !offsetsOf(back->inbox.all).empty()) {
    before.insert(before.end(), back->inbox.all.begin(), back->inbox.all.end());
    requireAllEvents(world, before);
  }

  stage.dropAll();
  world.advance(22'000, 1'000);
  REQUIRE_INVARIANTS(world.zone);
  CHECK(world.zone.connectionCount() == 0);
  CHECK(world.zone.sessionCount() == 0);
  CHECK(isEmpty(world));
}

// Dies at each point in turn, and after the last. `most`: so many points, when there are more.
inline void requireWholeAfterEachDeath(const Scenario& scenario, std::uint64_t most) {
  store::test::shrinkProcess();
  const Reference reference = referenceOf(scenario);
  REQUIRE(!reference.points.empty());
  for (const std::uint64_t n : store::test::pointsToTry(reference.points, most)) {
    Stage stage(scenario.bob);
    scenario.prepare(stage);
    store::test::clearFreeMemory(stage.world.zone);
    REQUIRE(store::test::ContentWatch(stage.world.zone).look() == reference.before);
    const store::test::Fate fate = store::test::dieAt(n, [&] { scenario.act(stage); });
    INFO("death at point " << n << " of " << reference.points.size() << ", " << fate.where);
    REQUIRE(fate.died == (n <= reference.points.size()));
    // What was under way is undone, what was committed is there: byte for byte.
    CHECK(store::test::repairedContents(stage.world.zone) == reference.contents[n]);
    stage.giveBack();
    scenario.after(stage);
    requireAftermath(stage, {kVictim}, n);
  }
}

// Dies at some points, and at each of them the worker that repairs what is left dies as well, at some of its own.
inline void requireWholeAfterTwoDeaths(const Scenario& scenario, std::uint64_t most, std::uint64_t mostOfRepair) {
  store::test::shrinkProcess();
  const std::vector<store::test::Place> points = referenceOf(scenario).points;
  const auto killOnce = [&](Stage& stage, std::uint64_t n) {
    scenario.prepare(stage);
    stage.world.start(kLate);
    store::test::dieAt(n, [&] { scenario.act(stage); });
    stage.world.kill(kVictim);
    stage.wait(200);
  };
  for (const std::uint64_t n : store::test::pointsToTry(points, most)) {
    std::vector<store::test::Place> repairs;
    {
      Stage stage(scenario.bob);
      killOnce(stage, n);
      repairs = store::test::faultPointsOf([&] { stage.world.worker(kLate).tick(); });
    }
    for (const std::uint64_t m : store::test::pointsToTry(repairs, mostOfRepair)) {
      Stage stage(scenario.bob);
      killOnce(stage, n);
      const store::test::Fate fate = store::test::dieAt(m, [&] { stage.world.worker(kLate).tick(); });
      INFO("death at point " << n << ", and in the repair at " << m << " of " << repairs.size() << ", " << fate.where);
      REQUIRE(fate.died == (m <= repairs.size()));
      requireAftermath(stage, {kVictim, kLate}, m);
    }
  }
}

}  // namespace mediasync::server::test
