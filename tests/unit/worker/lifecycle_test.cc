// Heartbeats and time-outs; workers that end, die and come back.
#include <catch2/catch.hpp>

#include "tests/unit/worker/world.h"

using namespace mediasync;
using namespace mediasync::server;
using namespace mediasync::server::test;

TEST_CASE("a WebSocket is pinged at the interval and closed when no pong comes in time", "[server][deadline]") {
  World world;
  Options options;
  options.engine.pingInterval = 10'000;
  options.engine.pingTimeout = 5'000;
  WsClient alive(world, 0, options), silent(world, 1, options);
  silent.answersPings = false;
  alive.packet("40");
  silent.packet("40");
  world.advance(9'900);
  CHECK(alive.inbox.pings == 0);
  world.advance(200);
  CHECK(alive.inbox.pings == 1);
  CHECK(silent.inbox.pings == 1);
  world.advance(4'700);
  CHECK_FALSE(silent.closeCode);
  world.advance(400);
  CHECK(silent.closeCode);
  CHECK(world.zone.connectionCount() == 1);
  world.advance(100'000, 500);
  CHECK_FALSE(alive.closeCode);
  CHECK(alive.inbox.pings >= 9);
}

TEST_CASE("a pong that nobody asked for is no sin, and other packets are no pong", "[server][deadline]") {
  World world;
  WsClient client(world, 0);
  client.answersPings = false;
  client.packet("40");
  client.packet("3");
  CHECK_FALSE(client.closeCode);
  for (int i = 0; i < 46 && !client.closeCode; ++i) {
    world.advance(1'000, 500);
    if (!client.closeCode) client.event("heartbeat", nullptr);
  }
  CHECK(client.closeCode);  // 25 s to the ping, 20 s without the pong
}

TEST_CASE("a polling connection is pinged through its polls; the pong may come to another worker",
          "[server][deadline]") {
  World world;
  PollClient alive(world, 0), silent(world, 0);
  for (PollClient* client : {&alive, &silent}) {
    client->polls = true;
    client->packet("40");
  }
  silent.answersPings = false;
  world.settle();
  alive.slot = 1;  // its pongs are posted there, and its polls follow
  world.advance(44'000, 200);
  CHECK(alive.inbox.pings == 1);
  CHECK(silent.inbox.pings == 1);
  CHECK(world.zone.connectionCount() == 2);
  world.advance(2'000, 200);
  CHECK(world.zone.connectionCount() == 1);
  CHECK_FALSE(silent.isWaiting());
  world.advance(200'000, 500);
  CHECK(world.zone.connectionCount() == 1);
  CHECK(alive.isWaiting());
}

TEST_CASE("a polling client that vanishes is lost after interval and timeout", "[server][deadline]") {
  World world;
  WsClient ann(world, 1);
  seat(world, ann, "room", "ann");
  PollClient bob(world, 0);
  seat(world, bob, "room", "bob");
  forgetNews(world);
  world.advance(60'000, 200);
  CHECK(world.zone.connectionCount() == 1);
  CHECK(ann.inbox.news() == Strings{"user_left bob"});
}

TEST_CASE("the sweep runs once: however many workers tick, one user_left", "[server][sweep]") {
  World world(4);
  WsClient ann(world, 0), bob(world, 1);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  forgetNews(world);
  bob.drop();
  world.settle();
  world.env.time = world.env.time.after(5'001);
  for (int round = 0; round < 3; ++round) {
    for (std::uint16_t slot = 0; slot < 4; ++slot)
      world.worker(slot).tick();
  }
  world.settle();
  CHECK(ann.inbox.news() == Strings{"user_left bob"});
  const std::int64_t next = world.zone.header().nextSweep.load();
  CHECK(next > world.env.time.mono);
}

TEST_CASE("who is sent away by the end of its worker has longer to come back than who goes", "[server][sweep]") {
  const bool inOrder = GENERATE(true, false);
  store::ZoneSettings settings;
  settings.restartGrace = 20'000;
  World world(3, settings);
  WsClient ann(world, 0), bob(world, 1), cyd(world, 1), dan(world, 2), eve(world, 2);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  seat(world, cyd, "room", "cyd");
  seat(world, dan, "room", "dan");
  seat(world, eve, "room", "eve");
  forgetNews(world);
  eve.drop();
  world.settle();
  if (inOrder) {
    world.stop(1);
  } else {
    world.kill(1);
  }
  world.advance(1'000);
  dan.drop();
  world.settle();
  world.advance(4'500);
  CHECK(ann.inbox.news() == Strings{"user_left eve"});
  world.advance(1'000);
  CHECK(ann.inbox.news() == Strings{"user_left dan"});
  WsClient again(world, 0);
  seat(world, again, "room", "bob");
  world.advance(12'000);
  CHECK(ann.inbox.news().empty());
  world.advance(3'000);
  CHECK(ann.inbox.news() == Strings{"user_left cyd"});
}

TEST_CASE("a due time far ahead does not stop the sweep", "[server][sweep]") {
  World world;
  world.zone.header().nextSweep = world.env.time.mono + 1'000'000'000;  // of another boot
  WsClient ann(world, 0), bob(world, 1);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  forgetNews(world);
  bob.drop();
  world.advance(6'000);
  CHECK(ann.inbox.news() == Strings{"user_left bob"});
}

TEST_CASE("a session without connections is removed after its timeout, also when many wait", "[server][sweep]") {
  World world;
  for (int i = 0; i < 30; ++i) {
    WsClient client(world, static_cast<std::uint16_t>(i % 2));
    seat(world, client, "room" + std::to_string(i), "ann");
  }
  world.settle();
  CHECK(world.zone.sessionCount() == 30);
  CHECK(world.zone.connectionCount() == 0);
  world.advance(23 * 3'600'000, 3'600'000);
  CHECK(world.zone.sessionCount() == 30);
  world.advance(2 * 3'600'000, 3'600'000);
  world.advance(1'000);
  CHECK(world.zone.sessionCount() == 0);
  CHECK(world.zone.userCount() == 0);
  CHECK(world.zone.header().heap.freePages() == world.zone.header().heap.total());
}

TEST_CASE("a session whose polling member moved to another worker is still removed in the end", "[server][sweep]") {
  World world;
  WsClient ann(world, 0);
  seat(world, ann, "room", "ann");
  {
    PollClient bob(world, 1);
    bob.polls = true;
    seat(world, bob, "room", "bob");
    bob.polls = false;
    // News wait in worker 1's mailbox while the connection goes over to worker 0.
    world.held = {1};
    ann.sync(1);
    world.worker(0).flush();
    world.held = {};
    world.settle();
    world.held = {1};
    ann.sync(2);
    world.worker(0).flush();
    bob.slot = 0;
    bob.poll();
    world.held = {};
    world.settle();
    if (!bob.isWaiting()) bob.poll();
  }
  ann.leave();
  world.settle();
  world.advance(26 * 3'600'000, 3'600'000);
  world.advance(1'000);
  CHECK(world.zone.sessionCount() == 0);
}

TEST_CASE("a session in use is not removed, and comes of age anew when it is left", "[server][sweep]") {
  World world;
  WsClient ann(world, 0);
  seat(world, ann, "room", "ann");
  world.advance(30 * 3'600'000, 20'000);
  CHECK(world.zone.sessionCount() == 1);
  CHECK_FALSE(ann.closeCode);
  ann.drop();
  world.advance(23 * 3'600'000, 3'600'000);
  CHECK(world.zone.sessionCount() == 1);
}

TEST_CASE("a worker that stops closes its WebSockets, which become lost connections", "[server][workers]") {
  World world;
  WsClient ann(world, 0), bob(world, 1);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  forgetNews(world);
  world.stop(0);
  CHECK(ann.closeCode == 1001);
  world.settle();
  CHECK(bob.inbox.news().empty());
  WsClient again(world, 1);
  seat(world, again, "room", "ann");
  CHECK(again.inbox.events("session_joined").at(0)["isLeader"] == true);
  world.advance(10'000);
  CHECK(bob.inbox.news().empty());  // nobody noticed
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("polling goes on at another worker when its own stops, at once and without a loss", "[server][workers]") {
  World world;
  WsClient bob(world, 1);
  PollClient ann(world, 0);
  ann.polls = true;
  seat(world, bob, "room", "bob");
  seat(world, ann, "room", "ann");
  REQUIRE(ann.isWaiting());
  forgetNews(world);
  bob.sync(1);  // on its way when the worker stops
  const bool sweepFirst = GENERATE(false, true);
  CAPTURE(sweepFirst);
  ann.polls = !sweepFirst;
  ann.slot = 1;
  world.stop(0);
  bob.sync(2);
  if (sweepFirst) world.advance(1'000);
  ann.polls = true;
  world.settle();
  CHECK_FALSE(ann.refused);
  bob.sync(3);
  world.advance(1'000);
  bob.sync(4);
  world.settle();
  CHECK_FALSE(ann.refused);
  CHECK(ann.isWaiting());
  CHECK(ann.inbox.news() == numbered("sync", 1, 4));
  ann.event("heartbeat", nullptr, 9);
  world.settle();
  CHECK(only(ann.inbox.news(), "ack") == Strings{"ack 9 ok"});
  world.advance(200'000, 500);
  CHECK(ann.isWaiting());  // and its heartbeat goes on
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("a dead worker's WebSockets become lost connections, with the grace", "[server][workers]") {
  World world;
  WsClient ann(world, 0), bob(world, 1);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  forgetNews(world);
  world.kill(0);
  world.advance(1'000);
  bob.event("request_session_state", nullptr);
  world.settle();
  CHECK(bob.inbox.events("session_state").back()["users"][0]["isConnected"] == false);
  CHECK(world.zone.connectionCount() == 1);
  bob.inbox.news();
  world.advance(6'000);
  CHECK(bob.inbox.news() == Strings{"user_left ann", "leader bob"});
  CHECK(world.zone.worker(0).state.load() == store::WorkerState::kNone);
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("a dead worker's polling connections go on at another one", "[server][workers]") {
  World world(3);
  WsClient bob(world, 1);
  PollClient ann(world, 0);
  ann.polls = true;
  seat(world, bob, "room", "bob");
  seat(world, ann, "room", "ann");
  forgetNews(world);
  ann.polls = false;
  world.kill(0);
  bob.sync(1);
  bob.sync(2);
  world.advance(1'000);
  ann.slot = 2;
  ann.polls = true;
  world.settle();
  bob.sync(3);
  world.settle();
  CHECK_FALSE(ann.refused);
  CHECK(ann.inbox.news() == numbered("sync", 1, 3));
  world.advance(10'000);
  CHECK(bob.inbox.news() == numbered("sync", 1, 3));  // no user_left: it never went
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("what an adopted connection has not read yet is not pushed out of the log", "[server][workers]") {
  store::ZoneSettings settings;
  settings.logLimit = store::Zone::kMinLog;
  World world(2, settings);
  WsClient bob(world, 1);
  PollClient ann(world, 0);
  ann.polls = true;
  seat(world, bob, "room", "bob");
  seat(world, ann, "room", "ann");
  WsClient cat(world, 1);
  ann.polls = false;
  forgetNews(world);
  seat(world, cat, "room", "cat");
  world.kill(0);
  ann.slot = 1;
  world.advance(200);
  for (int i = 1; i <= 300; ++i)
    bob.sync(i);
  world.advance(500, 5);
  ann.polls = true;
  world.settle();
  world.advance(3'000, 5);
  const Strings seen = ann.inbox.news();
  CHECK(only(seen, "user_joined") == Strings{"user_joined cat"});
  CHECK(only(seen, "sync").size() >= 1);
  CHECK(ann.isWaiting());
}

TEST_CASE("a worker that comes back in a dead one's slot takes over its polling connections", "[server][workers]") {
  World world;
  WsClient bob(world, 1);
  PollClient ann(world, 0);
  ann.polls = true;
  seat(world, bob, "room", "bob");
  seat(world, ann, "room", "ann");
  ann.polls = false;
  forgetNews(world);
  world.kill(0);
  bob.sync(1);
  world.start(0);
  ann.poll();
  world.settle();
  bob.sync(2);
  if (!ann.isWaiting() && !ann.refused) ann.poll();
  world.settle();
  CHECK_FALSE(ann.refused);
  ann.polls = true;
  world.settle();
  CHECK(ann.inbox.news() == numbered("sync", 1, 2));
  // An answer that a POST on the other worker leaves for the poll that waits here.
  REQUIRE(ann.isWaiting());
  ann.polls = false;
  ann.slot = 1;
  ann.post("425[\"heartbeat\"]");
  world.settle();
  CHECK_FALSE(ann.isWaiting());
  CHECK(ann.inbox.news() == Strings{"heartbeat_ack", "ack 5 ok"});
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("a worker that died with mail in its box loses none of it", "[server][workers]") {
  World world;
  PollClient ann(world, 0);
  ann.polls = true;
  seat(world, ann, "room", "ann");
  forgetNews(world);
  ann.polls = false;
  world.held = {0};
  ann.slot = 1;
  ann.post("426[\"heartbeat\"]");  // the answer waits for worker 0, which dies before it looks
  world.kill(0);
  world.held = {};
  world.advance(1'000);
  ann.polls = true;
  world.settle();
  CHECK_FALSE(ann.refused);
  CHECK(ann.inbox.news() == Strings{"heartbeat_ack", "ack 6 ok"});
  ann.post("427[\"heartbeat\"]");
  world.settle();
  CHECK(ann.inbox.news() == Strings{"heartbeat_ack", "ack 7 ok"});
}

TEST_CASE("a POST that its worker took to the grave does not block the connection", "[server][workers]") {
  World world;
  PollClient ann(world, 0);
  ann.packet("40");
  ann.poll();
  ann.slot = 1;
  std::string body = "42[\"heartbeat\"]";
  for (int i = 0; i < 2000; ++i)
    body +=
        "\x1e"
        "42[\"heartbeat\"]";
  CHECK_FALSE(ann.post(body).isFinished);
  world.kill(1);
  ann.slot = 0;
  ann.polls = true;
  world.advance(1'000);
  forgetNews(world);
  FakePost& job = ann.post("428[\"heartbeat\"]");
  world.settle();
  CHECK(job.isFinished);
  CHECK_FALSE(job.error);
  CHECK(only(ann.inbox.news(), "ack") == Strings{"ack 8 ok"});
}

TEST_CASE("all workers but one die one after the other, and the last one serves them all", "[server][workers]") {
  World world(4);
  std::vector<std::unique_ptr<PollClient>> clients;
  for (std::uint16_t slot = 0; slot < 4; ++slot) {
    clients.push_back(std::make_unique<PollClient>(world, slot));
    clients.back()->polls = true;
    seat(world, *clients.back(), "room", "user" + std::to_string(slot));
  }
  for (std::uint16_t slot = 0; slot < 3; ++slot) {
    for (auto& client : clients) {
      client->polls = false;
      if (client->slot == slot) client->slot = static_cast<std::uint16_t>(slot + 1);
    }
    world.kill(slot);
    world.advance(500);
    for (auto& client : clients)
      client->polls = true;
    world.settle();
  }
  forgetNews(world);
  clients[0]->sync(7);
  world.settle();
  for (auto& client : clients) {
    CHECK_FALSE(client->refused);
    CHECK(client->inbox.news() == Strings{"sync 7"});
  }
  CHECK(world.zone.connectionCount() == 4);
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("a search for lost wake-ups leaves connections in the mailbox they are in", "[server][workers]") {
  World world(3);
  std::vector<std::unique_ptr<PollClient>> clients;
  for (int i = 0; i < 4; ++i) {
    clients.push_back(std::make_unique<PollClient>(world, 0));
    clients.back()->polls = true;
    seat(world, *clients.back(), "room", "user" + std::to_string(i));
    clients.back()->polls = false;
    clients.back()->event("heartbeat", nullptr);  // ends the poll that waits
  }
  world.settle();
  const auto pollAt = [](PollClient& client, std::uint16_t slot) {
    client.slot = slot;
    client.event("heartbeat", nullptr);  // the answer to this one is collected at once
    client.poll();
    REQUIRE_FALSE(client.isWaiting());
  };
  world.held = {0};
  for (const auto& client : clients)
    pollAt(*client, 1);  // worker 0 has yet to hear of it
  world.kill(2);
  world.advance(1'000);  // worker 1 notices, and looks for what it may have missed
  for (const auto& client : clients) {
    pollAt(*client, 0);
    pollAt(*client, 1);
  }
  std::size_t queued = 0;
  for (store::Ref at = world.zone.worker(0).connectionMail.load(); at != 0 && queued <= clients.size(); ++queued)
    at = world.zone.arena().at<store::ConnectionRecord>(at)->mailNext;
  REQUIRE(queued == clients.size());
  world.held = {};
  forgetNews(world);
  for (const auto& client : clients) {
    client->polls = true;
    client->event("heartbeat", nullptr, 5);
    world.settle();
    CHECK(client->inbox.news() == Strings{"heartbeat_ack", "ack 5 ok"});
  }
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("mail that reaches a worker after its end is forwarded", "[server][workers]") {
  World world;
  PollClient ann(world, 0);
  ann.polls = true;
  seat(world, ann, "room", "ann");
  forgetNews(world);
  ann.polls = false;
  world.worker(0).stop();
  world.settle();
  ann.slot = 1;
  ann.polls = true;
  world.settle();  // the poll tells worker 0, which reads no mail any more, that the connection has moved
  world.kill(0);
  world.advance(1'000);
  ann.packet("426[\"heartbeat\"]");
  world.settle();
  CHECK(ann.inbox.news() == Strings{"heartbeat_ack", "ack 6 ok"});
  CHECK(world.zone.worker(0).connectionMail.load() == 0);
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("a worker that dies while it takes over from its predecessor leaves nothing unattended",
          "[server][workers]") {
  World world;
  PollClient ann(world, 0);
  ann.polls = true;
  seat(world, ann, "room", "ann");
  forgetNews(world);
  ann.polls = false;
  world.kill(0);
  {
    // As after a death in the middle: adopted under an id of the slot that the next one does not have.
    store::ConnectionTransaction txn(world.zone, ann.sid);
    REQUIRE(txn.find(ann.sid));
    const std::uint32_t generation = world.zone.worker(0).generation.load() + 1;
    txn.inherit({0, generation});
    txn.commit();
    world.zone.worker(0).generation.store(generation);
  }
  if (GENERATE(false, true)) world.start(0);
  world.advance(1'000);
  ann.slot = 1;
  ann.post("426[\"heartbeat\"]");
  world.settle();
  ann.polls = true;
  world.settle();
  CHECK(ann.inbox.news() == Strings{"heartbeat_ack", "ack 6 ok"});
  ann.polls = false;
  ann.event("heartbeat", nullptr);
  world.settle();
  world.advance(60'000, 500);  // nobody polls any more: it is missed
  CHECK(world.zone.connectionCount() == 0);
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("a process that died before it queued what it had marked keeps no news back", "[server][workers]") {
  World world(3);
  PollClient ann(world, 0);
  ann.polls = true;
  seat(world, ann, "room", "ann");
  forgetNews(world);
  {
    store::ConnectionTransaction txn(world.zone, ann.sid);
    REQUIRE(txn.find(ann.sid));
    const auto& record = txn.record();
    const_cast<store::ConnectionRecord&>(record).mailSlot = GENERATE(std::uint16_t{0}, std::uint16_t{1});
    const_cast<store::ConnectionRecord&>(record).queued.store(1);
  }
  world.kill(2);
  world.advance(1'000);
  forgetNews(world);
  ann.event("heartbeat", nullptr, 7);
  world.settle();
  CHECK(ann.inbox.news() == Strings{"heartbeat_ack", "ack 7 ok"});
  REQUIRE_INVARIANTS(world.zone);
}
