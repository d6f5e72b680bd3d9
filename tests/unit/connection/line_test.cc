// Whom a leader waits for, how long in all, and who goes first.
#include <catch2/catch.hpp>

#include "tests/unit/worker/world.h"

using namespace mediasync;
using namespace mediasync::server;
using namespace mediasync::server::test;

namespace {

store::ZoneSettings smallLog() {
  store::ZoneSettings settings;
  settings.logLimit = store::Zone::kMinLog;
  return settings;
}

// More than the log holds. Returns how long it took, in milliseconds.
std::int64_t sayMuch(World& world, WsClient& leader, int& number) {
  constexpr int kMuch = 200;
  const std::int64_t began = world.env.time.mono;
  const int last = number + kMuch;
  while (number < last) {
    ++number;
    leader.sync(number, number);
  }
  world.settle();
  const std::string done = "ack " + std::to_string(last) + " ok";
  for (int i = 0; i < 1'000; ++i) {
    if (const Strings news = leader.inbox.news(); std::find(news.begin(), news.end(), done) != news.end()) break;
    world.advance(50);
  }
  return world.env.time.mono - began;
}

}  // namespace

TEST_CASE("a member that has never read anything is not waited for", "[server][line]") {
  World world(2, smallLog());
  WsClient ann(world, 0), bad(world, 1);
  seat(world, ann, "room", "ann");
  bad.packet("40");
  world.settle();
  bad.socket.room = 0;
  bad.join("room", "bad");
  world.settle();
  int number = 0;
  CHECK(sayMuch(world, ann, number) == 0);
}

