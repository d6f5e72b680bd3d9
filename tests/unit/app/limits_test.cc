// Limits and full zones: what is refused, and that nothing is half applied or thrown out of a worker.
#include <catch2/catch.hpp>

#include "tests/unit/worker/world.h"

using namespace mediasync;
using namespace mediasync::server;
using namespace mediasync::server::test;

namespace {

// Takes what is left of the memory of every shard, in every size.
void fillZone(World& world) {
  for (std::uint32_t i = 0; i < world.zone.shards(); ++i) {
    for (store::ShardHeader* shard : {&world.zone.sessionShard(i).header, &world.zone.connectionShard(i).header}) {
      for (auto size = memory::kSizeClasses.rbegin(); size != memory::kSizeClasses.rend(); ++size) {
        for (bool more = true; more;) {
          store::Transaction txn(world.zone.region(), *shard);
          more = txn.tryAllocate(*size) != 0;
          txn.commit();
        }
      }
    }
  }
}

constexpr std::size_t kSmallZone = 1 << 20;

}  // namespace

TEST_CASE("a location's limits on sessions and users are kept", "[server][limits]") {
  World world;
  Options options;
  options.maxSessions = 2;
  options.maxUsers = 2;
  WsClient a(world, 0, options), b(world, 1, options), c(world, 0, options), d(world, 1, options);
  seat(world, a, "one", "a");
  seat(world, b, "two", "b");
  seat(world, c, "three", "c");
  CHECK(c.inbox.news() == Strings{"error TOO_MANY_SESSIONS"});
  c.join("one", "c");
  seat(world, d, "one", "d");
  CHECK(d.inbox.news() == Strings{"error SESSION_FULL"});
  CHECK(world.worker(0).rest().createSession({"x", "X"}, options).status == 503);
  CHECK(world.zone.sessionCount() == 2);
}

