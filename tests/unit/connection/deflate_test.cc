// permessage-deflate: what is sent to those who agreed on it, what they send, and everybody else.
#include <catch2/catch.hpp>

#include "tests/unit/worker/world.h"

using namespace mediasync;
using namespace mediasync::server;
using namespace mediasync::server::test;
using namespace std::string_literals;

namespace {

using Probe = WsClient::Probe;

constexpr engineio::Protocol kOld{engineio::Revision::kV3, false};

// Everything is compressed, unless a length is given.
Agreement deflated(std::uint32_t minLength = 0, std::uint8_t windowBits = 15, std::uint8_t level = 1,
                   engineio::Protocol protocol = {}) {
  return {protocol, Compression{windowBits, level, minLength}};
}

Options echo() {
  Options options;
  options.application = Application::kEngineEcho;
  return options;
}

std::string bytesOf(std::size_t size) {
  std::string bytes;
  std::uint32_t state = 1;
  while (bytes.size() < size) {
    state = state * 1'664'525 + 1'013'904'223;
    bytes.push_back(static_cast<char>(state >> 24));
  }
  return bytes;
}

// As frames of these parts. The message may have an end.
std::string fragments(const Strings& parts, std::uint8_t opcode, bool isCompressed, bool ends = true) {
  std::string frames;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    std::string frame = clientFrame(parts[i], i == 0 ? opcode : 0, isCompressed && i == 0 ? websocket::kRsv1Bit : 0);
    if (i + 1 < parts.size() || !ends) frame[0] = static_cast<char>(frame[0] & 0x7f);
    frames += frame;
  }
  return frames;
}

std::string deflateOf(std::string_view text) {
  std::string out;
  websocket::Deflater(15, 6, 8).deflate(text, out);
  return out;
}

}  // namespace