TEST_CASE("all that slow members make a leader wait is bounded, however many there are", "[server][line]") {
  World world(2, smallLog());
  WsClient ann(world, 0);
  seat(world, ann, "room", "ann");
  int number = 0;
  std::int64_t waited = 0;
  std::vector<std::unique_ptr<WsClient>> bad;
  for (int i = 0; i < 8; ++i) {
    auto& slow = *bad.emplace_back(std::make_unique<WsClient>(world, 1));
    seat(world, slow, "room", "bad " + std::to_string(i));
    slow.socket.room = 0;
    waited += sayMuch(world, ann, number);
  }
  CHECK(waited >= kReaderPatience - 500);  // one who reads as a rule is waited for
  CHECK(waited < 10'000);
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("who reads on is waited for and misses nothing, however long a fast leader goes on", "[server][line]") {
  World world(2, smallLog());
  WsClient ann(world, 0), bob(world, 1);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  forgetNews(world);
  int number = 0;
  for (int i = 0; i < 60; ++i) {  // it stalls for 18 s in all
    bob.socket.room = 0;
    for (int n = 0; n < 200; ++n) {
      ++number;
      ann.sync(number, number);
    }
    world.settle();
    world.advance(300);
    bob.makeRoom(FakeSocket::kAll);
    for (int n = 0; n < 200 && only(ann.inbox.seen(), "ack " + std::to_string(number) + " ").empty(); ++n)
      world.advance(5, 5);
    ann.inbox.all.clear();
  }
  world.settle();
  CHECK(bob.inbox.news() == numbered("sync", 1, number));
  CHECK_FALSE(bob.closeCode);
}

TEST_CASE("a member that polls is waited for, and misses nothing", "[server][line]") {
  World world(2, smallLog());
  WsClient ann(world, 0);
  PollClient bob(world, 1);
  seat(world, ann, "room", "ann");
  bob.polls = true;
  seat(world, bob, "room", "bob");
  bob.polls = false;
  forgetNews(world);
  for (int i = 1; i <= 300; ++i)
    ann.sync(i, i);
  world.settle();
  CHECK(only(ann.inbox.news(), "ack 300").empty());
  bob.polls = true;
  if (!bob.isWaiting()) bob.poll();
  world.advance(500, 5);
  CHECK(only(bob.inbox.news(), "sync") == numbered("sync", 1, 300));
}

TEST_CASE("a newcomer is let in while the leader goes on and on", "[server][line]") {
  World world(2, smallLog());
  WsClient ann(world, 0), bob(world, 1), late(world, 0);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  late.packet("40");
  bob.socket.room = 0;
  std::string much;
  for (int i = 0; i < 2'000; ++i)
    much += clientFrame(R"(42["sync_playback",{"position":1,"isPlaying":true}])");
  ann.send(much);
  world.settle();
  late.join("room", "late");
  bob.makeRoom(FakeSocket::kAll);
  world.advance(30, 5);
  CHECK(only(late.inbox.seen(), "session_joined") == Strings{"session_joined late"});
}

TEST_CASE("what everybody may say leaves room for the leader", "[server][line]") {
  World world(2, smallLog());
  WsClient ann(world, 0), bob(world, 0), slow(world, 1);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  seat(world, slow, "room", "slow");
  slow.socket.room = 0;
  forgetNews(world);
  int reports = 0;
  for (; reports < 500; ++reports) {
    bob.event("report_buffering", {{"isBuffering", reports % 2 == 0}}, reports);
    world.settle();
    if (only(bob.inbox.news(), "ack").empty()) break;
  }
  REQUIRE(reports < 500);  // it waits
  for (int i = 1; i <= 10; ++i) {
    ann.sync(i, i);
    world.settle();
    CHECK(only(ann.inbox.news(), "ack") == Strings{"ack " + std::to_string(i) + " ok"});
  }
}

TEST_CASE("waiting commands are carried out in their order, the leader's first", "[server][line]") {
  World world(2, smallLog());
  WsClient ann(world, 0), bob(world, 0), cat(world, 0), dan(world, 0), slow(world, 1);
  WsClient* members[] = {&bob, &cat, &dan};
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  seat(world, cat, "room", "cat");
  seat(world, dan, "room", "dan");
  seat(world, slow, "room", "slow");
  slow.socket.room = 0;
  int number = 0;
  for (bool isFull = false; !isFull;) {
    ++number;
    ann.sync(number, number);
    world.settle();
    isFull = only(ann.inbox.news(), "ack").empty();
    REQUIRE(number < 1'000);
  }
  for (WsClient* one : members)
    one->event("report_buffering", {{"isBuffering", true}});
  forgetNews(world);
  slow.makeRoom(FakeSocket::kAll);
  world.advance(200, 5);
  CHECK(only(ann.inbox.news(), "sync") == Strings{"sync " + std::to_string(number)});
  std::vector<std::string> order;
  for (const json& told : slow.inbox.events("user_buffering"))
    order.push_back(told["userId"]);
  CHECK(order == std::vector<std::string>{"bob", "cat", "dan"});
  std::vector<std::string> kinds;
  for (const std::string& line : slow.inbox.seen())
    kinds.push_back(line.substr(0, line.find(' ')));
  const auto lead = std::find(kinds.rbegin(), kinds.rend(), "sync");
  REQUIRE(lead != kinds.rend());
  CHECK(std::find(lead.base(), kinds.end(), "user_buffering") != kinds.end());  // the leader's came before theirs
}

TEST_CASE("the time that a worker stood still is none that its members made anybody wait",
          "[server][line][standstill]") {
  World world(2, smallLog());
  WsClient ann(world, 0), bob(world, 1);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  int number = 0;
  bob.socket.room = 0;
  for (int i = 0; i < 400; ++i) {
    ++number;
    ann.sync(number, number);
  }
  world.settle();
  world.advance(1'000);
  CHECK(only(ann.inbox.seen(), "ack 400 ").empty());  // it waits for bob
  world.held = {1};
  world.advance(600'000, 500);
  world.held.clear();
  bob.makeRoom(FakeSocket::kAll);
  world.advance(1'000);
  WsClient slow(world, 1);
  seat(world, slow, "room", "slow");
  ann.sync(++number);
  world.settle();
  slow.socket.room = 0;
  const std::int64_t waited = sayMuch(world, ann, number) + sayMuch(world, ann, number);
  CHECK(waited >= kReaderPatience - 500);
}

TEST_CASE("members who are slow at the same time make a leader wait once, whatever workers they are at",
          "[server][line]") {
  const auto waitedFor = [](std::initializer_list<std::uint16_t> slots) {
    World world(3, smallLog());
    WsClient ann(world, 0);
    seat(world, ann, "room", "ann");
    int number = 0;
    std::int64_t waited = 0;
    std::vector<std::unique_ptr<WsClient>> bad;
    for (int i = 0; i < 5; ++i) {
      for (const std::uint16_t slot : slots) {
        auto& slow = *bad.emplace_back(std::make_unique<WsClient>(world, slot));
        seat(world, slow, "room", "bad " + std::to_string(bad.size()));
        slow.socket.room = 0;
      }
      waited += sayMuch(world, ann, number);
    }
    return waited;
  };
  const std::int64_t together = waitedFor({1, 1});
  const std::int64_t apart = waitedFor({1, 2});
  CHECK(apart > together - 500);
  CHECK(apart < together + 500);
}
