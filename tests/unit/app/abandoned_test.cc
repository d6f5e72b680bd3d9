// Sessions that nobody is in: what they cost, how long, and who gives way to whom when nothing is left.
#include <catch2/catch.hpp>
#include <functional>

#include "core/worker/status.h"
#include "tests/unit/persistence/state_stage.h"

using namespace mediasync;
using namespace mediasync::server;
using namespace mediasync::server::test;

namespace {

constexpr std::int64_t kRecovery = 120'000;

std::uint64_t metric(const World& world, std::string_view name) {
  for (const api::Metric& one : statusOf(world.zone)) {
    if (one.name == name) return one.value;
  }
  FAIL("no metric " << name);
  return 0;
}

bool exists(const World& world, std::string_view session) {
  store::SessionTransaction txn(world.zone, session);
  return txn.find(session);
}

std::uint32_t logBytes(const World& world, std::string_view session) {
  store::SessionTransaction txn(world.zone, session);
  REQUIRE(txn.find(session));
  return txn.record().log.bytes;
}

void sayLongThings(WsClient& client, int times) {
  for (int i = 0; i < times; ++i)
    client.event("load_media", {{"mediaUrl", std::string(2000, 'u')}, {"mediaTitle", std::string(500, 't')}});
}

std::string lastOf(const Client& client) {
  const Strings seen = client.inbox.seen();
  return seen.empty() ? std::string() : seen.back();
}

}  // namespace

