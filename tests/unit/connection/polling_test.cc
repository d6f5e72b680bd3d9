// Polls and posts of one connection, each on whichever worker it arrives.
#include <catch2/catch.hpp>

#include "tests/unit/worker/world.h"

using namespace mediasync;
using namespace mediasync::server;
using namespace mediasync::server::test;

TEST_CASE("one connection may poll here, post there and poll elsewhere, and misses nothing", "[server][polling]") {
  World world(3);
  WsClient ann(world, 0);
  seat(world, ann, "room", "ann");
  PollClient bob(world, 0);
  bob.polls = true;
  bob.rota = {0, 1, 2};
  bob.packet("40");
  world.settle();
  bob.slot = 2;
  bob.post("42" + json{"join_session", {{"sessionId", "room"}, {"userId", "bob"}, {"username", "Bob"}}}.dump());
  world.settle();
  forgetNews(world);
  Strings want;
  for (int i = 1; i <= 60; ++i) {
    ann.sync(i);
    if (i % 4 == 0) bob.post("42" + std::to_string(i) + "[\"heartbeat\"]");
    if (i % 3 == 0) world.settle();
  }
  world.settle();
  const Strings news = bob.inbox.news();
  CHECK(only(news, "sync") == numbered("sync", 1, 60));
  CHECK(only(news, "ack").size() == 15);
  CHECK(only(news, "heartbeat_ack").size() == 15);
  CHECK(world.zone.connectionCount() == 2);
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("what happens between two polls waits for the next one, on any worker", "[server][polling]") {
  World world;
  WsClient ann(world, 0);
  seat(world, ann, "room", "ann");
  PollClient bob(world, 1);
  seat(world, bob, "room", "bob");
  bob.poll();
  CHECK(bob.inbox.news() == Strings{"session_joined bob"});
  for (int i = 1; i <= 5; ++i)
    ann.sync(i);
  world.settle();
  CHECK(bob.inbox.news().empty());
  bob.slot = 0;
  bob.poll();
  CHECK_FALSE(bob.isWaiting());
  CHECK(bob.inbox.news() == numbered("sync", 1, 5));
  CHECK(bob.payloads.size() == 2);  // one answer for the join, one for all five
}

TEST_CASE("a poll that waits is answered by a POST on another worker", "[server][polling]") {
  World world;
  PollClient client(world, 0);
  client.poll();
  REQUIRE(client.isWaiting());
  client.slot = 1;
  client.post("40");
  world.settle();
  CHECK_FALSE(client.isWaiting());
  CHECK(client.inbox.all.back().rfind("40{", 0) == 0);
}

TEST_CASE("two polls or two posts at a time end the connection", "[server][polling]") {
  World world;
  const auto second = static_cast<std::uint16_t>(GENERATE(0, 1));
  CAPTURE(second);
  PollClient client(world, 0);
  client.poll();
  REQUIRE(client.isWaiting());
  FakePoll other([](engineio::Payload) {});
  world.env.time = world.env.time.after(1);
  const auto result = world.worker(second).polls().poll(client.sid, other, {});
  CHECK(result.outcome == Polls::PollOutcome::kRefused);
  world.settle();
  CHECK_FALSE(client.isWaiting());  // answered, so that the request ends
  CHECK(world.zone.connectionCount() == 0);
}

TEST_CASE("a client that gives its poll up has gone", "[server][polling]") {
  World world;
  WsClient ann(world, 1);
  seat(world, ann, "room", "ann");
  PollClient bob(world, 0);
  bob.polls = true;
  seat(world, bob, "room", "bob");
  forgetNews(world);
  bob.polls = false;
  bob.abandon();
  CHECK(world.zone.connectionCount() == 1);
  world.advance(6'000);
  CHECK(ann.inbox.news() == Strings{"user_left bob"});
}

TEST_CASE("an Engine.IO close in a POST on another worker ends the connection", "[server][polling]") {
  World world;
  PollClient client(world, 0);
  client.polls = true;
  seat(world, client, "room", "ann");
  client.polls = false;
  client.slot = 1;
  client.post("1");
  world.settle();
  CHECK_FALSE(client.isWaiting());
  CHECK(world.zone.connectionCount() == 0);
  CHECK(world.zone.membershipCount() == 0);
}

TEST_CASE("several packets of one POST are worked off in order", "[server][polling]") {
  World world;
  PollClient client(world, 0);
  client.polls = true;
  client.packet("40");
  world.settle();
  const std::string join =
      "421" + json{"join_session", {{"sessionId", "r"}, {"userId", "u"}, {"username", "n"}}}.dump();
  const std::string sync = "422" + json{"sync_playback", {{"position", 5}, {"isPlaying", false}}}.dump();
  client.slot = 1;
  client.post(join + "\x1e" + sync +
              "\x1e"
              "423[\"heartbeat\"]");
  world.settle();
  const Strings news = client.inbox.news();
  CHECK(only(news, "ack") == Strings{"ack 1 ok", "ack 2 ok", "ack 3 ok"});
  CHECK(only(news, "session_joined").size() == 1);
}

TEST_CASE("join, leave and join again over polling, in one POST, end where they should", "[server][polling]") {
  World world;
  PollClient client(world, 0);
  client.polls = true;
  client.packet("40");
  world.settle();
  const auto joinOf = [](const char* room, int ack) {
    return "42" + std::to_string(ack) +
           json{"join_session", {{"sessionId", room}, {"userId", "u"}, {"username", "n"}}}.dump();
  };
  client.slot = 1;
  FakePost& job = client.post(joinOf("one", 1) +
                              "\x1e"
                              "422[\"leave_session\"]\x1e" +
                              joinOf("two", 3));
  client.slot = 0;
  world.settle();
  world.advance(100, 5);
  CHECK(job.isFinished);
  CHECK_FALSE(job.error);
  CHECK(only(client.inbox.news(), "ack") == Strings{"ack 1 ok", "ack 2 ok", "ack 3 ok"});
  const auto joined = client.inbox.events("session_joined");
  REQUIRE(joined.size() == 2);
  CHECK(joined[1]["sessionId"] == "two");
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("a POST whose answers nobody collects waits, and goes on when they are collected", "[server][polling]") {
  World world;
  PollClient client(world, 0);
  client.packet("40");
  client.poll();
  std::string body;
  for (int i = 0; i < 2000; ++i)
    body += (i == 0 ? "" : "\x1e") + std::string("42") + std::to_string(i) + "[\"heartbeat\"]";
  FakePost& job = client.post(body);
  CHECK_FALSE(job.isFinished);
  world.advance(100, 5);
  CHECK_FALSE(job.isFinished);
  client.polls = true;
  for (int i = 0; i < 300 && !job.isFinished; ++i)
    world.advance(20, 5);
  CHECK(job.isFinished);
  CHECK_FALSE(job.error);
  world.settle();
  CHECK(only(client.inbox.news(), "ack").size() == 2000);
}

TEST_CASE("a POST that waits may be cancelled, and the connection takes another one", "[server][polling]") {
  World world;
  PollClient client(world, 0);
  client.packet("40");
  client.poll();
  std::string body = "42[\"heartbeat\"]";
  for (int i = 0; i < 2000; ++i)
    body +=
        "\x1e"
        "42[\"heartbeat\"]";
  CHECK_FALSE(client.post(body).isFinished);
  client.cancelPosts();
  world.advance(100, 5);
  client.polls = true;
  world.settle();
  forgetNews(world);
  FakePost& job = client.post("425[\"heartbeat\"]");
  world.settle();
  CHECK(job.isFinished);
  CHECK_FALSE(job.error);
  CHECK(only(client.inbox.news(), "ack") == Strings{"ack 5 ok"});
}

TEST_CASE("a POST that reaches a worker that has left is worked off, and waits if it must", "[server][polling]") {
  World world;
  PollClient client(world, 1);
  client.packet("40");
  client.poll();
  forgetNews(world);
  world.worker(0).stop();
  client.slot = 0;
  FakePost& done = client.post("425[\"heartbeat\"]");
  CHECK(done.isFinished);
  CHECK_FALSE(done.error);
  std::string body = "42[\"heartbeat\"]";
  for (int i = 0; i < 2000; ++i)
    body +=
        "\x1e"
        "42[\"heartbeat\"]";
  FakePost& waiting = client.post(body);
  CHECK_FALSE(waiting.isFinished);
  CHECK(world.worker(0).hasWaitingPosts());
  client.slot = 1;
  client.polls = true;
  for (int i = 0; i < 300 && !waiting.isFinished; ++i)
    world.advance(20, 5);
  CHECK(waiting.isFinished);
  CHECK_FALSE(waiting.error);
  CHECK_FALSE(world.worker(0).hasWaitingPosts());
  world.settle();
  CHECK(only(client.inbox.news(), "heartbeat_ack").size() == 2002);
}

TEST_CASE("a POST that waits for ever is given up, and its connection ends", "[server][polling]") {
  World world;
  PollClient client(world, 0);
  client.packet("40");
  client.poll();
  std::string body = "42[\"heartbeat\"]";
  for (int i = 0; i < 2000; ++i)
    body +=
        "\x1e"
        "42[\"heartbeat\"]";
  FakePost& job = client.post(body);
  CHECK_FALSE(job.isFinished);
  world.advance(10'000, 5);
  CHECK(job.isFinished);
  CHECK(job.error);
  CHECK(world.zone.connectionCount() == 0);
}

TEST_CASE("pings come on time although every poll goes to another worker", "[server][polling][deadline]") {
  World world;
  WsClient ann(world, 0);
  seat(world, ann, "room", "ann");
  PollClient bob(world, 0);
  bob.polls = true;
  bob.rota = {0, 1};
  seat(world, bob, "room", "bob");
  // Something happens every two seconds, so that no poll waits for long.
  for (int i = 0; i < 60; ++i) {
    ann.sync(i);
    world.advance(2'000, 100);
  }
  // 120 seconds at a ping interval of 25: the client would have given up after 45 without one.
  CHECK(bob.inbox.pings >= 4);
  CHECK(bob.inbox.pings <= 5);
}

TEST_CASE("a large session over polling arrives whole", "[server][polling]") {
  World world;
  std::vector<std::unique_ptr<WsClient>> clients;
  for (int i = 0; i < 60; ++i) {
    clients.push_back(std::make_unique<WsClient>(world, 0));
    clients.back()->packet("40");
    clients.back()->event("join_session", {{"sessionId", "room"},
                                           {"userId", "u" + std::to_string(i)},
                                           {"username", std::string(250, 'n')},
                                           {"avatar", std::string(2000, 'a')}});
    world.settle();
  }
  PollClient client(world, 1);
  client.polls = true;
  seat(world, client, "room", "late");
  CHECK(client.inbox.events("session_joined").at(0)["session"]["users"].size() == 61);
}
