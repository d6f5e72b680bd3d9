// Clients of Engine.IO revision 3, which Socket.IO 1.x and 2.x speak.
#include <catch2/catch.hpp>

#include "tests/unit/worker/world.h"

using namespace mediasync;
using namespace mediasync::server;
using namespace mediasync::server::test;
using namespace std::string_literals;

namespace {

using Probe = WsClient::Probe;

constexpr engineio::Protocol kOld{engineio::Revision::kV3, false};
constexpr engineio::Protocol kOldBase64{engineio::Revision::kV3, true};

Agreement agreed(engineio::Protocol protocol) {
  return {protocol, {}};
}

Options echo(Application application) {
  Options options;
  options.application = application;
  return options;
}

Options quick() {
  Options options;
  options.engine.pingInterval = 10'000;
  options.engine.pingTimeout = 5'000;
  return options;
}

std::string joinOf(const char* user) {
  return "42" + json{"join_session", {{"sessionId", "room"}, {"userId", user}, {"username", user}}}.dump();
}

}  // namespace

TEST_CASE("an old client is connected to the main namespace without asking, over either transport", "[server][eio3]") {
  World world;
  WsClient socket(world, 0, {}, agreed(kOld));
  REQUIRE(socket.inbox.all.size() == 2);
  CHECK(socket.inbox.all[0].rfind("0{\"sid\":\"", 0) == 0);
  CHECK(socket.inbox.all[1] == "40");
  PollClient polling(world, 0, {}, kOld);
  REQUIRE(polling.inbox.all.size() == 1);
  CHECK(json::parse(polling.inbox.all[0].substr(1))["upgrades"] == json{"websocket"});
  polling.slot = 1;
  polling.poll();
  CHECK(polling.payloads == Strings{"2:40"});
  CHECK(world.zone.recoveryCount() == 0);
  // To ask for it all the same changes nothing.
  socket.packet("40");
  polling.packet("40");
  socket.packet("40/?token=x,");
  world.settle();
  CHECK_FALSE(socket.closeCode);
  CHECK(socket.inbox.all.size() == 2);
  polling.poll();
  CHECK(polling.isWaiting());
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("an old client and a new one share a session; offsets are for the new one alone", "[server][eio3]") {
  World world;
  WsClient ann(world, 0);
  seat(world, ann, "room", "ann");
  WsClient bob(world, 0, {}, agreed(kOld));
  PollClient cat(world, 1, {}, kOld);
  cat.polls = true;
  bob.packet(joinOf("bob"));
  world.settle();
  cat.packet(joinOf("cat"));
  world.settle();
  forgetNews(world);
  ann.sync(1);
  bob.event("heartbeat", nullptr, 7);
  cat.event("heartbeat", nullptr, 8);
  world.settle();
  CHECK(ann.inbox.news() == Strings{"sync 1"});
  CHECK(only(bob.inbox.news(), "") == Strings{"sync 1", "heartbeat_ack", "ack 7 ok"});
  const Strings news = cat.inbox.news();
  CHECK(only(news, "sync") == Strings{"sync 1"});
  CHECK(only(news, "ack") == Strings{"ack 8 ok"});
  for (const Client* client : {static_cast<Client*>(&bob), static_cast<Client*>(&cat)}) {
    CHECK(client->inbox.pid.empty());
    CHECK_FALSE(client->inbox.offset);
  }
  CHECK(ann.inbox.offset);
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("the payloads of old clients are counted in units of UTF-16", "[server][eio3]") {
  World world;
  PollClient client(world, 0, echo(Application::kEngineEcho), kOld);
  const std::string euro = "\xE2\x82\xAC", film = "\xF0\x9F\x8E\xAC";
  client.post("2:4" + euro + "3:4" + film + "1:4");
  client.poll();
  CHECK(client.payloads == Strings{"2:4" + euro + "3:4" + film + "1:4"});
  CHECK(client.binaryPayloads == std::vector<bool>{false});
}

TEST_CASE("broadcasts and answers are framed together in one payload", "[server][eio3]") {
  World world;
  WsClient ann(world, 0);
  seat(world, ann, "room", "ann");
  PollClient bob(world, 1, {}, kOld);
  bob.packet(
      joinOf("b\xC3\xB6"
             "b"));
  bob.poll();
  bob.inbox.news();
  ann.sync(1);
  ann.sync(2);
  world.settle();
  bob.event("heartbeat", nullptr, 3);
  ann.sync(3);
  world.settle();
  bob.poll();
  CHECK(bob.inbox.news() == Strings{"sync 1", "sync 2", "sync 3", "heartbeat_ack", "ack 3 ok"});
  CHECK(bob.payloads.size() == 2);
}

TEST_CASE("binary messages go out framed, or as base64 to those who cannot take them", "[server][eio3]") {
  World world;
  const Options options = echo(Application::kEngineEcho);
  const std::string bytes = "\x00\x01\xff"s;
  PollClient framed(world, 0, options, kOld), text(world, 0, options, kOldBase64);
  for (PollClient* client : {&framed, &text}) {
    client->inbox.packets();
    client->slot = 1;
    client->post("2:4a6:b4AAH/");
    client->post("\x00\x02\xff"s + "4b" + "\x01\x04\xff\x04"s + bytes, true);
    client->slot = 0;
    client->poll();
    CHECK(client->inbox.packets() == Strings{"4a", "b" + bytes, "4b", "b" + bytes});
  }
  CHECK(framed.binaryPayloads == std::vector<bool>{true});
  CHECK(text.binaryPayloads == std::vector<bool>{false});
  CHECK(text.payloads == Strings{"2:4a6:b4AAH/2:4b6:b4AAH/"});
  WsClient socket(world, 1, options, agreed(kOld)), textSocket(world, 1, options, agreed(kOldBase64));
  for (WsClient* client : {&socket, &textSocket}) {
    client->inbox.packets();
    client->binary(bytes);
    client->packet("b4AAH/");
    client->packet("4x");
  }
  CHECK(socket.inbox.packets() == Strings{"b" + bytes, "b" + bytes, "4x"});
  CHECK(textSocket.inbox.packets() == Strings{"b4AAH/", "b4AAH/", "4x"});
}

TEST_CASE("an old client's ping is answered with its data, over either transport on any worker", "[server][eio3]") {
  World world;
  WsClient socket(world, 0, {}, agreed(kOld));
  PollClient polling(world, 0, {}, kOld);
  polling.poll();
  for (const char* ping : {"2", "2probe", "2{}", "2 x"}) {
    socket.inbox.packets();
    polling.inbox.packets();
    socket.packet(ping);
    polling.slot = 1;
    polling.packet(ping);
    polling.slot = 0;
    polling.poll();
    const std::string pong = "3" + std::string(ping + 1);
    CHECK(socket.inbox.packets() == Strings{pong});
    CHECK(polling.inbox.packets() == Strings{pong});
  }
  world.settle();
  CHECK_FALSE(socket.closeCode);
  CHECK_FALSE(polling.refused);
}

TEST_CASE("an old client is upgraded: its probe is answered, and its pings go on over the WebSocket",
          "[server][eio3][upgrade]") {
  const auto slot = static_cast<std::uint16_t>(GENERATE(0, 1));
  CAPTURE(slot);
  World world;
  WsClient ann(world, 0);
  seat(world, ann, "room", "ann");
  PollClient polling(world, 0, quick(), kOld);
  polling.polls = true;
  polling.packet(joinOf("bob"));
  world.settle();
  WsClient socket(world, slot, polling.sid, Probe{}, quick(), agreed(kOld));
  REQUIRE(socket.isOpen());
  polling.polls = false;
  socket.packet("2probe");
  world.settle();
  CHECK(socket.inbox.all == Strings{"3probe"});
  CHECK(polling.payloads.back() == "1:6");
  ann.sync(1);
  socket.packet("5");
  world.settle();
  ann.sync(2);
  world.settle();
  CHECK(socket.inbox.news() == numbered("sync", 1, 2));
  for (int i = 0; i < 6; ++i) {
    world.advance(9'000, 500);
    socket.packet("2");
    CHECK(socket.inbox.all.back() == "3");
  }
  CHECK_FALSE(socket.closeCode);
  world.advance(14'800, 100);
  CHECK_FALSE(socket.closeCode);
  world.advance(400, 100);
  CHECK(socket.closeCode);
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("an old client has to ping within interval and timeout, and is not pinged", "[server][eio3][deadline]") {
  World world;
  WsClient alive(world, 0, quick(), agreed(kOld)), silent(world, 0, quick(), agreed(kOld));
  PollClient waiting(world, 1, quick(), kOld);
  waiting.polls = true;
  world.settle();
  for (int i = 0; i < 3; ++i) {
    world.advance(4'900, 100);
    alive.packet("2");
    silent.event("heartbeat", nullptr);  // is none of Engine.IO's
  }
  CHECK_FALSE(silent.closeCode);
  CHECK(waiting.isWaiting());
  world.advance(400, 100);
  CHECK(silent.closeCode == 1000);
  CHECK(waiting.inbox.all.back() == "1");
  CHECK_FALSE(alive.closeCode);
  CHECK(silent.inbox.pings + waiting.inbox.pings + alive.inbox.pings == 0);
  CHECK(world.zone.connectionCount() == 1);
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("the time of an old client that polls on changing workers counts from its last ping",
          "[server][eio3][deadline]") {
  const bool pings = GENERATE(true, false);
  CAPTURE(pings);
  World world(3);
  WsClient ann(world, 0);
  seat(world, ann, "room", "ann");
  PollClient bob(world, 0, quick(), kOld);
  bob.polls = true;
  bob.rota = {0, 1, 2};
  bob.packet(joinOf("bob"));
  world.settle();
  for (int i = 0; i < 14; ++i) {  // every second a poll is answered, and the next one goes to another worker
    ann.sync(i);
    world.advance(1'000, 100);
  }
  CHECK(world.zone.connectionCount() == 2);
  if (pings) bob.packet("2");
  ann.sync(14);
  world.advance(1'500, 100);
  CHECK(world.zone.connectionCount() == (pings ? 2 : 1));
  for (int i = 0; i < 12; ++i) {
    ann.sync(15 + i);
    world.advance(1'000, 100);
  }
  CHECK(world.zone.connectionCount() == (pings ? 2 : 1));
  world.advance(3'000, 100);
  CHECK(world.zone.connectionCount() == 1);
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("a ping that comes by POST on another worker keeps a waiting poll alive", "[server][eio3][deadline]") {
  World world;
  PollClient client(world, 0, quick(), kOld);
  client.polls = true;
  world.settle();
  for (int i = 0; i < 5; ++i) {
    world.advance(14'000, 200);
    REQUIRE(client.isWaiting());
    const auto job = [&]() -> FakePost& {
      client.slot = 1;
      FakePost& made = client.post("1:2");
      client.slot = 0;
      return made;
    };
    CHECK_FALSE(job().error);
    world.settle();
    CHECK(client.inbox.all.back() == "3");
  }
  world.advance(14'000, 200);
  CHECK(client.isWaiting());
  world.advance(1'400, 200);
  CHECK_FALSE(client.isWaiting());
  CHECK(world.zone.connectionCount() == 0);
}

TEST_CASE("heartbeats in the wrong direction end the connection, in either revision", "[server][eio3]") {
  World world;
  WsClient oldSocket(world, 0, {}, agreed(kOld)), newSocket(world, 0);
  newSocket.packet("40");
  oldSocket.packet("3");
  newSocket.packet("2");
  CHECK(oldSocket.closeCode == 1000);
  CHECK(newSocket.closeCode == 1000);
  PollClient oldPolling(world, 0, {}, kOld), newPolling(world, 0);
  oldPolling.slot = newPolling.slot = 1;
  CHECK(oldPolling.post("1:3").error == engineio::Error::kBadRequest);
  CHECK(newPolling.post("2").error == engineio::Error::kBadRequest);
  world.settle();
  CHECK(world.zone.connectionCount() == 0);
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("a body of the wrong revision or kind is refused", "[server][eio3]") {
  World world;
  struct Row {
    const char* what;
    engineio::Protocol protocol;
    std::string body;
    bool binary;
  };
  const Row row = GENERATE_COPY(values<Row>({{"new payload of an old client", kOld, "42[\"heartbeat\"]", false},
                                             {"old payload of a new client", {}, "2:40", false},
                                             {"binary body of a new client", {}, "40", true},
                                             {"text as a binary body", kOld, "2:40", true},
                                             {"frames as text", kOld, "\x00\x02\xff"s + "40", false},
                                             {"a length that is too large", kOld, "3:40", false},
                                             {"nothing", kOld, "", false},
                                             {"no frames", kOld, "", true}}));
  CAPTURE(row.what);
  PollClient client(world, 0, {}, row.protocol);
  FakePost& job = client.post(row.body, row.binary);
  CHECK(job.isFinished);
  CHECK(job.error == engineio::Error::kBadRequest);
  world.settle();
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("binary WebSocket messages of an old client carry their type", "[server][eio3]") {
  World world;
  const std::string bad = GENERATE(""s, "\x02"s, "4x"s, "\x01"s);
  CAPTURE(bad);
  WsClient client(world, 0, echo(Application::kEngineEcho), agreed(kOld));
  client.send(clientFrame(bad, 2));
  CHECK(client.closeCode);
  CHECK(world.zone.connectionCount() == 0);
}

TEST_CASE("an old client says with a query what it has to say to a namespace", "[server][eio3]") {
  World world;
  const bool overPolling = GENERATE(false, true);
  CAPTURE(overPolling);
  const Options options = echo(Application::kSocketEcho);
  std::unique_ptr<Client> client;
  if (overPolling) {
    client = std::make_unique<PollClient>(world, 0, options, kOld);
    dynamic_cast<PollClient&>(*client).polls = true;
  } else {
    client = std::make_unique<WsClient>(world, 0, options, agreed(kOld));
  }
  world.settle();
  Strings packets = client->inbox.packets();
  packets.erase(packets.begin());
  CHECK(packets == Strings{"40", "42[\"auth\",{}]"});
  client->packet("40/custom?token=a%20b&x=1,");
  world.settle();
  CHECK(client->inbox.packets() == Strings{"40/custom,", "42/custom,[\"auth\",{\"token\":\"a b\",\"x\":\"1\"}]"});
  client->packet("42/custom,[\"message\",1]");
  world.settle();
  CHECK(client->inbox.packets() == Strings{"42/custom,[\"message-back\",1]"});
  client->packet("41/custom,");
  client->packet("40/custom?x=2,");
  world.settle();
  CHECK(client->inbox.packets() == Strings{"40/custom,", "42/custom,[\"auth\",{\"x\":\"2\"}]"});
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("an old client is refused a namespace with a text", "[server][eio3]") {
  World world;
  WsClient client(world, 0, {}, agreed(kOld));
  client.inbox.packets();
  client.packet("40/admin,");
  client.packet("40/admin?x=1,");
  CHECK(client.inbox.packets() == Strings{"44/admin,\"Invalid namespace\"", "44/admin,\"Invalid namespace\""});
  CHECK_FALSE(client.closeCode);
}

TEST_CASE("an old client that disconnects from the main namespace can connect again", "[server][eio3]") {
  World world;
  WsClient ann(world, 0);
  seat(world, ann, "room", "ann");
  WsClient client(world, 1, {}, agreed(kOld));
  client.packet(joinOf("bob"));
  world.settle();
  client.inbox.packets();
  client.packet("41");
  client.packet("40");
  CHECK(client.inbox.packets() == Strings{"40"});
  CHECK(world.zone.membershipCount() == 1);
  client.event("heartbeat", nullptr);
  CHECK(client.inbox.news() == Strings{"heartbeat_ack"});
  CHECK(world.zone.recoveryCount() == 1);
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("an old client that names a pid gets nothing back", "[server][eio3][recovery]") {
  World world;
  WsClient bob(world, 0);
  seat(world, bob, "room", "bob");
  bob.drop();
  WsClient client(world, 1, {}, agreed(kOld));
  client.packet("41");
  client.inbox.packets();
  client.comeBack(bob);
  CHECK(client.inbox.packets() == Strings{"40"});
  CHECK(world.zone.membershipCount() == 0);
  WsClient again(world, 1);
  again.comeBack(bob);
  CHECK(again.hasRecovered(bob));  // it was not taken from whose it is
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("an old polling client is adopted when its worker dies, with its revision and its time",
          "[server][eio3][workers]") {
  World world;
  WsClient ann(world, 1);
  seat(world, ann, "room", "ann");
  PollClient bob(world, 0, quick(), kOld);
  bob.polls = true;
  bob.packet(joinOf("bob"));
  world.settle();
  bob.polls = false;
  bob.inbox.news();
  world.kill(0);
  ann.sync(1);
  world.advance(1'000);
  bob.slot = 1;
  bob.packet("2");
  bob.poll();
  CHECK(bob.inbox.news() == Strings{"sync 1"});
  CHECK(bob.inbox.all.back() == "3");
  world.advance(14'800, 200);
  CHECK(world.zone.connectionCount() == 2);
  world.advance(600, 200);
  CHECK(world.zone.connectionCount() == 1);
  REQUIRE_INVARIANTS(world.zone);
}