TEST_CASE("long messages go out compressed, short ones as they are", "[server][deflate]") {
  const auto revision = GENERATE(engineio::Revision::kV4, engineio::Revision::kV3);
  CAPTURE(static_cast<int>(revision));
  World world(1);
  WsClient client(world, 0, echo(), deflated(1'000, 15, 1, {revision, false}));
  client.compressed = 0;
  client.packet("4" + std::string(998, 'x'));  // one byte is the packet's type
  CHECK(client.compressed == 0);
  client.packet("4" + std::string(999, 'x'));
  CHECK(client.compressed == 1);
  CHECK(client.inbox.all.back() == "4" + std::string(999, 'x'));
  const std::size_t typed = revision == engineio::Revision::kV3 ? 1 : 0;
  client.binary(std::string(999 - typed, 'y'));
  CHECK(client.compressed == 1);
  client.binary(std::string(1'000 - typed, 'y'));
  CHECK(client.compressed == 2);
  CHECK(client.inbox.all.back() == "b" + std::string(1'000 - typed, 'y'));
  const std::size_t before = client.received;
  client.packet("4" + std::string(100'000, 'z'));
  CHECK(client.compressed == 3);
  CHECK(client.received - before < 2'000);
  CHECK(client.inbox.all.back() == "4" + std::string(100'000, 'z'));
}

TEST_CASE("without an agreement nothing is compressed", "[server][deflate]") {
  World world(1);
  WsClient client(world, 0, echo());
  client.packet("4" + std::string(100'000, 'z'));
  client.binary(std::string(100'000, 'z'));
  CHECK(client.inbox.all.size() == 3);
  CHECK(client.compressed == 0);
}

TEST_CASE("whatever the window and the level, messages arrive whole", "[server][deflate]") {
  const auto windowBits = static_cast<std::uint8_t>(GENERATE(range(9, 16)));
  const auto level = static_cast<std::uint8_t>(GENERATE(1, 9));
  CAPTURE(int{windowBits}, int{level});
  World world(1);
  WsClient client(world, 0, echo(), deflated(0, windowBits, level));
  std::string text;
  for (int i = 0; text.size() < 300'000; ++i)
    text += std::to_string(i * 7'919) + " \xE2\x82\xAC ";
  for (const std::string& message : {""s, "x"s, text, std::string(70'000, 'a'), text}) {
    client.packet("4" + message);
    CHECK(client.inbox.all.back() == "4" + message);
  }
  for (const std::string& message : {""s, "\0"s, bytesOf(100'000), bytesOf(300), std::string(70'000, '\0')}) {
    client.binary(message);
    CHECK(client.inbox.all.back() == "b" + message);
  }
  CHECK(client.compressed == 1 + 10);  // the open packet as well
  CHECK_FALSE(client.closeCode);
}

TEST_CASE("nobody is sent what reaches back beyond the window agreed on", "[server][deflate]") {
  World world(1);
  const bool smallFirst = GENERATE(false, true);
  CAPTURE(smallFirst);
  WsClient small(world, 0, echo(), deflated(0, 9)), large(world, 0, echo(), deflated(0, 15));
  const std::string once = bytesOf(1'000);  // is repeated beyond 512 bytes
  std::string message;
  for (int i = 0; i < 20; ++i)
    message += once;
  for (int i = 0; i < 2; ++i) {
    WsClient& client = (i == 0) == smallFirst ? small : large;
    const std::size_t before = client.received;
    client.binary(message);
    CHECK(client.inbox.all.back() == "b" + message);
    CHECK((client.received - before > message.size() / 2) == (&client == &small));
  }
}

TEST_CASE("control frames are never compressed", "[server][deflate]") {
  World world(1);
  WsClient client(world, 0, echo(), deflated());
  client.compressed = 0;
  client.send(clientFrame(std::string(125, 'p'), 9));
  CHECK(client.pongs == Strings{std::string(125, 'p')});
  client.send(clientFrame("\x03\xe8"s, 8));
  CHECK(client.closeCode == 1000);
  CHECK(client.compressed == 0);
}

TEST_CASE("a broadcast is compressed once for all who share the parameters, and once more for each others",
          "[server][deflate]") {
  World world(1);
  std::vector<std::unique_ptr<WsClient>> clients;
  const auto add = [&](int count, const Agreement& agreement) {
    for (int i = 0; i < count; ++i) {
      clients.push_back(std::make_unique<WsClient>(world, 0, Options{}, agreement));
      seat(world, *clients.back(), "room", "user" + std::to_string(clients.size()));
    }
  };
  const auto encodings = [&] { return world.worker(0).counters().encodings.load(); };
  const auto cost = [&] {
    forgetNews(world);
    for (auto& client : clients)
      client->compressed = 0;
    const std::uint64_t before = encodings();
    clients[0]->sync(1);
    world.settle();
    for (auto& client : clients)
      CHECK(client->inbox.news() == Strings{"sync 1"});
    return encodings() - before;
  };
  add(5, deflated());
  CHECK(cost() == 1);
  add(3, deflated(0, 9));
  CHECK(cost() == 2);
  add(3, deflated(0, 9, 9));
  CHECK(cost() == 3);
  add(4, {});
  CHECK(cost() == 4);
  add(4, {});
  add(3, deflated());
  CHECK(cost() == 4);
  for (std::size_t i = 0; i < clients.size(); ++i) {
    const bool isPlain = i >= 11 && i < 19;
    CHECK(clients[i]->compressed == (isPlain ? 0 : 1));
  }
  // A packet of several events costs no more for many than for one.
  const std::uint64_t before = encodings();
  world.held = {0};
  world.worker(0).flush();
  clients[0]->send(compressedFrame(R"(42["sync_playback",{"position":2,"isPlaying":true}])") +
                   compressedFrame(R"(42["sync_playback",{"position":3,"isPlaying":true}])"));
  world.held = {};
  world.settle();
  CHECK(encodings() - before == 8);
  for (auto& client : clients)
    CHECK(client->inbox.news() == numbered("sync", 2, 3));
}

TEST_CASE("what a client sends compressed is read as if it were not", "[server][deflate]") {
  World world;
  WsClient ann(world, 0, {}, deflated(100'000)), bob(world, 1);
  seat(world, bob, "room", "bob");
  forgetNews(world);
  ann.send(compressedFrame("40"));
  ann.send(compressedFrame(R"(421["join_session",{"sessionId":"room","userId":"ann","username":"Ann"}])"));
  world.settle();
  CHECK(ann.inbox.news() == Strings{"session_joined ann", "ack 1 ok"});
  CHECK(bob.inbox.news() == Strings{"user_joined ann"});
  ann.packet(R"(422["heartbeat"])");  // need not be compressed
  CHECK(ann.inbox.news() == Strings{"heartbeat_ack", "ack 2 ok"});
  CHECK(ann.compressed == 0);
}

TEST_CASE("compressed messages may come in fragments and in any pieces, with pings between them", "[server][deflate]") {
  World world(1);
  WsClient client(world, 0, echo(), deflated());
  const std::string text = "4" + std::string(3'000, 'x') + "\xE2\x82\xAC";
  const std::string deflate = deflateOf(text);
  const bool byteByByte = GENERATE(false, true);
  CAPTURE(byteByByte);
  std::string bytes = fragments({deflate.substr(0, 1), "", deflate.substr(1, 5), deflate.substr(6)}, 1, true);
  bytes.insert(7, clientFrame("ping", 9));  // behind the first fragment: two bytes, the mask and one of payload
  bytes += compressedFrame("4next") + clientFrame("4plain");
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t size = byteByByte ? 1 : bytes.size();
    client.send(bytes.substr(at, size));
    at += size;
  }
  CHECK(client.pongs == Strings{"ping"});
  Strings got = client.inbox.packets();
  got.erase(got.begin());
  CHECK(got == Strings{text, "4next", "4plain"});
  CHECK_FALSE(client.closeCode);
}

TEST_CASE("any bytes may come compressed as a binary message, none as well", "[server][deflate]") {
  World world(1);
  WsClient client(world, 0, echo(), deflated());
  for (const std::string& bytes : {""s, "\xff\xfe\0"s, bytesOf(50'000)}) {
    client.send(compressedFrame(bytes, 2));
    CHECK(client.inbox.all.back() == "b" + bytes);
  }
  client.send(clientFrame("", 2, websocket::kRsv1Bit));
  CHECK(client.inbox.all.back() == "b");
  CHECK(client.inbox.all.size() == 5);
  CHECK_FALSE(client.closeCode);
}

TEST_CASE("a message may be as long as the largest payload when it is inflated, and no longer", "[server][deflate]") {
  const auto opcode = static_cast<std::uint8_t>(GENERATE(1, 2));
  CAPTURE(int{opcode});
  World world(1);
  Options options = echo();
  options.engine.maxPayload = 1'000;
  const std::string prefix = opcode == 1 ? "4" : "";
  WsClient client(world, 0, options, deflated());
  client.send(compressedFrame(prefix + std::string(1'000 - prefix.size(), 'x'), opcode));
  CHECK_FALSE(client.closeCode);
  CHECK(client.inbox.all.size() == 2);
  client.send(compressedFrame(prefix + std::string(1'001 - prefix.size(), 'x'), opcode));
  CHECK(client.closeCode == 1009);
  CHECK(world.zone.connectionCount() == 0);
}

TEST_CASE("a bomb, or what is no deflate or no text, closes the one who sent it", "[server][deflate]") {
  constexpr std::uint8_t kRsv1 = websocket::kRsv1Bit;
  const std::string bomb = deflateOf(std::string(20'000'000, 'x'));
  const std::string whole = deflateOf("4" + std::string(100, 'q') + "hello");
  struct Row {
    const char* what;
    std::string bytes;
    int code;
  };
  const Row row = GENERATE_COPY(
      values<Row>({{"a bomb", clientFrame(bomb, 1, kRsv1), 1009},
                   {"a bomb of bytes", clientFrame(bomb, 2, kRsv1), 1009},
                   {"a bomb in fragments", fragments({bomb.substr(0, 100), bomb.substr(100)}, 1, true), 1009},
                   {"no deflate", clientFrame("\xff\xff\xff\xff", 1, kRsv1), 1007},
                   {"no deflate, bytes", clientFrame("\x07", 2, kRsv1), 1007},
                   {"plain text", clientFrame("4hello, there is nothing compressed here", 1, kRsv1), 1007},
                   {"cut short", clientFrame(whole.substr(0, whole.size() / 2), 1, kRsv1), 1007},
                   {"no UTF-8", compressedFrame("4\xff"), 1007},
                   {"a lone surrogate", compressedFrame("4\xED\xA0\x80"), 1007},
                   {"half a character", compressedFrame("4\xE2\x82"), 1007},
                   {"a compressed ping", clientFrame("x", 9, kRsv1), 1002},
                   {"a continuation that says it is compressed",
                    fragments({"4"}, 1, false, false) + clientFrame("x", 0, kRsv1), 1002},
                   {"another reserved bit", clientFrame("4", 1, 0x20), 1002}}));
  CAPTURE(row.what);
  World world(1);
  WsClient ann(world, 0, {}, deflated()), bob(world, 0, echo(), deflated());
  seat(world, ann, "room", "ann");
  bob.send(row.bytes);
  CHECK(bob.closeCode == row.code);
  CHECK(bob.inbox.all.size() == 1);
  CHECK(world.zone.connectionCount() == 1);
  // The worker's inflater is none the worse for it.
  forgetNews(world);
  ann.send(compressedFrame(R"(421["heartbeat"])"));
  CHECK(ann.inbox.news() == Strings{"heartbeat_ack", "ack 1 ok"});
}

TEST_CASE("a compressed message without an agreement is an error of the protocol", "[server][deflate]") {
  World world(1);
  WsClient client(world, 0, echo());
  client.send(compressedFrame("4x"));
  CHECK(client.closeCode == 1002);
}

TEST_CASE("after a recovery it is the new WebSocket's agreement that counts", "[server][deflate][recovery]") {
  const bool before = GENERATE(false, true), after = GENERATE(false, true);
  const auto slot = static_cast<std::uint16_t>(GENERATE(0, 1));
  CAPTURE(before, after, slot);
  World world;
  WsClient ann(world, 0);
  seat(world, ann, "room", "ann");
  WsClient bob(world, 1, {}, before ? deflated() : Agreement{});
  seat(world, bob, "room", "bob");
  for (int i = 1; i <= 3; ++i)
    ann.sync(i);
  world.settle();
  bob.drop();
  for (int i = 4; i <= 8; ++i)
    ann.sync(i);
  WsClient again(world, slot, {}, after ? deflated() : Agreement{});
  again.inbox.packets();
  again.compressed = 0;
  if (after) {
    again.inbox.offset = bob.inbox.offset;
    again.send(compressedFrame("40" + bob.credentials().dump()));
  } else {
    again.comeBack(bob);
  }
  world.settle();
  CHECK(again.hasRecovered(bob));
  CHECK(again.compressed == (after ? 6 : 0));  // the answer and the events
  CHECK(again.inbox.news() == numbered("sync", 4, 8));
  ann.sync(9);
  world.settle();
  CHECK(again.compressed == (after ? 7 : 0));
  CHECK(again.inbox.news() == Strings{"sync 9"});
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("what waited for a poll, and what comes later, goes compressed over the WebSocket of the upgrade",
          "[server][deflate][upgrade]") {
  const auto slot = static_cast<std::uint16_t>(GENERATE(0, 1));
  const bool isOld = GENERATE(false, true);
  CAPTURE(slot, isOld);
  const engineio::Protocol protocol = isOld ? kOld : engineio::Protocol{};
  World world;
  WsClient ann(world, 0);
  seat(world, ann, "room", "ann");
  PollClient polling(world, 0, {}, protocol);
  if (!isOld) polling.packet("40");
  polling.join("room", "bob");
  polling.poll();
  ann.sync(1);
  world.settle();
  polling.event("heartbeat", nullptr, 7);
  WsClient socket(world, slot, polling.sid, Probe{}, {}, deflated(2, 15, 1, protocol));
  REQUIRE(socket.isOpen());
  socket.send(compressedFrame("2probe"));
  world.settle();
  CHECK(socket.inbox.all == Strings{"3probe"});
  socket.compressed = 0;
  socket.send(compressedFrame("5"));
  world.settle();
  CHECK(socket.inbox.news() == Strings{"sync 1", "heartbeat_ack", "ack 7 ok"});
  CHECK(socket.compressed == 3);
  ann.sync(2);
  world.settle();
  socket.send(compressedFrame(R"(428["heartbeat"])"));
  CHECK(socket.inbox.news() == Strings{"sync 2", "heartbeat_ack", "ack 8 ok"});
  CHECK(socket.compressed == 6);
  CHECK_FALSE(socket.closeCode);
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("a probe that breaks the compression is closed, and polling goes on", "[server][deflate][upgrade]") {
  World world;
  PollClient polling(world, 0);
  polling.polls = true;
  seat(world, polling, "room", "bob");
  WsClient socket(world, 1, polling.sid, Probe{}, {}, deflated());
  polling.polls = false;
  socket.send(clientFrame("\xff\xff", 1, websocket::kRsv1Bit));
  CHECK(socket.closeCode == 1007);
  polling.polls = true;
  world.settle();
  CHECK(polling.isWaiting());
  CHECK(world.zone.connectionCount() == 1);
}

TEST_CASE("members with and without compression get the same events, however slowly they read", "[server][deflate]") {
  const bool slow = GENERATE(false, true);
  CAPTURE(slow);
  World world;
  WsClient ann(world, 0);
  seat(world, ann, "room", "ann");
  std::vector<std::unique_ptr<Client>> members;
  std::vector<WsClient*> sockets;
  for (std::uint16_t worker = 0; worker < 2; ++worker) {
    for (const Agreement& agreement :
         {Agreement{}, deflated(), deflated(150), deflated(0, 9), deflated(0, 15, 1, kOld)}) {
      auto member = std::make_unique<WsClient>(world, worker, Options{}, agreement);
      sockets.push_back(member.get());
      members.push_back(std::move(member));
    }
    auto member = std::make_unique<PollClient>(world, worker);
    member->polls = true;
    members.push_back(std::move(member));
  }
  for (std::size_t i = 0; i < members.size(); ++i) {
    if (i % 6 != 4) members[i]->packet("40");  // not the old ones
    world.settle();
    members[i]->join("room", "user" + std::to_string(i));
    world.settle();
  }
  forgetNews(world);
  Strings expected;
  for (int i = 1; i <= 30; ++i) {
    if (slow) {
      for (std::size_t n = 0; n < sockets.size(); ++n)
        sockets[n]->makeRoom(static_cast<std::size_t>(i * 31) % 170 + n);
    }
    if (i % 10 == 0) {
      ann.event("load_media", {{"mediaUrl", "film" + std::to_string(i) + std::string(500, 'm')}});
      expected.push_back("media film" + std::to_string(i) + std::string(500, 'm'));
    } else {
      ann.sync(i);
      expected.push_back("sync " + std::to_string(i));
    }
    world.settle();
    world.advance(20, 20);
  }
  for (WsClient* socket : sockets)
    socket->makeRoom(FakeSocket::kAll);
  world.settle();
  for (std::size_t i = 0; i < members.size(); ++i) {
    CAPTURE(i);
    CHECK(members[i]->inbox.news() == expected);
    if (i % 6 != 4) CHECK(members[i]->inbox.offset == ann.inbox.offset);
  }
  REQUIRE_INVARIANTS(world.zone);
}
