// A polling connection becomes a WebSocket: nothing is lost, nothing comes twice, the order stays.
#include <catch2/catch.hpp>

#include "tests/unit/worker/world.h"

using namespace mediasync;
using namespace mediasync::server;
using namespace mediasync::server::test;

namespace {

using Probe = WsClient::Probe;

// What the client got over both transports, in this order.
Strings both(const PollClient& polling, const WsClient& socket, std::string_view beginning) {
  Strings lines = only(polling.inbox.seen(), beginning);
  for (const auto& line : only(socket.inbox.seen(), beginning))
    lines.push_back(line);
  return lines;
}

}  // namespace

TEST_CASE("an upgrade, on the owner or on another worker, goes as the protocol says", "[server][upgrade]") {
  World world;
  const auto slot = static_cast<std::uint16_t>(GENERATE(0, 1));
  CAPTURE(slot);
  WsClient ann(world, 0);
  seat(world, ann, "room", "ann");
  PollClient polling(world, 0);
  polling.polls = true;
  seat(world, polling, "room", "bob");
  REQUIRE(polling.isWaiting());
  WsClient socket(world, slot, polling.sid, Probe{});
  REQUIRE(socket.isOpen());
  polling.polls = false;
  socket.packet("2probe");
  world.settle();
  CHECK(socket.inbox.all == Strings{"3probe"});
  CHECK_FALSE(polling.isWaiting());
  CHECK(polling.inbox.all.back() == "6");  // the poll that waited was ended
  socket.packet("5");
  world.settle();
  ann.sync(1);
  socket.event("heartbeat", nullptr, 4);
  world.settle();
  const Strings news = socket.inbox.news();
  CHECK(only(news, "sync") == Strings{"sync 1"});
  CHECK(only(news, "ack") == Strings{"ack 4 ok"});
  CHECK(world.zone.connectionCount() == 2);
  CHECK(world.zone.membershipCount() == 2);
  polling.poll();
  CHECK(polling.refused == engineio::Error::kBadRequest);
  CHECK(polling.post("42[\"heartbeat\"]").error == engineio::Error::kBadRequest);
  CHECK_FALSE(socket.closeCode);
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("events and answers that wait at the moment of the upgrade arrive over the WebSocket", "[server][upgrade]") {
  World world;
  const auto slot = static_cast<std::uint16_t>(GENERATE(0, 1));
  CAPTURE(slot);
  WsClient ann(world, 0);
  seat(world, ann, "room", "ann");
  PollClient polling(world, 0);
  seat(world, polling, "room", "bob");
  polling.poll();  // collects session_joined
  for (int i = 1; i <= 3; ++i)
    ann.sync(i);
  polling.poll();
  WsClient socket(world, slot, polling.sid, Probe{});
  socket.packet("2probe");
  for (int i = 4; i <= 6; ++i)
    ann.sync(i);
  polling.post("427[\"heartbeat\"]");  // its answer waits
  world.settle();
  for (int i = 7; i <= 9; ++i)
    ann.sync(i);  // not delivered to the other worker yet when the upgrade comes
  socket.packet("5");
  for (int i = 10; i <= 12; ++i)
    ann.sync(i);
  world.settle();
  CHECK(both(polling, socket, "sync") == numbered("sync", 1, 12));
  CHECK(both(polling, socket, "ack") == Strings{"ack 7 ok"});
}

TEST_CASE("a join whose answer was not collected arrives over the WebSocket, before any later event",
          "[server][upgrade]") {
  World world;
  const auto slot = static_cast<std::uint16_t>(GENERATE(0, 1));
  CAPTURE(slot);
  WsClient ann(world, 0);
  seat(world, ann, "room", "ann");
  PollClient polling(world, 0);
  polling.packet("40");
  polling.poll();
  polling.slot = static_cast<std::uint16_t>(1 - slot);
  polling.join("room", "bob", 1);
  ann.sync(1);  // part of the snapshot
  WsClient socket(world, slot, polling.sid, Probe{});
  socket.packet("2probe");
  socket.packet("5");
  ann.sync(2);
  world.settle();
  CHECK(socket.inbox.news() == Strings{"session_joined bob", "ack 1 ok", "sync 2"});
  ann.sync(3);
  world.settle();
  CHECK(socket.inbox.news() == Strings{"sync 3"});
  CHECK(socket.inbox.events("session_joined")[0]["session"]["playbackState"]["position"] == 1.0);
}

TEST_CASE("events at every moment of an upgrade, with everything on the move", "[server][upgrade]") {
  for (int when = 0; when < 12; ++when) {
    CAPTURE(when);
    World world(3);
    WsClient ann(world, 0);
    seat(world, ann, "room", "ann");
    PollClient polling(world, 1);
    polling.polls = true;
    seat(world, polling, "room", "bob");
    int at = 0, sent = 0;
    const auto moment = [&] {
      if (at++ % 12 == when) ann.sync(++sent);
    };
    moment();
    WsClient socket(world, 2, polling.sid, Probe{});
    moment();
    polling.polls = false;
    socket.packet("2probe");
    moment();
    world.worker(0).flush();
    moment();
    world.worker(1).flush();
    moment();
    world.worker(1).wake();
    moment();
    world.settle();
    moment();
    ann.sync(100);
    socket.packet("5");
    moment();
    world.worker(2).flush();
    moment();
    world.worker(1).wake();
    moment();
    world.worker(2).wake();
    moment();
    world.settle();
    moment();
    world.settle();
    Strings want = when <= 6 ? Strings{"sync 1", "sync 100"} : Strings{"sync 100", "sync 1"};
    CHECK(both(polling, socket, "sync") == want);
  }
}

TEST_CASE("a probe that is not followed up times out, and polling goes on", "[server][upgrade][deadline]") {
  World world;
  const bool answered = GENERATE(false, true);
  CAPTURE(answered);
  WsClient ann(world, 0);
  seat(world, ann, "room", "ann");
  PollClient polling(world, 0);
  polling.polls = true;
  seat(world, polling, "room", "bob");
  WsClient socket(world, 1, polling.sid, Probe{});
  polling.polls = false;
  if (answered) socket.packet("2probe");
  world.settle();
  world.advance(kUpgradeTimeout - 200);
  CHECK_FALSE(socket.closeCode);
  world.advance(400);
  CHECK(socket.closeCode);
  polling.polls = true;
  world.settle();
  CHECK(polling.isWaiting());  // no more noops
  forgetNews(world);
  ann.sync(1);
  world.settle();
  CHECK(polling.inbox.news() == Strings{"sync 1"});
}

TEST_CASE("a probe that breaks or misbehaves leaves the polling connection alone", "[server][upgrade]") {
  World world;
  PollClient polling(world, 0);
  polling.polls = true;
  seat(world, polling, "room", "bob");
  {
    WsClient socket(world, 1, polling.sid, Probe{});
    polling.polls = false;
    const std::string bytes = GENERATE(as<std::string>{}, "", clientFrame("5"), clientFrame("42[\"heartbeat\"]"),
                                       clientFrame("x", 2), std::string("\x81\x01") + "3", clientFrame("2probe"));
    socket.send(bytes);
    world.settle();
  }
  polling.polls = true;
  world.settle();
  forgetNews(world);
  polling.post("423[\"heartbeat\"]");
  world.settle();
  CHECK(polling.inbox.news() == Strings{"heartbeat_ack", "ack 3 ok"});
  CHECK(polling.isWaiting());
  CHECK(world.zone.connectionCount() == 1);
}

TEST_CASE("when the worker with the probe dies, polls wait again, and another probe is taken", "[server][upgrade]") {
  World world(3);
  PollClient polling(world, 0);
  polling.polls = true;
  seat(world, polling, "room", "bob");
  WsClient socket(world, 1, polling.sid, Probe{});
  polling.polls = false;
  socket.packet("2probe");
  world.settle();
  world.kill(1);
  world.start(1);
  world.settle();
  const std::size_t before = polling.payloads.size();
  polling.polls = true;
  world.settle();
  CHECK(polling.isWaiting());
  CHECK(polling.payloads.size() <= before + 1);
  WsClient another(world, 2, polling.sid, Probe{});
  polling.polls = false;
  another.packet("2probe");
  another.packet("5");
  world.settle();
  CHECK_FALSE(another.closeCode);
  another.packet("423[\"heartbeat\"]");
  world.settle();
  CHECK(only(another.inbox.news(), "ack") == Strings{"ack 3 ok"});
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("the answer of a POST that ends after the upgrade reaches the client", "[server][upgrade]") {
  World world;
  PollClient polling(world, 0);
  seat(world, polling, "room", "bob");
  polling.poll();
  std::string body;
  for (int i = 0; i < 1000; ++i)
    body += (i == 0 ? "" : "\x1e") + std::string("42") + std::to_string(i) + "[\"heartbeat\"]";
  FakePost& job = polling.post(body);
  REQUIRE_FALSE(job.isFinished);  // the answers have to be collected first
  WsClient socket(world, 1, polling.sid, Probe{});
  socket.packet("2probe");
  socket.packet("5");
  world.advance(5'000, 5);
  CHECK(job.isFinished);
  CHECK(both(polling, socket, "ack").size() == 1000);
  CHECK_FALSE(socket.closeCode);
}

TEST_CASE("a POST during an upgrade does not wait for a poll that the client no longer sends", "[server][upgrade]") {
  World world;
  WsClient ann(world, 0);
  seat(world, ann, "room", "ann");
  PollClient polling(world, 0);
  polling.polls = true;
  seat(world, polling, "room", "bob");
  WsClient socket(world, 1, polling.sid, Probe{});
  polling.polls = false;  // the client pauses polling once it has the answer to its probe
  socket.packet("2probe");
  world.settle();
  ann.sync(1);  // waits for the upgrade
  world.settle();
  FakePost& job = polling.post("421[\"leave_session\"]");
  world.advance(kPostPatience + 500, 5);
  CHECK(job.isFinished);  // only then does the client send "5"
  CHECK_FALSE(job.error);
  socket.packet("5");
  world.settle();
  CHECK_FALSE(socket.closeCode);
  CHECK(both(polling, socket, "ack") == Strings{"ack 1 ok"});
}

TEST_CASE("a client that did not poll for a while gets every event after its upgrade: its socket is not full",
          "[server][upgrade]") {
  World world;
  WsClient ann(world, 0);
  seat(world, ann, "room", "ann");
  PollClient polling(world, 0);
  seat(world, polling, "room", "bob");
  polling.poll();
  for (int i = 1; i <= 5; ++i)
    ann.sync(i);
  world.settle();
  world.advance(kReaderPatience + 1'000);
  WsClient socket(world, 0, polling.sid, Probe{});
  socket.packet("2probe");
  socket.packet("5");
  world.settle();
  CHECK(both(polling, socket, "sync") == numbered("sync", 1, 5));
}

TEST_CASE("a connection that left the session while it polled is upgraded without one", "[server][upgrade]") {
  World world;
  WsClient tab(world, 0);
  PollClient polling(world, 1);
  seat(world, tab, "room", "bob");
  polling.polls = true;
  seat(world, polling, "room", "bob");
  polling.polls = false;
  tab.leave();
  WsClient socket(world, 0, polling.sid, Probe{});
  socket.packet("2probe");
  socket.packet("5");
  world.settle();
  socket.event("request_session_state", nullptr);
  world.settle();
  CHECK(only(socket.inbox.news(), "error") == Strings{"error NOT_IN_SESSION"});
  REQUIRE_INVARIANTS(world.zone);
}
