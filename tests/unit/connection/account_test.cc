// What is counted and logged of connections when they have ended.
#include <catch2/catch.hpp>

#include "core/worker/status.h"
#include "tests/unit/worker/world.h"

using namespace mediasync;
using namespace mediasync::server;
using namespace mediasync::server::test;
using store::EndReason;
using store::Transport;

namespace {

constexpr std::uint64_t kLog = 0x1234567890;

Options logged() {
  Options options;
  options.log = kLog;
  return options;
}

std::uint64_t countOf(const World& world, EndReason reason) {
  for (const api::Metric& metric : statusOf(world.zone)) {
    if (metric.name == "connections_ended_total" && metric.label.value == store::nameOf(reason)) return metric.value;
  }
  return 0;
}

std::uint64_t countOfAll(const World& world) {
  std::uint64_t sum = 0;
  for (const auto& count : world.zone.header().ended)
    sum += count.load();
  return sum;
}

// There was one end, it is counted once, under that reason. Returns what is logged of it.
Ended onlyEnd(World& world, EndReason reason) {
  world.settle();
  REQUIRE(world.env.endings.size() == 1);
  const Ended ended = world.env.endings.front();
  CHECK(store::nameOf(ended.reason) == store::nameOf(reason));
  CHECK(countOf(world, reason) == 1);
  CHECK(countOfAll(world) == 1);
  CHECK(ended.location == kLog);
  REQUIRE_INVARIANTS(world.zone);
  return ended;
}

// Closes, and gives codes, as a WebSocket's peer.
std::string closeFrame(int code) {
  return clientFrame(std::string{static_cast<char>(code >> 8), static_cast<char>(code & 0xff)}, 8);
}

store::ConnectionRef onlyConnection(const World& world) {
  for (std::uint32_t shard = 0; shard < world.zone.shards(); ++shard) {
    store::ConnectionRef found;
    store::ConnectionTransaction txn(world.zone, shard);
    txn.forEach([&](const store::ConnectionRef& ref, const store::ConnectionRecord&) { found = ref; });
    if (found.ref != 0) return found;
  }
  return {};
}

std::string handleOf(const store::ConnectionRef& connection) {
  char text[64];
  std::snprintf(text, sizeof text, "%x-%x-%llx", static_cast<unsigned>(connection.shard), connection.ref,
                static_cast<unsigned long long>(connection.serial));
  return text;
}

}  // namespace