TEST_CASE("a refused join after one's tabs were left does not cut off the others on this worker", "[server][limits]") {
  World world;
  Options options;
  options.maxUsers = 2;
  WsClient tab1(world, 1), tab2(world, 0, options), bob(world, 0), x(world, 1), y(world, 1);
  seat(world, bob, "room", "bob");
  seat(world, tab1, "room", "ann");
  seat(world, tab2, "room", "ann");
  seat(world, x, "full", "x");
  seat(world, y, "full", "y");
  forgetNews(world);
  world.held = {0};
  tab1.leave();  // the seat of tab2 is gone, and worker 0 does not know
  world.settle();
  for (int i = 0; i < 3; ++i)
    tab2.join("full", "ann");
  world.held = {};
  world.settle();
  CHECK(only(tab2.inbox.news(), "error").size() == 3);
  CHECK(bob.inbox.news() == Strings{"user_left ann"});
  WsClient cat(world, 1);
  seat(world, cat, "room", "cat");
  CHECK(bob.inbox.news() == Strings{"user_joined cat"});
  CHECK(cat.inbox.events("session_joined").at(0)["session"]["userCount"] == 2);
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("in a full zone handshakes and joins are refused, and who is there goes on", "[server][full]") {
  World world(2, {}, kSmallZone);
  WsClient ann(world, 0), bob(world, 1), late(world, 0);
  PollClient cat(world, 1);
  cat.polls = true;
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  seat(world, cat, "room", "cat");
  late.packet("40");
  forgetNews(world);
  fillZone(world);
  CHECK(std::holds_alternative<NoSpace>(world.worker(0).polls().open({})));
  WsClient refused(world, 1);
  CHECK_FALSE(refused.isOpen());
  CHECK(world.worker(0).rest().createSession({"x", "X"}, {}).status == 507);
  late.join("room", "late", 1);
  CHECK(late.inbox.news() == Strings{"error ZONE_FULL", "ack 1 ZONE_FULL"});
  late.join("elsewhere", "late", 2);
  CHECK(late.inbox.news() == Strings{"error ZONE_FULL", "ack 2 ZONE_FULL"});
  for (int i = 1; i <= 100; ++i) {
    ann.sync(i);
    world.settle();
  }
  world.advance(1'000, 5);
  CHECK(ann.inbox.news() == numbered("sync", 1, 100));
  CHECK(bob.inbox.news() == numbered("sync", 1, 100));
  CHECK(cat.inbox.news() == numbered("sync", 1, 100));
}

TEST_CASE("in a full zone a lost leader is given up, and leadership moves", "[server][full]") {
  World world(2, {}, kSmallZone);
  WsClient ann(world, 0), bob(world, 1);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", std::string(100, 'b'));
  forgetNews(world);
  fillZone(world);
  const bool leaves = GENERATE(true, false);
  CAPTURE(leaves);
  if (leaves) ann.leave(1);
  if (!leaves) ann.drop();
  REQUIRE_NOTHROW(world.advance(6'000));
  if (leaves) CHECK(only(ann.inbox.news(), "ack") == Strings{"ack 1 ok"});
  CHECK_FALSE(bob.closeCode);
  CHECK(bob.inbox.news() == Strings{"user_left ann", "leader " + std::string(100, 'b')});
}

TEST_CASE("in a full zone a polling connection may move, upgrade and be adopted, and nothing throws",
          "[server][full]") {
  World world(3, {}, kSmallZone);
  WsClient ann(world, 0);
  PollClient bob(world, 0), cat(world, 0), dan(world, 1);
  for (PollClient* client : {&bob, &cat, &dan})
    client->polls = true;
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  seat(world, cat, "room", "cat");
  seat(world, dan, "room", "dan");
  forgetNews(world);
  fillZone(world);
  // No worker but 0 and 1 watches the session, and there is no memory to say so.
  bob.slot = 2;
  cat.polls = false;
  WsClient socket(world, 2, cat.sid, WsClient::Probe{});
  REQUIRE_NOTHROW(ann.sync(1));
  REQUIRE_NOTHROW(world.settle());
  REQUIRE_NOTHROW(socket.packet("2probe"));
  REQUIRE_NOTHROW(world.settle());
  REQUIRE_NOTHROW(socket.packet("5"));
  dan.polls = false;
  world.kill(1);
  REQUIRE_NOTHROW(world.advance(2'000));
  dan.slot = 2;
  dan.polls = true;
  REQUIRE_NOTHROW(world.settle());
  ann.sync(2);
  REQUIRE_NOTHROW(world.advance(2'000));
  Strings catNews = only(cat.inbox.seen(), "sync");
  for (const auto& line : only(socket.inbox.seen(), "sync"))
    catNews.push_back(line);
  CHECK(only(bob.inbox.news(), "sync") == numbered("sync", 1, 2));
  CHECK(catNews == numbered("sync", 1, 2));
  CHECK(only(dan.inbox.news(), "sync") == numbered("sync", 1, 2));
}

TEST_CASE("a user with all its tabs may leave, and one tab more is refused", "[server][limits]") {
  World world;
  WsClient ann(world, 0);
  seat(world, ann, "room", "ann");
  std::vector<std::unique_ptr<WsClient>> tabs;
  for (std::uint32_t i = 0; i <= session::kMaxConnectionsPerUser; ++i) {
    tabs.push_back(std::make_unique<WsClient>(world, static_cast<std::uint16_t>(i % 2)));
    seat(world, *tabs.back(), "room", "bob");
  }
  CHECK(tabs.back()->inbox.news() == Strings{"error TOO_MANY_CONNECTIONS"});
  forgetNews(world);
  REQUIRE_NOTHROW(tabs[0]->leave());
  world.settle();
  CHECK(ann.inbox.news() == Strings{"user_left bob"});
  CHECK(world.zone.membershipCount() == 1);
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("thousands of users with the longest texts come and go and leave no memory behind", "[server][limits]") {
  store::ZoneSettings settings;
  settings.sessionTimeout = 60'000;
  settings.userTimeout = 30'000;
  World world(2, settings, 16 << 20);
  for (int round = 0; round < 5; ++round) {
    std::vector<std::unique_ptr<WsClient>> clients;
    for (int i = 0; i < 60; ++i) {
      clients.push_back(std::make_unique<WsClient>(world, static_cast<std::uint16_t>(i % 2)));
      clients.back()->packet("40");
      clients.back()->event("join_session", {{"sessionId", std::string(120, 's') + std::to_string(i / 20)},
                                             {"userId", std::string(120, 'u') + std::to_string(i)},
                                             {"username", std::string(256, 'n')},
                                             {"avatar", std::string(2048, 'a')}});
      world.settle();
    }
    clients[0]->event("load_media", {{"mediaUrl", std::string(2048, 'm')},
                                     {"mediaId", std::string(256, 'i')},
                                     {"mediaTitle", std::string(512, 't')}});
    world.settle();
    REQUIRE_INVARIANTS(world.zone);
    for (std::size_t i = 0; i < clients.size(); i += 2)
      clients[i]->leave();
    world.settle();
    REQUIRE_INVARIANTS(world.zone);
  }
  world.advance(200'000, 1'000);
  CHECK(world.zone.sessionCount() == 0);
  CHECK(world.zone.connectionCount() == 0);
  CHECK(world.zone.header().heap.freePages() == world.zone.header().heap.total());
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("a refused join of one whose seat is gone rewinds nothing", "[server][limits]") {
  World world(3);
  Options small;
  small.maxUsers = 2;
  WsClient ann(world, 0), tab(world, 0), bob(world, 1, small), other(world, 0), another(world, 0);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  seat(world, tab, "room", "bob");
  seat(world, other, "full", "one");
  seat(world, another, "full", "two");
  for (int i = 1; i <= 3; ++i)
    ann.sync(i);
  world.settle();
  REQUIRE(only(bob.inbox.news(), "sync") == numbered("sync", 1, 3));
  world.held = {1};
  tab.leave();  // for both
  bob.join("full", "bob", 4);
  world.held = {};
  world.kill(2);  // whereupon all that the others hold is looked through
  world.advance(1'000);
  CHECK(bob.inbox.news() == Strings{"error SESSION_FULL", "ack 4 SESSION_FULL", "user_left bob"});
  ann.sync(4);
  world.settle();
  CHECK(bob.inbox.news().empty());
  REQUIRE_INVARIANTS(world.zone);
}
