// How a connection begins, what it may say, and what ends it.
#include <catch2/catch.hpp>

#include "tests/unit/worker/world.h"

using namespace mediasync;
using namespace mediasync::server;
using namespace mediasync::server::test;

TEST_CASE("a WebSocket gets the open packet, with the settings of its location and no upgrade", "[server][handshake]") {
  World world;
  Options options;
  options.engine = {11'000, 7'000, 5'000};
  WsClient client(world, 0, options);
  REQUIRE(client.inbox.all.size() == 1);
  REQUIRE(client.inbox.all[0][0] == '0');
  const json open = json::parse(client.inbox.all[0].substr(1));
  CHECK(store::parseId(open["sid"].get<std::string>()));
  CHECK(open["upgrades"] == json::array());
  CHECK(open["pingInterval"] == 11'000);
  CHECK(open["pingTimeout"] == 7'000);
  CHECK(open["maxPayload"] == 5'000);
  CHECK(world.zone.connectionCount() == 1);
}

TEST_CASE("a polling handshake offers the upgrade", "[server][handshake]") {
  World world;
  PollClient client(world, 0);
  const json open = json::parse(client.inbox.all.at(0).substr(1));
  CHECK(open["upgrades"] == json::array({"websocket"}));
  CHECK(world.zone.connectionCount() == 1);
}

TEST_CASE("every connection gets ids of its own", "[server][handshake]") {
  World world;
  std::set<std::string> ids;
  std::vector<std::unique_ptr<WsClient>> clients;
  for (int i = 0; i < 50; ++i) {
    clients.push_back(std::make_unique<WsClient>(world, static_cast<std::uint16_t>(i % 2)));
    clients.back()->packet("40");
    ids.insert(json::parse(clients.back()->inbox.all.at(0).substr(1))["sid"].get<std::string>());
    ids.insert(json::parse(clients.back()->inbox.all.at(1).substr(2))["sid"].get<std::string>());
  }
  CHECK(ids.size() == 100);  // the Socket.IO id is not the Engine.IO one: that one is a secret
}

TEST_CASE("a foreign namespace is refused and the connection stays", "[server][handshake]") {
  World world;
  WsClient client(world, 0);
  client.packet("40/admin,");
  CHECK(client.inbox.all.back() == "44/admin,{\"message\":\"Invalid namespace\"}");
  client.packet("40");
  CHECK(client.inbox.all.back().rfind("40{\"sid\":\"", 0) == 0);
  CHECK_FALSE(client.closeCode);
}

TEST_CASE("a WebSocket that breaks the protocol is closed, and nobody else", "[server][malformed]") {
  struct Row {
    const char* what;
    std::string bytes;
    bool afterConnect;
  };
  const Row row = GENERATE(
      Row{"an event before CONNECT", clientFrame("42[\"heartbeat\"]"), false},
      Row{"CONNECT twice", clientFrame("40"), true}, Row{"an unknown packet type", clientFrame("9"), true},
      Row{"an empty message", clientFrame(""), true}, Row{"a ping of the client", clientFrame("2"), true},
      Row{"an open packet without JSON and Socket.IO type 9", clientFrame("49"), true},
      Row{"JSON that is none", clientFrame("42[\"heartbeat\""), true},
      Row{"an event that is no array", clientFrame("42{}"), true},
      Row{"an event without a name", clientFrame("42[]"), true},
      Row{"a reserved name", clientFrame("42[\"disconnect\"]"), true},
      Row{"an event for another namespace", clientFrame("42/x,[\"heartbeat\"]"), true},
      Row{"text that is not UTF-8", clientFrame("42[\"\xff\"]"), true},
      Row{"a frame without a mask", std::string("\x81\x01") + "3", true},
      Row{"a reserved bit", std::string("\xc1\x80\0\0\0\0", 6), true},
      Row{"a binary message out of place", clientFrame("x", 2), true},
      Row{"an ack id beyond reason", clientFrame("4299999999999999999999[\"heartbeat\"]"), true},
      Row{"text where an attachment belongs",
          clientFrame("451-[\"x\",{\"_placeholder\":true,\"num\":0}]") + clientFrame("42[\"heartbeat\"]"), true});
  CAPTURE(row.what);
  World world;
  WsClient bystander(world, 0);
  seat(world, bystander, "room", "ann");
  WsClient client(world, 0);
  if (row.afterConnect) client.packet("40");
  client.send(row.bytes);
  world.settle();
  CHECK(client.closeCode);
  CHECK(client.socket.finished);
  CHECK(world.zone.connectionCount() == 1);
  bystander.inbox.news();
  bystander.event("heartbeat", nullptr);
  CHECK(bystander.inbox.news() == Strings{"heartbeat_ack"});
}

TEST_CASE("close codes of the WebSocket protocol are used as they should be", "[server][malformed]") {
  World world;
  Options options;
  options.engine.maxPayload = 1000;
  WsClient large(world, 0, options);
  large.send(clientFrame(std::string(1001, 'x')));
  CHECK(large.closeCode == 1009);
  WsClient text(world, 0, options);
  text.send(clientFrame("4\xc3\x28"));
  CHECK(text.closeCode == 1007);
  WsClient unmasked(world, 0, options);
  unmasked.send(std::string("\x81\x01") + "3");
  CHECK(unmasked.closeCode == 1002);
  WsClient polite(world, 0, options);
  polite.send(clientFrame(std::string("\x03\xe9", 2), 8));
  CHECK(polite.closeCode == 1001);
  CHECK(world.zone.connectionCount() == 0);
}

TEST_CASE("input that arrives byte by byte means the same", "[server][malformed]") {
  World world;
  WsClient client(world, 0);
  for (const char byte : clientFrame("40") + clientFrame("427[\"heartbeat\"]"))
    client.send(std::string(1, byte));
  CHECK(client.inbox.news() == Strings{"heartbeat_ack", "ack 7 ok"});
}

TEST_CASE("a WebSocket ping is answered with its payload", "[server][handshake]") {
  World world;
  WsClient client(world, 0);
  client.send(clientFrame("hello", 9));
  CHECK(client.pongs == Strings{"hello"});
}

TEST_CASE("a binary event is refused as a whole, with its acknowledgement, and what follows works",
          "[server][malformed]") {
  World world;
  WsClient client(world, 0);
  client.packet("40");
  client.inbox.news();
  client.packet("452-5[\"sync_playback\",{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":1}]");
  client.send(clientFrame("one", 2) + clientFrame("two", 2) + clientFrame("42[\"heartbeat\"]"));
  CHECK(client.inbox.news() == Strings{"error BINARY_UNSUPPORTED", "ack 5 BINARY_UNSUPPORTED", "heartbeat_ack"});
  CHECK_FALSE(client.closeCode);
}

TEST_CASE("commands that are wrong are refused by name and code, and nothing changes", "[server][malformed]") {
  struct Row {
    const char* packet;
    const char* code;
  };
  const Row row = GENERATE(
      Row{R"(429["no_such_event"])", "UNKNOWN_EVENT"}, Row{R"(429["join_session"])", "INVALID_PAYLOAD"},
      Row{R"(429["join_session",[]])", "INVALID_PAYLOAD"},
      Row{R"(429["join_session",{"sessionId":"","userId":"u","username":"n"}])", "INVALID_SESSION_ID"},
      Row{R"(429["join_session",{"sessionId":"other","userId":"u","username":"n"}])", "ALREADY_IN_SESSION"},
      Row{R"(429["sync_playback",{"position":-1,"isPlaying":true}])", "INVALID_POSITION"},
      Row{R"(429["sync_playback",{"position":1,"isPlaying":1}])", "INVALID_IS_PLAYING"},
      Row{R"(429["sync_playback",{"position":1,"isPlaying":true,"playbackRate":17}])", "INVALID_PLAYBACK_RATE"},
      Row{R"(429["sync_playback",{"position":1,"isPlaying":true}])", "NOT_LEADER"},
      Row{R"(429["load_media",{"mediaUrl":"u"}])", "NOT_LEADER"}, Row{R"(429["request_leadership"])", "LEADER_ACTIVE"});
  CAPTURE(row.packet);
  World world;
  WsClient ann(world, 0), bob(world, 1);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  forgetNews(world);
  bob.packet(row.packet);
  world.settle();
  CHECK(bob.inbox.news() == Strings{std::string("error ") + row.code, std::string("ack 9 ") + row.code});
  CHECK(ann.inbox.news().empty());
  const json error = bob.inbox.events("error").back();
  CHECK_FALSE(error["message"].get<std::string>().empty());
  CHECK(error["event"] == json::parse(std::string(row.packet).substr(3))[0]);
}

TEST_CASE("commands outside a session are refused, heartbeat is not", "[server][malformed]") {
  World world;
  WsClient client(world, 0);
  client.packet("40");
  client.inbox.news();
  for (const char* event : {"leave_session", "request_leadership", "request_session_state"}) {
    client.event(event, nullptr);
    CHECK(client.inbox.news() == Strings{"error NOT_IN_SESSION"});
  }
  client.sync(1);
  CHECK(client.inbox.news() == Strings{"error NOT_IN_SESSION"});
  client.event("heartbeat", nullptr);
  CHECK(client.inbox.news() == Strings{"heartbeat_ack"});
}

TEST_CASE("a clock probe is answered with when it was received and when the answer was sent", "[server]") {
  World world;
  WsClient client(world, 0);
  client.packet("40");
  client.inbox.news();
  world.env.microseconds = 456;
  client.event("heartbeat", {{"probe", 12}}, 1);
  const double at = static_cast<double>(world.env.time.wall) / 1000 + 456e-6;
  const json event = client.inbox.events("heartbeat_ack").back();
  CHECK(event["probe"] == 12);
  CHECK(event["receivedAt"].get<double>() == Approx(at).margin(1e-6));
  CHECK(event["sentAt"].get<double>() == Approx(at).margin(1e-6));
  CHECK_FALSE(event.contains("roundTrip"));  // of a socket that does not know it
}

TEST_CASE("who stalls is told to everyone in the session, and to nobody outside", "[server]") {
  World world;
  WsClient ann(world, 0), bob(world, 1), stranger(world, 1);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  stranger.packet("40");
  forgetNews(world);
  bob.event("report_buffering", {{"isBuffering", true}}, 4);
  world.settle();
  CHECK(ann.inbox.events("user_buffering").back()["userId"] == "bob");
  CHECK(ann.inbox.events("user_buffering").back()["isBuffering"] == true);
  CHECK(bob.inbox.events("user_buffering").size() == 1);
  CHECK_FALSE(ann.inbox.events("user_buffering").back().contains("problem"));
  CHECK(stranger.inbox.events("user_buffering").empty());
  bob.event("report_buffering", {{"isBuffering", true}}, 5);  // acknowledged, and told to nobody
  bob.event("report_buffering", {{"isBuffering", true}, {"problem", "missing"}}, 6);
  world.settle();
  CHECK(ann.inbox.events("user_buffering").size() == 2);
  CHECK(ann.inbox.events("user_buffering").back()["problem"] == "missing");
  stranger.event("report_buffering", {{"isBuffering", true}});
  CHECK(stranger.inbox.news() == Strings{"error NOT_IN_SESSION"});
}

TEST_CASE("a connection that never connects to the namespace is closed after the timeout", "[server][deadline]") {
  World world;
  WsClient idle(world, 0), connected(world, 0);
  connected.packet("40");
  PollClient polling(world, 1);
  polling.polls = true;
  world.advance(Options{}.connectTimeout - 1'000, 500);
  CHECK_FALSE(idle.closeCode);
  CHECK(polling.isWaiting());
  world.advance(2'000, 500);
  CHECK(idle.closeCode == 1008);
  CHECK(polling.inbox.all.back() == "1");
  CHECK_FALSE(connected.closeCode);
  CHECK(world.zone.connectionCount() == 1);
}

TEST_CASE("a malformed POST is refused and ends its connection; what came before it stands", "[server][malformed]") {
  World world;
  const std::string bad = GENERATE(as<std::string>{}, "", "9", "42[", "2", "40", "42[\"heartbeat\"]\x1e", "b!!!",
                                   "42[\"heartbeat\"]\x1e"
                                   "42[");
  CAPTURE(bad);
  PollClient client(world, 0);
  seat(world, client, "room", "ann");
  client.poll();
  REQUIRE(client.inbox.seen() == Strings{"session_joined ann"});
  FakePost& job = client.post(bad);
  CHECK(job.isFinished);
  CHECK(job.error == engineio::Error::kBadRequest);
  world.settle();
  CHECK(world.zone.connectionCount() == 0);
  client.poll();
  CHECK(client.refused == engineio::Error::kUnknownSid);
}

TEST_CASE("requests with a sid that nobody has are refused", "[server][handshake]") {
  World world;
  PollClient client(world, 0);
  client.sid = world.env.source.id();
  client.poll();
  CHECK(client.refused == engineio::Error::kUnknownSid);
  CHECK(client.post("40").error == engineio::Error::kUnknownSid);
  WsClient probe(world, 0, client.sid, WsClient::Probe{});
  CHECK_FALSE(probe.isOpen());
}
