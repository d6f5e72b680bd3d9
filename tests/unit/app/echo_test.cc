// The two applications for diagnostics, over every transport and revision, on whichever worker a request arrives.
#include <catch2/catch.hpp>

#include "tests/unit/worker/world.h"

using namespace mediasync;
using namespace mediasync::server;
using namespace mediasync::server::test;
using namespace std::string_literals;

namespace {

constexpr engineio::Protocol kNew{};
constexpr engineio::Protocol kOld{engineio::Revision::kV3, false};
constexpr engineio::Protocol kOldBase64{engineio::Revision::kV3, true};

Options at(Application application) {
  Options options;
  options.application = application;
  return options;
}

// Over WebSocket, or over polling with each request at another worker than the one before.
std::unique_ptr<Client> arrive(World& world, bool polling, Application application, engineio::Protocol protocol = {}) {
  if (!polling) return std::make_unique<WsClient>(world, 0, at(application), Agreement{protocol, {}});
  auto client = std::make_unique<PollClient>(world, 0, at(application), protocol);
  client->polls = true;
  client->rota = {0, 1};
  return client;
}

// One request of a client that sends the next one when this one is answered.
void post(World& world, PollClient& client, const std::string& body) {
  client.slot = static_cast<std::uint16_t>(1 - client.slot);
  const FakePost& job = client.post(body);
  world.settle();
  for (int i = 0; i < 100 && !job.isFinished; ++i)
    world.advance(5, 5);
  CHECK(job.isFinished);
}

void sendText(World& world, Client& client, const std::string& packet) {
  auto* polling = dynamic_cast<PollClient*>(&client);
  if (polling == nullptr) return client.packet(packet);
  post(world, *polling, polling->framed(packet));
}

void sendBinary(World& world, Client& client, const std::string& bytes) {
  if (auto* socket = dynamic_cast<WsClient*>(&client)) return socket->binary(bytes);
  auto& polling = dynamic_cast<PollClient&>(client);
  post(world, polling, polling.framedBinary(bytes));
}

// What comes in answer to a packet and the attachments that follow it.
Strings answers(World& world, Client& client, const std::string& packet, const Strings& attachments = {}) {
  world.settle();
  client.inbox.packets();
  sendText(world, client, packet);
  for (const std::string& attachment : attachments)
    sendBinary(world, client, attachment);
  world.settle();
  return client.inbox.packets();
}

bool isClosed(World& world, const Client& client) {
  world.settle();
  if (const auto* socket = dynamic_cast<const WsClient*>(&client)) return socket->closeCode.has_value();
  return world.zone.connectionCount() == 0;
}

std::string placeholder(int number) {
  return R"({"_placeholder":true,"num":)" + std::to_string(number) + "}";
}

std::string bytesOf(std::size_t size) {
  std::string bytes;
  for (std::size_t i = 0; i < size; ++i)
    bytes.push_back(static_cast<char>(i * 7 + i / 256));
  return bytes;
}

const std::string kFilm = "\xE2\x82\xAC \xF0\x9F\x8E\xAC";

}  // namespace