TEST_CASE("the log of a session that its last user left goes at once, and its state stays", "[server][abandoned]") {
  World world;
  WsClient ann(world, 0), bob(world, 1);
  seat(world, ann, "room", "ann");
  sayLongThings(ann, 46);
  world.settle();
  REQUIRE(logBytes(world, "room") > 100'000);
  ann.leave();
  world.settle();
  CHECK(logBytes(world, "room") == 0);
  REQUIRE_INVARIANTS(world.zone);
  seat(world, bob, "room", "bob");
  CHECK(bob.inbox.events("session_joined").back()["session"]["playbackState"]["mediaTitle"] == std::string(500, 't'));
  CHECK(logBytes(world, "room") <= 2 * store::kFirstChunk);
  ann.join("room", "ann");
  world.settle();
  CHECK(lastOf(bob) == "user_joined ann");
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("the log of a session that all have lost stays for as long as they may come back, and no longer",
          "[server][abandoned][recovery]") {
  World world;
  auto ann = std::make_unique<WsClient>(world, 0);
  seat(world, *ann, "room", "ann");
  sayLongThings(*ann, 46);
  world.settle();
  ann->drop();
  world.advance(kRecovery - 1'000, 500);
  REQUIRE(logBytes(world, "room") > 100'000);
  WsClient back(world, 1);
  back.comeBack(*ann);
  world.settle();
  REQUIRE(back.hasRecovered(*ann));
  back.drop();
  world.advance(kRecovery + 1'000, 500);
  CHECK(logBytes(world, "room") == 0);
  CHECK(exists(world, "room"));
  WsClient late(world, 0);
  seat(world, late, "room", "ann");
  CHECK(late.inbox.events("session_joined").back()["session"]["playbackState"]["mediaUrl"] == std::string(2000, 'u'));
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("one who makes session after session and leaves them keeps nobody out", "[server][abandoned]") {
  World world(2, {}, 2 << 20);
  WsClient ann(world, 0), listed(world, 0), bad(world, 1);
  seat(world, ann, "with people", "ann");
  seat(world, listed, "of yesterday", "lee");
  listed.drop();
  bad.packet("40");
  world.advance(kRecovery + 1'000, 500);
  for (int i = 0; i < 3'000; ++i) {
    bad.join("bad " + std::to_string(i), "bad");
    world.settle();
    REQUIRE(lastOf(bad) == "session_joined bad");
    sayLongThings(bad, 1);
    bad.leave();
    world.settle();
    bad.inbox = {};
  }
  CHECK(metric(world, "sessions_evicted_total") > 1'000);
  REQUIRE(world.env.logged.size() == 1);
  CHECK(world.env.logged[0].find("abandoned sessions gave way") != std::string::npos);
  CHECK(exists(world, "of yesterday"));  // somebody is listed there
  CHECK_FALSE(exists(world, "bad 0"));
  CHECK(exists(world, "bad 2999"));
  WsClient bob(world, 1);
  seat(world, bob, "with people", "bob");
  CHECK(lastOf(bob) == "session_joined bob");
  CHECK(world.worker(0).rest().createSession({"x", "X"}, {}).status == 201);
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("sessions to which somebody may come back, and those with people, never give way", "[server][abandoned]") {
  World world(2, {}, 1 << 20);
  std::vector<std::unique_ptr<WsClient>> clients;
  for (int i = 0;; ++i) {
    auto& client = *clients.emplace_back(std::make_unique<WsClient>(world, 0));
    REQUIRE(i < 10'000);
    if (!client.isOpen()) break;
    client.packet("40");
    client.join("room " + std::to_string(i), "u");
    world.settle();
    if (lastOf(client) != "session_joined u") break;
    if (i % 2 == 1) client.drop();
  }
  const std::size_t sessions = world.zone.sessionCount();
  CHECK(metric(world, "sessions_evicted_total") == 0);
  world.advance(kRecovery + 1'000, 500);
  CHECK(world.zone.sessionCount() == sessions);
  std::vector<std::unique_ptr<WsClient>> late;  // take what the lost connections had, and then more
  while (metric(world, "sessions_evicted_total") == 0) {
    REQUIRE(late.size() < 10'000);
    auto& one = *late.emplace_back(std::make_unique<WsClient>(world, 1));
    seat(world, one, "late " + std::to_string(late.size()), "late");
    REQUIRE(lastOf(one) == "session_joined late");
  }
  CHECK_FALSE(exists(world, "room 1"));  // of those that all had lost the longest abandoned
  CHECK(exists(world, "room 0"));
  REQUIRE_INVARIANTS(world.zone);
}

namespace {

// Makes a session, says long things in it and is lost, again and again for two minutes.
void leaveLogs(World& world, const Options& options, const Newcomer& newcomer,
               const std::function<void(WsClient&)>& leave) {
  for (int i = 0; i < 1'200; ++i) {
    WsClient bad(world, 1, options, {}, newcomer);
    if (!bad.isOpen()) continue;
    seat(world, bad, "bad " + std::to_string(i), "bad");
    if (lastOf(bad) == "session_joined bad") sayLongThings(bad, 46);
    world.settle();
    leave(bad);
    if (i % 10 == 9) world.advance(1'000, 500);
  }
}

}  // namespace

TEST_CASE("who fills sessions and is lost, again and again, keeps no other network out", "[server][abandoned][rates]") {
  World world(2, {}, 8 << 20);
  Options options;
  options.rates.ownSessions = {120, 300};
  const Newcomer bad{{}, "9.9."};
  if (GENERATE(true, false)) {
    leaveLogs(world, options, bad, [](WsClient& one) { one.drop(); });
  } else {  // or is taken over by somebody who then has no use for it
    leaveLogs(world, options, bad, [&](WsClient& one) {
      WsClient thief(world, 1, options, {}, bad);
      thief.packet("40" + json{{"pid", one.inbox.pid}, {"offset", "x"}}.dump());
      world.settle();
      thief.drop();
    });
  }
  CHECK(world.zone.header().heap.freePages() > world.zone.header().heap.total() / 3);
  for (int i = 0; i < 50; ++i) {
    WsClient ann(world, 0, options, {}, {{}, "1.1."});
    seat(world, ann, "good " + std::to_string(i), "ann");
    CHECK(lastOf(ann) == "session_joined ann");
    ann.leave();
    world.settle();
  }
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("a network that many are lost from may make sessions again before long", "[server][abandoned][rates]") {
  World world(2, {}, 4 << 20);
  Options options;
  options.rates.ownSessions = {60, 20};
  const Newcomer office{{}, "9.9."};
  std::vector<std::unique_ptr<WsClient>> people;
  for (int i = 0; i < 20; ++i) {
    auto& one = *people.emplace_back(std::make_unique<WsClient>(world, 0, options, Agreement{}, office));
    seat(world, one, "room " + std::to_string(i), "u");
    sayLongThings(one, 46);
    world.settle();
  }
  REQUIRE(world.zone.header().heap.freePages() < world.zone.header().heap.total() / 2);
  people.clear();
  WsClient late(world, 1, options, {}, office);
  seat(world, late, "room 1", "u");
  CHECK(lastOf(late) == "session_joined u");
  late.leave();
  late.join("new", "u");
  world.settle();
  CHECK(lastOf(late) == "error RATE_LIMITED");
  world.advance(22'000, 500);
  late.join("new", "u");
  world.settle();
  CHECK(lastOf(late) == "session_joined u");
}

TEST_CASE("an abandoned session does not count for mediasync_max_sessions when somebody comes", "[server][abandoned]") {
  World world;
  Options options;
  options.maxSessions = 2;
  WsClient ann(world, 0, options), bad(world, 1, options), bob(world, 0, options);
  seat(world, ann, "one", "ann");
  seat(world, bad, "two", "bad");
  seat(world, bob, "three", "bob");
  CHECK(lastOf(bob) == "error TOO_MANY_SESSIONS");
  bad.leave();
  world.settle();
  bob.join("three", "bob");
  world.settle();
  CHECK(lastOf(bob) == "session_joined bob");
  CHECK_FALSE(exists(world, "two"));
  CHECK(world.worker(0).rest().createSession({"x", "X"}, options).status == 503);
}

TEST_CASE("a crowd of users who went keeps nobody out of a session", "[server][abandoned]") {
  World world;
  Options options;
  options.maxUsers = 10;
  WsClient ann(world, 0, options);
  seat(world, ann, "room", "ann");
  for (int i = 0; i < 30; ++i) {
    WsClient bad(world, 1, options);
    seat(world, bad, "room", "bad " + std::to_string(i));
    bad.drop();
  }
  WsClient bob(world, 1, options);
  seat(world, bob, "room", "bob");
  CHECK(lastOf(bob) == "session_joined bob");
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("nothing gives way to a session that may not be created", "[server][abandoned]") {
  World world;
  Options options;
  options.maxSessions = 1;
  options.creates = false;
  WsClient ann(world, 0), bob(world, 1, options);
  seat(world, ann, "room", "ann");
  ann.leave();
  seat(world, bob, "other", "bob");
  CHECK(lastOf(bob) == "error SESSION_NOT_FOUND");
  CHECK(exists(world, "room"));
}

TEST_CASE("a session whose users the server sent away gives way when they had the time to come back",
          "[server][abandoned]") {
  store::ZoneSettings settings;
  settings.recovery = 1'000;
  settings.restartGrace = 60'000;
  World world(2, settings);
  Options options;
  options.maxSessions = 1;
  WsClient ann(world, 1, options);
  seat(world, ann, "room", "ann");
  world.kill(1);
  world.advance(50'000, 500);
  WsClient bob(world, 0, options);
  seat(world, bob, "other", "bob");
  CHECK(lastOf(bob) == "error TOO_MANY_SESSIONS");
  CHECK(exists(world, "room"));
  CHECK(logBytes(world, "room") > 0);
  world.advance(15'000, 500);
  bob.join("other", "bob");
  world.settle();
  CHECK(lastOf(bob) == "session_joined bob");
  CHECK_FALSE(exists(world, "room"));
}

TEST_CASE("a session that nobody can come back to has no log after a restart either", "[server][abandoned][state]") {
  Disk disk;
  World before;
  kept(before);
  Keeping keeping(before, disk, 0, mediasync::persistence::StateSync::kInterval);
  WsClient ann(before, 0), bob(before, 1), cat(before, 1);
  seat(before, ann, "left", "ann");
  seat(before, bob, "lost", "bob");
  seat(before, cat, "in use", "cat");
  for (WsClient* client : {&ann, &bob, &cat})
    sayLongThings(*client, 20);
  before.settle();
  keeping.run();
  ann.leave();
  bob.drop();
  before.advance(kRecovery + 1'000, 500);
  keeping.run();
  NextWorld after;
  kept(after);
  after.env.time = before.env.time;
  newest(disk.halves)->restoreTo(after.zone, after.env.time);
  CHECK(logBytes(after, "left") == 0);
  CHECK(logBytes(after, "lost") == 0);
  CHECK(logBytes(after, "in use") > 20'000);
  REQUIRE_INVARIANTS(after.zone);
  WsClient dan(after, 0);
  for (const char* session : {"left", "lost"}) {
    seat(after, dan, session, "dan");
    CHECK(dan.inbox.events("session_joined").back()["session"]["playbackState"]["mediaTitle"] == std::string(500, 't'));
    dan.leave();
  }
  after.settle();
  REQUIRE_INVARIANTS(after.zone);
}

TEST_CASE("a session that all had just lost keeps its log over a restart, however long that took",
          "[server][abandoned][recovery][state]") {
  Disk disk;
  World before;
  kept(before);
  Keeping keeping(before, disk, 0, mediasync::persistence::StateSync::kInterval);
  auto ann = std::make_unique<WsClient>(before, 0), bob = std::make_unique<WsClient>(before, 1);
  seat(before, *ann, "room", "ann");
  seat(before, *bob, "room", "bob");
  const json credentials = bob->credentials();
  sayLongThings(*ann, 5);
  before.settle();
  bob->drop();
  ann->drop();
  before.advance(1'000, 500);
  keeping.run();
  NextWorld after;
  kept(after);
  after.env.time = before.env.time.after(2 * kRecovery);
  newest(disk.halves)->restoreTo(after.zone, after.env.time);
  after.advance(1'000, 100);
  CHECK(logBytes(after, "room") > 10'000);
  REQUIRE_INVARIANTS(after.zone);
  WsClient back(after, 1);
  back.comeBack(credentials);
  after.settle();
  CHECK(back.inbox.pid == credentials["pid"]);
  CHECK(back.inbox.events("media_loaded").size() == 5);
  REQUIRE_INVARIANTS(after.zone);
}

TEST_CASE("a session that all have lost does not give way before they may not come back any more",
          "[server][abandoned][recovery]") {
  World world(2, {}, 1 << 20);
  auto ann = std::make_unique<WsClient>(world, 0);
  seat(world, *ann, "room", "ann");
  ann->drop();
  world.advance(kRecovery - 10'000, 500);
  WsClient bad(world, 1);
  bad.packet("40");
  std::vector<std::unique_ptr<WsClient>> present;
  for (int i = 0; metric(world, "sessions_evicted_total") < 10; ++i) {
    REQUIRE(i < 10'000);
    bad.join("bad " + std::to_string(i), "bad");
    bad.leave();
    world.settle();
  }
  CHECK(exists(world, "room"));
  CHECK(logBytes(world, "room") > 0);
  WsClient back(world, 0);
  back.comeBack(*ann);
  world.settle();
  CHECK(back.hasRecovered(*ann));
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("a newcomer gets in although what gives way first lies among what stays", "[server][abandoned]") {
  World world(2, {}, 1 << 20);
  int count = 0;
  const auto nameIn = [&](std::uint16_t shard) {
    for (;;) {
      const std::string name = "room " + std::to_string(count++);
      if (store::SessionTransaction(world.zone, name).shardIndex() == shard) return name;
    }
  };
  std::vector<std::unique_ptr<WsClient>> present;
  WsClient bad(world, 1);
  bad.packet("40");
  for (int i = 0; i < 120; ++i) {
    bad.join(nameIn(0), "bad");
    bad.leave();
    world.settle();
    if (i % 5 != 0) continue;
    present.push_back(std::make_unique<WsClient>(world, 0));
    seat(world, *present.back(), nameIn(0), "u");
  }
  world.advance(100);
  for (int i = 0; metric(world, "sessions_evicted_total") < 200; ++i) {
    REQUIRE(i < 10'000);
    bad.inbox = {};
    bad.join(nameIn(1), "bad");
    world.settle();
    REQUIRE(lastOf(bad) == "session_joined bad");
    bad.leave();
    world.settle();
  }
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("a session of very many users goes in parts", "[server][abandoned]") {
  World world(2, {}, 16 << 20);
  constexpr int kUsers = 10'000;
  WsClient ann(world, 0), bob(world, 1);
  seat(world, ann, "crowded", "ann");
  for (int i = 0; i < kUsers; ++i) {
    store::SessionTransaction session(world.zone, "crowded");
    REQUIRE(session.find("crowded"));
    session.addUser("user " + std::to_string(i), "name", {}, session::Presence::kAway, world.env.time);
    store::WakeSet wake;
    session.commit(wake);
  }
  ann.drop();
  world.advance(kRecovery + 1'000, 500);
  REQUIRE(world.zone.userCount() == kUsers + 1);
  Options options;
  options.maxSessions = 1;
  WsClient cat(world, 1, options);
  seat(world, cat, "new", "cat");
  CHECK(lastOf(cat) == "error TOO_MANY_SESSIONS");
  CHECK(world.zone.userCount() > 0);
  CHECK(world.zone.userCount() < kUsers);
  REQUIRE_INVARIANTS(world.zone);
  world.advance(1'000, 100);
  CHECK(world.zone.sessionCount() == 0);
  cat.join("new", "cat");
  world.settle();
  CHECK(lastOf(cat) == "session_joined cat");
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("users who went and may not come back unnoticed any more keep nobody out of the zone",
          "[server][abandoned]") {
  World world(2, {}, 1 << 20);
  WsClient ann(world, 0);
  seat(world, ann, "room", "ann");
  const std::string avatar(2'000, 'a');
  bool isFull = false;
  for (int i = 0; !isFull; ++i) {
    REQUIRE(i < 10'000);
    WsClient bad(world, 1);
    bad.packet("40{\"recovery\":false}");
    bad.event("join_session",
              {{"sessionId", "room"}, {"userId", "bad " + std::to_string(i)}, {"username", "Bad"}, {"avatar", avatar}});
    world.settle();
    isFull = lastOf(bad) == "error ZONE_FULL";
    bad.drop();
  }
  const json late{{"sessionId", "new"}, {"userId", "bob"}, {"username", "Bob"}, {"avatar", avatar}};
  WsClient bob(world, 1);
  bob.packet("40");
  world.advance(kRecovery + 10'000, 500);
  const std::uint32_t users = world.zone.userCount();
  bob.event("join_session", late);
  world.settle();
  CHECK(lastOf(bob) == "session_joined bob");
  CHECK(world.zone.userCount() > users / 4);  // no more went than had to
  CHECK(exists(world, "room"));
  ann.sync(7, 1);
  world.settle();
  CHECK(only(ann.inbox.seen(), "ack") == Strings{"ack 1 ok"});
  REQUIRE_INVARIANTS(world.zone);
}