TEST_CASE("a WebSocket that ends is counted and logged by the reason and the code", "[server][account]") {
  struct Way {
    const char* name;
    void (*end)(World&, WsClient&);
    EndReason reason;
    int code;
  };
  const auto way = GENERATE(
      Way{"a close frame", [](World&, WsClient& ann) { ann.send(closeFrame(1001)); }, EndReason::kClientDisconnect,
          1001},
      Way{"a close frame without a code", [](World&, WsClient& ann) { ann.send(clientFrame("", 8)); },
          EndReason::kClientDisconnect, 1005},
      Way{"Engine.IO's close packet", [](World&, WsClient& ann) { ann.packet("1"); }, EndReason::kClientDisconnect,
          1000},
      Way{"a broken connection", [](World&, WsClient& ann) { ann.drop(); }, EndReason::kTransportClose, 1006},
      Way{"a fault of ours", [](World&, WsClient& ann) { ann.fail(); }, EndReason::kInternalError, 1006},
      Way{"no pong",
          [](World& world, WsClient& ann) {
            ann.answersPings = false;
            world.advance(46'000, 500);
          },
          EndReason::kPingTimeout, 1000},
      Way{"no namespace",
          [](World& world, WsClient& ann) {
            ann.packet("41");
            world.advance(46'000, 500);
          },
          EndReason::kConnectTimeout, 1008},
      Way{"a frame that is not masked", [](World&, WsClient& ann) { ann.send(std::string("\x81\x01x", 3)); },
          EndReason::kProtocolError, 1002},
      Way{"text that is not UTF-8", [](World&, WsClient& ann) { ann.packet("4\xff"); }, EndReason::kProtocolError,
          1007},
      Way{"a packet that is none", [](World&, WsClient& ann) { ann.packet("4x"); }, EndReason::kProtocolError, 1000},
      Way{"a message that is too long", [](World&, WsClient& ann) { ann.packet("4" + std::string(3'000, 'x')); },
          EndReason::kPayloadTooLarge, 1009},
      Way{"too many events",
          [](World&, WsClient& ann) {
            for (int i = 0; i < 56; ++i)
              ann.event("heartbeat", nullptr);
          },
          EndReason::kFlood, 1008},
      Way{"a script",
          [](World& world, WsClient&) {
            const std::string connection = handleOf(onlyConnection(world));
            CHECK(json::parse(world.worker(1).scriptCalls().call("disconnect", {{"connection", connection}}))["ok"] == true);
            world.worker(1).flush();
          },
          EndReason::kKicked, 1000},
      Way{"the end of its worker", [](World& world, WsClient&) { world.stop(0); }, EndReason::kShutdown, 1001},
      Way{"a reload that cannot hand it over",
          [](World& world, WsClient& ann) {
            ann.socket.portable = false;
            world.reload({2});
            for (int i = 0; i < 300 && world.retire(0); ++i)
              world.advance(10, 10);
            world.stop(0);
          },
          EndReason::kReload, 1001});
  CAPTURE(way.name);
  World world;
  Options options = logged();
  options.engine.maxPayload = 2'000;
  options.rates.events = {600, 5};
  WsClient ann(world, 0, options);
  ann.packet("40");
  world.settle();
  way.end(world, ann);
  const Ended ended = onlyEnd(world, way.reason);
  CHECK(static_cast<int>(ended.code) == way.code);
  CHECK(ended.transport == Transport::kWebSocket);
  CHECK(ended.revision == engineio::Revision::kV4);
  CHECK(ended.socketId == ann.inbox.socketId);
  CHECK_FALSE(ended.recovered);
  REQUIRE(ended.traffic);
  CHECK(ended.traffic->bytesOut == ann.received);
  CHECK(ended.traffic->messagesOut == ann.inbox.all.size());
  CHECK(ended.traffic->bytesIn == ann.sent);
}

TEST_CASE("a polling connection that ends is counted and logged by the reason", "[server][account]") {
  struct Way {
    const char* name;
    void (*end)(World&, PollClient&);
    EndReason reason;
  };
  const auto way = GENERATE(
      Way{"the client says so",
          [](World& world, PollClient& ann) {
            ann.polls = true;
            world.settle();
            ann.slot = 1;
            ann.packet("1");
          },
          EndReason::kClientDisconnect},
      Way{"it says so between two polls",
          [](World& world, PollClient& ann) {
            ann.packet("1");
            world.advance(1'000);
          },
          EndReason::kClientDisconnect},
      Way{"a poll that is given up",
          [](World& world, PollClient& ann) {
            ann.polls = true;
            world.settle();
            ann.polls = false;
            ann.abandon();
          },
          EndReason::kTransportClose},
      Way{"it is not heard of", [](World& world, PollClient&) { world.advance(60'000, 500); }, EndReason::kPingTimeout},
      Way{"no namespace",
          [](World& world, PollClient& ann) {
            ann.polls = true;
            ann.packet("41");
            world.advance(46'000, 500);
          },
          EndReason::kConnectTimeout},
      Way{"a payload that is none",
          [](World&, PollClient& ann) {
            ann.slot = 1;
            ann.post("4x");
          },
          EndReason::kProtocolError},
      Way{"too many events",
          [](World& world, PollClient& ann) {
            ann.polls = true;
            for (int i = 0; i < 56; ++i) {
              ann.event("heartbeat", nullptr);
              world.settle();
            }
          },
          EndReason::kFlood},
      Way{"answers that it does not collect",
          [](World& world, PollClient& ann) {
            std::string body;
            for (int i = 0; i < 400; ++i)
              body.append(i == 0 ? "" : std::string(1, engineio::kSeparator)).append("42[\"heartbeat\"]");
            ann.post(body);
            world.advance(6'000);
          },
          EndReason::kTooSlow});
  CAPTURE(way.name);
  World world;
  Options options = logged();
  options.rates.events = {600, 5};
  if (way.reason == EndReason::kTooSlow) options.rates.events = {};
  PollClient ann(world, 0, options);
  ann.packet("40");
  world.settle();
  way.end(world, ann);
  const Ended ended = onlyEnd(world, way.reason);
  CHECK(ended.transport == Transport::kPolling);
  REQUIRE(ended.traffic);
  CHECK(ended.traffic->bytesIn == ann.sent);
  CHECK(ended.traffic->bytesOut == ann.received);
  CHECK(ended.traffic->messagesOut == ann.inbox.all.size());
}

TEST_CASE("a connection that ends is logged with the seat that it had last", "[server][account]") {
  const bool saysSo = GENERATE(true, false);
  World world;
  WsClient ann(world, 0, logged()), bob(world, 1);
  seat(world, bob, "room", "bob");
  seat(world, ann, "room", "ann");
  world.env.time = world.env.time.after(1'234);
  if (saysSo) ann.packet("41");  // as stock clients do before they close
  ann.drop();
  const Ended ended = onlyEnd(world, EndReason::kTransportClose);
  CHECK(ended.sessionId == "room");
  CHECK(ended.userId == "ann");
  CHECK(ended.duration == 1'234);
}

TEST_CASE("who has left is logged with the session, and as NGINX knows who it is", "[server][account]") {
  World world;
  Options options = logged();
  const bool isKnown = GENERATE(true, false);
  if (isKnown) options.user = "ann";
  WsClient ann(world, 0, options), bob(world, 1);
  seat(world, bob, "room", "bob");
  seat(world, ann, "room", "ann");
  ann.leave();
  world.settle();
  ann.drop();
  const Ended ended = onlyEnd(world, EndReason::kTransportClose);
  CHECK(ended.sessionId == "room");
  CHECK(ended.userId == (isKnown ? "ann" : ""));
}

TEST_CASE("a client that comes back before it was missed ends one connection, and the other is recovered",
          "[server][account]") {
  World world;
  WsClient ann(world, 0, logged()), bob(world, 0);
  seat(world, bob, "room", "bob");
  seat(world, ann, "room", "ann");
  WsClient again(world, 1, logged());
  again.comeBack(ann);
  const Ended ended = onlyEnd(world, EndReason::kReplaced);
  CHECK(ended.sessionId == "room");
  CHECK(ended.userId == "ann");
  CHECK_FALSE(ended.recovered);
  again.drop();
  world.settle();
  REQUIRE(world.env.endings.size() == 2);
  CHECK(world.env.endings[1].recovered);
  CHECK(world.env.endings[1].userId == "ann");
}

TEST_CASE("a member that misses too much ends as too slow", "[server][account]") {
  store::ZoneSettings settings;
  settings.logLimit = store::Zone::kMinLog;
  World world(2, settings);
  WsClient ann(world, 0), bob(world, 1, logged());
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  bob.answersPings = false;
  bob.socket.room = 0;
  for (int i = 0; i < 200; ++i) {
    ann.event("load_media", {{"mediaUrl", "/films/" + std::string(200, 'x') + std::to_string(i)}});
    world.advance(50);
  }
  bob.makeRoom(FakeSocket::kAll);
  const Ended ended = onlyEnd(world, EndReason::kTooSlow);
  CHECK(static_cast<int>(ended.code) == 1001);
  CHECK(ended.userId == "bob");
}

TEST_CASE("an upgraded connection is one, with the sums of both transports", "[server][account]") {
  World world;
  const auto slot = static_cast<std::uint16_t>(GENERATE(0, 1));
  PollClient polling(world, 0, logged());
  polling.polls = true;
  polling.packet("40");
  world.settle();
  WsClient socket(world, slot, polling.sid, WsClient::Probe{}, logged());
  polling.polls = false;
  socket.packet("2probe");
  world.settle();
  socket.packet("5");
  world.settle();
  const std::size_t probe = socket.sent, answer = socket.received;
  socket.event("heartbeat", nullptr, 4);
  world.settle();
  CHECK(world.env.endings.empty());
  socket.drop();
  const Ended ended = onlyEnd(world, EndReason::kTransportClose);
  CHECK(ended.transport == Transport::kWebSocket);
  REQUIRE(ended.traffic);
  CHECK(ended.traffic->bytesIn == polling.sent + socket.sent - probe);
  CHECK(ended.traffic->bytesOut == polling.received + socket.received - answer);
  CHECK(ended.traffic->messagesOut == polling.inbox.all.size() + socket.inbox.all.size() - 1);  // but for "3probe"
}

TEST_CASE("a connection that is handed over is one, and its account goes along", "[server][account]") {
  World world;
  WsClient ann(world, 0, logged());
  ann.nextOptions = logged();
  ann.nextOptions.log = kLog + 1;  // the new configuration has another
  ann.packet("40");
  world.settle();
  world.reload({2, 3});
  for (int i = 0; i < 100 && world.retire(0); ++i)
    world.settle();
  world.stop(0);
  world.stop(1);
  REQUIRE(ann.slot() >= 2);
  CHECK(world.env.endings.empty());
  ann.event("heartbeat", nullptr, 4);
  world.env.time = world.env.time.after(5'000);
  ann.drop();
  world.settle();
  REQUIRE(world.env.endings.size() == 1);
  const Ended& ended = world.env.endings.front();
  CHECK(ended.location == kLog + 1);
  CHECK(ended.duration >= 5'000);
  REQUIRE(ended.traffic);
  CHECK(ended.traffic->bytesIn == ann.sent);
  CHECK(ended.traffic->bytesOut == ann.received);
  CHECK(ended.traffic->messagesOut == ann.inbox.all.size());
  CHECK(countOfAll(world) == 1);
}

TEST_CASE("of a WebSocket that died with its worker others log what they know", "[server][account]") {
  World world;
  WsClient ann(world, 0, logged()), bob(world, 1);
  seat(world, bob, "room", "bob");
  seat(world, ann, "room", "ann");
  world.kill(0);
  world.advance(500);
  const Ended ended = onlyEnd(world, EndReason::kWorkerDied);
  CHECK(ended.sessionId == "room");
  CHECK(ended.userId == "ann");
  CHECK(ended.code == websocket::CloseCode::kAbnormal);
  CHECK_FALSE(ended.traffic);
}

TEST_CASE("a polling connection whose worker died goes on, with the account in its record", "[server][account]") {
  World world;
  PollClient ann(world, 0, logged());
  ann.polls = true;
  ann.packet("40");
  ann.rota = {0, 1};  // its polls go from worker to worker
  for (int i = 0; i < 10; ++i) {
    ann.event("heartbeat", nullptr, i);
    world.settle();
  }
  ann.rota = {};
  ann.slot = 1;
  if (GENERATE(true, false)) {
    world.kill(0);
  } else {
    world.stop(0);
  }
  world.advance(500);
  CHECK(world.env.endings.empty());
  ann.packet("1");
  const Ended ended = onlyEnd(world, EndReason::kClientDisconnect);
  CHECK(ended.traffic->bytesIn == ann.sent);
  CHECK(ended.traffic->messagesIn == 12);
}

TEST_CASE("without a log ends are counted, and nothing is kept of connections", "[server][account]") {
  World world;
  WsClient ann(world, 0);
  PollClient bob(world, 0);
  for (std::uint32_t shard = 0; shard < world.zone.shards(); ++shard) {
    store::ConnectionTransaction txn(world.zone, shard);
    txn.forEach([&](const store::ConnectionRef&, const store::ConnectionRecord& record) { CHECK(record.account == 0); });
  }
  ann.drop();
  bob.post("4x");
  world.settle();
  CHECK(world.env.endings.empty());
  CHECK(countOf(world, EndReason::kTransportClose) == 1);
  CHECK(countOf(world, EndReason::kProtocolError) == 1);
  CHECK(countOfAll(world) == 2);
}

TEST_CASE("the client's address is that of the handshake", "[server][account]") {
  World world;
  FakeSocket socket;
  store::Address address;
  address.size = 4;
  address.bytes = {192, 0, 2, 7};
  auto opened = world.worker(0).sockets().openChannel(socket, logged(), {}, {{}, {}, address});
  world.worker(0).sockets().gone(*std::get<std::unique_ptr<Channel>>(opened));
  world.worker(0).flush();
  const Ended ended = onlyEnd(world, EndReason::kTransportClose);
  CHECK(ended.client == address);
  CHECK(ended.socketId.empty());
}