TEST_CASE("every Engine.IO message comes back as it came", "[server][echo]") {
  const bool polling = GENERATE(false, true);
  const auto protocol = GENERATE(kNew, kOld, kOldBase64);
  CAPTURE(polling, static_cast<int>(protocol.revision), protocol.base64);
  World world;
  const auto client = arrive(world, polling, Application::kEngineEcho, protocol);
  std::string many;
  while (many.size() < 40'000)
    many += kFilm;
  for (const std::string& text :
       {""s, "hello"s, "42[\"x\"]"s, "b4AAH/"s, "2probe"s, kFilm, "a\0b"s, many, std::string(40'000, 'x')}) {
    CAPTURE(text.substr(0, 20), text.size());
    CHECK(answers(world, *client, "4" + text) == Strings{"4" + text});
  }
  const bool asText = !polling && protocol.base64;  // such a client cannot read frames of bytes
  for (const std::string& bytes : {""s, "\0"s, "\x04"s, "\x01\x1e\xff"s, "b4"s, bytesOf(1'000), bytesOf(40'000)}) {
    CAPTURE(bytes.size());
    client->inbox.packets();
    sendBinary(world, *client, bytes);
    world.settle();
    std::string expected = "b" + bytes;
    if (asText) {
      expected = "b4";
      engineio::appendBase64(expected, bytes);
    }
    CHECK(client->inbox.packets() == Strings{expected});
  }
  CHECK(world.zone.connectionCount() == 1);
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("messages of one POST come back in their order, from either worker", "[server][echo]") {
  const auto protocol = GENERATE(kNew, kOld);
  CAPTURE(static_cast<int>(protocol.revision));
  World world;
  PollClient client(world, 0, at(Application::kEngineEcho), protocol);
  Strings expected;
  for (int post = 0; post < 6; ++post) {
    std::string body;
    for (int i = 0; i < 5; ++i) {
      const std::string text = std::to_string(post) + "." + std::to_string(i);
      if (protocol.revision == engineio::Revision::kV4 && i > 0) body += engineio::kSeparator;
      body += i % 2 == 0 ? client.framed("4" + text) : client.framedBinary(text);
      expected.push_back((i % 2 == 0 ? "4" : "b") + text);
    }
    client.slot = static_cast<std::uint16_t>(post % 2);
    CHECK_FALSE(client.post(body).error);
  }
  client.inbox.packets();
  client.slot = 1;
  client.poll();
  CHECK(client.inbox.packets() == expected);
}

TEST_CASE("the Engine.IO echo knows no namespaces: nothing is refused, nobody has to connect", "[server][echo]") {
  World world;
  const auto client = arrive(world, GENERATE(false, true), Application::kEngineEcho);
  CHECK(answers(world, *client, "40") == Strings{"40"});
  CHECK(answers(world, *client, "4451-[\"x\"]") == Strings{"4451-[\"x\"]"});
  CHECK(world.zone.recoveryCount() == 0);
  world.advance(100'000, 500);
  CHECK(world.zone.connectionCount() == 1);
}

TEST_CASE("CONNECT is followed by the event auth with what came with it", "[server][echo]") {
  const bool polling = GENERATE(false, true);
  CAPTURE(polling);
  World world;
  const auto client = arrive(world, polling, Application::kSocketEcho);
  const Strings main = answers(world, *client, R"(40{"token":"123","list":[1,{"a":null}]})");
  REQUIRE(main.size() == 2);
  const json answer = json::parse(main[0].substr(2));
  CHECK(main[0].substr(0, 2) == "40");
  CHECK(answer["sid"].is_string());
  CHECK(main[1] == R"(42["auth",{"list":[1,{"a":null}],"token":"123"}])");
  const Strings custom = answers(world, *client, R"(40/custom,{"x":1.5})");
  REQUIRE(custom.size() == 2);
  CHECK(custom[0].rfind(R"(40/custom,{"sid":")", 0) == 0);
  CHECK(json::parse(custom[0].substr(10))["sid"] != answer["sid"]);
  CHECK(custom[1] == R"(42/custom,["auth",{"x":1.5}])");
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("a client that says nothing of itself has said an empty object", "[server][echo]") {
  const bool polling = GENERATE(false, true);
  World world;
  const auto client = arrive(world, polling, Application::kSocketEcho);
  const std::string connect = GENERATE("40", "40/custom,", "40/custom", "40{}", "40/custom,{}");
  CAPTURE(polling, connect);
  const Strings got = answers(world, *client, connect);
  REQUIRE(got.size() == 2);
  CHECK(got[1] == (connect.rfind("40/", 0) == 0 ? R"(42/custom,["auth",{}])" : R"(42["auth",{}])"));
}

TEST_CASE("another namespace is refused, and the connection goes on", "[server][echo]") {
  const bool polling = GENERATE(false, true);
  const std::string nsp = GENERATE("/admin", "/custom2", "/Custom", "/custom/", "//", "/custom?token=1");
  CAPTURE(polling, nsp);
  World world;
  const auto client = arrive(world, polling, Application::kSocketEcho);
  const Strings refusal{"44" + nsp + R"(,{"message":"Invalid namespace"})"};
  CHECK(answers(world, *client, "40" + nsp + R"(,{"a":1})") == refusal);
  CHECK(answers(world, *client, "40/custom,").size() == 2);
  CHECK(answers(world, *client, "40" + nsp + ",") == refusal);
  CHECK(answers(world, *client, R"(42/custom,["message",1])") == Strings{R"(42/custom,["message-back",1])"});
}

TEST_CASE("a packet for a namespace that it is not connected to ends the connection", "[server][echo]") {
  const bool polling = GENERATE(false, true);
  const std::string packet =
      GENERATE(R"(42/custom,["message"])", R"(43/custom,0[])", "41/custom,", R"(42/admin,["message"])", "40",
               R"(451-/custom,["message",{"_placeholder":true,"num":0}])", "b4AAH/");
  CAPTURE(polling, packet);
  World world;
  const auto client = arrive(world, polling, Application::kSocketEcho);
  answers(world, *client, "40");
  CHECK_FALSE(isClosed(world, *client));
  if (packet == "b4AAH/") {
    sendBinary(world, *client, "nobody waits for it");
  } else {
    client->packet(packet);
  }
  CHECK(isClosed(world, *client));
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("a message comes back with its arguments", "[server][echo]") {
  const bool polling = GENERATE(false, true);
  const auto protocol = GENERATE(kNew, kOld);
  const std::string nsp = GENERATE("", "/custom,");
  CAPTURE(polling, static_cast<int>(protocol.revision), nsp);
  World world;
  const auto client = arrive(world, polling, Application::kSocketEcho, protocol);
  if (protocol.revision == engineio::Revision::kV4 || !nsp.empty()) client->packet("40" + nsp);
  std::string nested = "1";
  for (int i = 0; i < 60; ++i)
    nested = "[" + nested + "]";
  for (const std::string& args :
       {""s, ",1"s, R"(,1,"2",{"3":[true]})"s, R"(,"")"s, ",null,false,[],{}"s, ",\"" + kFilm + "\""s,
        R"(,"\"\\\u0000\n")"s, ",-0.5,9007199254740993,18446744073709551615"s, R"(,{"_placeholder":true,"num":0})"s,
        "," + nested, ",\"" + std::string(20'000, 'x') + "\""}) {
    CAPTURE(args.substr(0, 60));
    CHECK(answers(world, *client, "42" + nsp + R"(["message")" + args + "]") ==
          Strings{"42" + nsp + R"(["message-back")" + args + "]"});
  }
  // Other events are heard and not answered, with an acknowledgement asked for or not.
  for (const char* other : {R"(["other",1])", R"(7["other"])", R"(["message-with-ack",1])", "[5]"}) {
    CAPTURE(other);
    CHECK(answers(world, *client, "42" + nsp + other).empty());
  }
  CHECK_FALSE(isClosed(world, *client));
}

TEST_CASE("attachments come back with their message, in their order", "[server][echo]") {
  const bool polling = GENERATE(false, true);
  const auto protocol = GENERATE(kNew, kOld);
  const std::string nsp = GENERATE("", "/custom,");
  CAPTURE(polling, static_cast<int>(protocol.revision), nsp);
  World world;
  const auto client = arrive(world, polling, Application::kSocketEcho, protocol);
  if (protocol.revision == engineio::Revision::kV4 || !nsp.empty()) client->packet("40" + nsp);
  const std::string zero = placeholder(0), one = placeholder(1), two = placeholder(2);
  struct Row {
    std::string count, args;
    Strings attachments;
  };
  for (const Row& row : {Row{"1-", zero, {"\x01\x02"}}, Row{"1-", "1," + zero + ",2", {""}},
                         Row{"3-", "{\"a\":" + zero + "},[" + one + "]," + two, {"first", "second", "third"}},
                         Row{"2-", one + "," + zero, {"\0a"s, "\0b"s}}, Row{"2-", zero + "," + zero, {"x", "y"}},
                         Row{"2-", zero + "," + one, {bytesOf(20'000), bytesOf(10'000)}},
                         Row{"9-", zero, {"1", "2", "3", "4", "5", "6", "7", "8", "9"}}}) {
    CAPTURE(row.args);
    Strings back{"45" + row.count + nsp + R"(["message-back",)" + row.args + "]"};
    Strings ack{"46" + row.count + nsp + "12[" + row.args + "]"};
    for (const std::string& attachment : row.attachments) {
      back.push_back("b" + attachment);
      ack.push_back("b" + attachment);
    }
    CHECK(answers(world, *client, "45" + row.count + nsp + R"(["message",)" + row.args + "]", row.attachments) == back);
    CHECK(answers(world, *client, "45" + row.count + nsp + R"(12["message-with-ack",)" + row.args + "]",
                  row.attachments) == ack);
  }
  CHECK_FALSE(isClosed(world, *client));
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("text while attachments are due ends the connection; a heartbeat does not", "[server][echo]") {
  const bool polling = GENERATE(false, true);
  CAPTURE(polling);
  World world;
  const auto client = arrive(world, polling, Application::kSocketEcho);
  answers(world, *client, "40");
  const std::string packet = R"(451-["message",)" + placeholder(0) + "]";
  CHECK(answers(world, *client, packet).empty());
  client->packet("3");
  sendBinary(world, *client, "x");
  world.settle();
  CHECK(client->inbox.packets() == Strings{R"(451-["message-back",)" + placeholder(0) + "]", "bx"});
  CHECK(answers(world, *client, packet).empty());
  client->packet(R"(42["message"])");
  CHECK(isClosed(world, *client));
}

TEST_CASE("a message is acknowledged with its arguments, under its number", "[server][echo]") {
  const bool polling = GENERATE(false, true);
  const std::string nsp = GENERATE("", "/custom,");
  CAPTURE(polling, nsp);
  World world;
  const auto client = arrive(world, polling, Application::kSocketEcho);
  client->packet("40" + nsp);
  for (const std::string id : {"0", "1", "1", "456", "4294967296", "9007199254740991"}) {
    CAPTURE(id);
    CHECK(answers(world, *client, "42" + nsp + id + R"(["message-with-ack",1,"2",{"3":[false]}])") ==
          Strings{"43" + nsp + id + R"([1,"2",{"3":[false]}])"});
    CHECK(answers(world, *client, "42" + nsp + id + R"(["message-with-ack"])") == Strings{"43" + nsp + id + "[]"});
  }
}

TEST_CASE("a question asks for an acknowledgement, which comes back as the answer", "[server][echo]") {
  const bool polling = GENERATE(false, true);
  const auto protocol = GENERATE(kNew, kOld);
  const std::string nsp = GENERATE("", "/custom,");
  CAPTURE(polling, static_cast<int>(protocol.revision), nsp);
  World world;
  const auto client = arrive(world, polling, Application::kSocketEcho, protocol);
  if (protocol.revision == engineio::Revision::kV4 || !nsp.empty()) client->packet("40" + nsp);
  const std::string zero = placeholder(0);
  // Nobody has asked for these.
  CHECK(answers(world, *client, "43" + nsp + "0[1]").empty());
  CHECK(answers(world, *client, "43" + nsp + "[1]").empty());
  CHECK(answers(world, *client, "42" + nsp + R"(["ask",1,"x"])") == Strings{"42" + nsp + R"(0["question",1,"x"])"});
  CHECK(answers(world, *client, "42" + nsp + R"(["ask"])") == Strings{"42" + nsp + R"(1["question"])"});
  CHECK(answers(world, *client, "43" + nsp + "2[1]").empty());
  CHECK(answers(world, *client, "43" + nsp + R"(1["b",2])") == Strings{"42" + nsp + R"(["answer","b",2])"});
  CHECK(answers(world, *client, "43" + nsp + "0[]") == Strings{"42" + nsp + R"(["answer"])"});
  CHECK(answers(world, *client, "451-" + nsp + R"(["ask",)" + zero + "]", {"why"}) ==
        Strings{"451-" + nsp + R"(2["question",)" + zero + "]", "bwhy"});
  CHECK(answers(world, *client, "461-" + nsp + "2[" + zero + ",0]", {"so"}) ==
        Strings{"451-" + nsp + R"(["answer",)" + zero + ",0]", "bso"});
  CHECK_FALSE(isClosed(world, *client));
}

TEST_CASE("only the first answer to a question counts, and only in its namespace", "[server][echo]") {
  World world;
  const auto client = arrive(world, GENERATE(false, true), Application::kSocketEcho);
  answers(world, *client, "40");
  answers(world, *client, "40/custom,");
  CHECK(answers(world, *client, R"(42["ask"])") == Strings{R"(420["question"])"});
  CHECK(answers(world, *client, "43/custom,0[1]").empty());
  CHECK(answers(world, *client, "430[1]") == Strings{R"(42["answer",1])"});
  CHECK(answers(world, *client, "430[2]").empty());
  CHECK_FALSE(isClosed(world, *client));
}

TEST_CASE("a packet may begin over polling and end over the WebSocket of an upgrade", "[server][echo][upgrade]") {
  const auto slot = static_cast<std::uint16_t>(GENERATE(0, 1));
  const auto protocol = GENERATE(kNew, kOld);
  CAPTURE(slot, static_cast<int>(protocol.revision));
  World world;
  PollClient polling(world, 0, at(Application::kSocketEcho), protocol);
  if (protocol.revision == engineio::Revision::kV4) polling.packet("40");
  polling.packet(R"(453-["message",)" + placeholder(0) + "," + placeholder(1) + "," + placeholder(2) + "]");
  polling.slot = 1;
  polling.binary("\x01");
  polling.poll();
  WsClient socket(world, slot, polling.sid, WsClient::Probe{}, at(Application::kSocketEcho), Agreement{protocol, {}});
  socket.packet("2probe");
  polling.binary("");
  socket.packet("5");
  world.settle();
  socket.inbox.packets();
  socket.binary("\x03");
  world.settle();
  CHECK(socket.inbox.packets() ==
        Strings{R"(453-["message-back",)" + placeholder(0) + "," + placeholder(1) + "," + placeholder(2) + "]", "b\x01",
                "b", "b\x03"});
  CHECK_FALSE(socket.closeCode);
}

// Its client may poll only when this request is answered: then both wait for each other until the connection is closed.
TEST_CASE("a POST whose packets are all worked off is answered, however long the replies", "[server][echo]") {
  const auto size = GENERATE(30'000u, 33'000u, 60'000u);
  CAPTURE(size);
  World world;
  PollClient client(world, 0, at(Application::kEngineEcho));
  const FakePost& job = client.post("4" + std::string(size, 'x'));
  CHECK(job.isFinished);
  world.advance(kPostPatience + 500, 50);
  CHECK(job.isFinished);
  CHECK_FALSE(job.error);
  client.poll();
  CHECK_FALSE(client.refused);
  CHECK(client.inbox.all.back().size() == size + 1);
}

// A client pauses its polls and waits for its requests before it upgrades.
TEST_CASE("a long reply does not keep a POST, nor the upgrade that waits for it", "[server][echo][upgrade]") {
  World world;
  PollClient polling(world, 0, at(Application::kEngineEcho));
  polling.polls = true;
  world.settle();
  WsClient socket(world, 1, polling.sid, WsClient::Probe{}, at(Application::kEngineEcho));
  polling.polls = false;
  socket.packet("2probe");
  world.settle();
  REQUIRE_FALSE(polling.isWaiting());
  const FakePost& job = polling.post("4" + std::string(33'000, 'x'));
  world.advance(kPostPatience + 500, 50);
  CHECK(job.isFinished);
  CHECK_FALSE(job.error);
  socket.packet("5");
  world.settle();
  CHECK_FALSE(socket.closeCode);
  CHECK(socket.inbox.all.back().size() == 33'001);
}

TEST_CASE("what one application gave a client for its return is of no use at another", "[server][echo][recovery]") {
  const bool before = GENERATE(false, true), after = GENERATE(false, true);
  CAPTURE(before, after);
  World world;
  WsClient ann(world, 1);
  seat(world, ann, "room", "ann");
  const auto bob = arrive(world, before, Application::kSessions);
  seat(world, *bob, "room", "bob");
  REQUIRE_FALSE(bob->inbox.pid.empty());
  const bool isLost = GENERATE(false, true);
  CAPTURE(isLost);
  if (isLost && before) {
    dynamic_cast<PollClient&>(*bob).polls = false;
    dynamic_cast<PollClient&>(*bob).abandon();
  } else if (isLost) {
    dynamic_cast<WsClient&>(*bob).drop();
  }
  world.settle();
  const auto thief = arrive(world, after, Application::kSocketEcho);
  thief->comeBack(*bob);
  world.settle();
  CHECK_FALSE(thief->inbox.pid.empty());
  CHECK(thief->inbox.pid != bob->inbox.pid);
  CHECK(thief->inbox.socketId != bob->inbox.socketId);
  CHECK(thief->inbox.events("auth").size() == 1);
  CHECK(world.zone.membershipCount() == (isLost ? 1 : 2));
  const auto again = arrive(world, after, Application::kSessions);
  again->comeBack(*bob);  // nothing was taken from whose it is
  world.settle();
  CHECK(again->hasRecovered(*bob));
  CHECK(world.zone.membershipCount() == 2);
  // Nor the other way about.
  const auto reader = arrive(world, before, Application::kSessions);
  reader->comeBack(*thief);
  world.settle();
  CHECK_FALSE(reader->inbox.pid.empty());
  CHECK(reader->inbox.pid != thief->inbox.pid);
  const auto thiefAgain = arrive(world, before, Application::kSocketEcho);
  thiefAgain->comeBack(*thief);
  world.settle();
  CHECK(thiefAgain->hasRecovered(*thief));
  CHECK(answers(world, *thiefAgain, R"(42["message",1])") == Strings{R"(42["message-back",1])"});
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("a connection of one location's application is unknown at another's", "[server][echo]") {
  const auto own = GENERATE(Application::kSessions, Application::kEngineEcho, Application::kSocketEcho);
  const auto other = GENERATE(Application::kSessions, Application::kEngineEcho, Application::kSocketEcho);
  if (own == other) return;
  const auto slot = static_cast<std::uint16_t>(GENERATE(0, 1));
  CAPTURE(static_cast<int>(own), static_cast<int>(other), slot);
  World world;
  PollClient client(world, 0, at(own));
  client.packet("40");
  client.poll();
  client.inbox.packets();
  FakePoll poll([](engineio::Payload) { FAIL("answered"); });
  const auto polled = world.worker(slot).polls().poll(client.sid, poll, at(other));
  CHECK(polled.outcome == Polls::PollOutcome::kRefused);
  CHECK(polled.error == engineio::Error::kUnknownSid);
  FakePost post(client.sid, "40", at(other));
  const auto posted = world.worker(slot).polls().post(post);
  REQUIRE(posted);
  CHECK(posted->error == engineio::Error::kUnknownSid);
  FakeSocket socket;
  const auto probed = world.worker(slot).sockets().probeChannel(client.sid, socket, at(other));
  REQUIRE(std::holds_alternative<engineio::Error>(probed));
  CHECK(std::get<engineio::Error>(probed) == engineio::Error::kUnknownSid);
  CHECK(socket.bytes.empty());
  world.settle();
  // To its own it is what it was.
  client.polls = true;
  world.settle();
  CHECK_FALSE(client.refused);
  CHECK(client.isWaiting());
  client.slot = slot;
  CHECK_FALSE(client.post("3").error);
  CHECK(world.zone.connectionCount() == 1);
  // Its last poll, too, is only for its own location.
  client.polls = false;
  client.post("1");
  CHECK(world.worker(slot).polls().poll(client.sid, poll, at(other)).outcome == Polls::PollOutcome::kRefused);
  world.settle();
  CHECK(client.inbox.all.back() == "6");
  REQUIRE_INVARIANTS(world.zone);
}
