// What input costs counts, whatever is in it: others have their turn, and who has used up what it may is read later.
#include <catch2/catch.hpp>

#include "tests/unit/worker/world.h"

using namespace mediasync;
using namespace mediasync::server;
using namespace mediasync::server::test;

namespace {

// Bytes a second, and at once.
Options withInput(std::uint64_t rate, std::uint64_t burst) {
  Options options;
  options.rates.input = {60 * rate, burst};
  return options;
}

std::string repeated(const std::string& part, int times) {
  std::string all;
  for (int i = 0; i < times; ++i)
    all += part;
  return all;
}

std::size_t answers(const Client& client, std::string_view beginning) {
  return only(client.inbox.seen(), beginning).size();
}

bool isConnected(const std::string& packet) {
  return packet.starts_with("40");
}

}  // namespace

TEST_CASE("a long turn ends, others have theirs, and nothing is lost", "[server][work]") {
  World world(1);
  WsClient ann(world, 0), bob(world, 0);
  ann.packet("40");
  bob.packet("40");
  ann.send(repeated(clientFrame("42[\"heartbeat\"]"), 5'000));
  const std::size_t first = answers(ann, "heartbeat_ack");
  CHECK(first > 500);
  CHECK(first < 3'000);
  CHECK(ann.socket.paused);
  bob.event("heartbeat", nullptr);
  CHECK(answers(bob, "heartbeat_ack") == 1);
  for (int i = 0; i < 10; ++i)
    world.turn();  // no time passes
  CHECK(answers(ann, "heartbeat_ack") == 5'000);
  CHECK_FALSE(ann.socket.paused);
}

TEST_CASE("pings and empty messages count as work", "[server][work]") {
  World world(1);
  const Options options = withInput(10'000, 64 * 1024);
  WsClient ann(world, 0, options);
  ann.packet("40");
  ann.send(repeated(clientFrame("x", 9), 1'000));
  CHECK(ann.pongs.size() >= 150);
  CHECK(ann.pongs.size() < 400);
  CHECK(ann.socket.paused);
  world.advance(5'000);
  CHECK(ann.pongs.size() < 700);
  world.advance(20'000);
  CHECK(ann.pongs.size() == 1'000);
  CHECK_FALSE(ann.closeCode);
}

TEST_CASE("CONNECT and DISCONNECT in turn, and CONNECT to nowhere, count as much work", "[server][work]") {
  World world(1);
  const Options options = withInput(100'000, 1'000'000);
  WsClient ann(world, 0, options), bob(world, 0, options);
  ann.packet("40");
  ann.send(repeated(clientFrame("41") + clientFrame("40"), 500));
  CHECK(std::count_if(ann.inbox.all.begin(), ann.inbox.all.end(), isConnected) < 150);
  bob.send(repeated(clientFrame("40/nowhere,"), 1'000));
  CHECK(bob.inbox.all.size() < 150);
  CHECK(ann.socket.paused);
  CHECK(bob.socket.paused);
}

TEST_CASE("what is inflated counts before more is", "[server][work][deflate]") {
  World world(1);
  Agreement agreement;
  agreement.compression = Compression{15, 1, 1024};
  WsClient ann(world, 0, withInput(1'000'000, 1'000'000), agreement);
  ann.packet("40");
  const std::string long_ = "42[\"heartbeat\",{\"x\":\"" + std::string(900'000, 'a') + "\"}]";
  const std::string frame = compressedFrame(long_);
  REQUIRE(frame.size() < 2'000);
  ann.send(repeated(frame, 10));
  CHECK(answers(ann, "heartbeat_ack") <= 2);
  world.advance(3'000);
  CHECK(answers(ann, "heartbeat_ack") <= 5);
  world.advance(12'000);
  CHECK(answers(ann, "heartbeat_ack") == 10);
}

TEST_CASE("a POST of very many packets gives others their turn, and is done in the end", "[server][work]") {
  World world(1);
  WsClient bob(world, 0);
  bob.packet("40");
  PollClient ann(world, 0, withInput(1'000'000, 1'000'000));
  ann.polls = true;
  ann.packet("40");
  world.settle();
  FakePost& post = ann.post(repeated("43[]\x1e", 9'999) + "43[]");
  CHECK_FALSE(post.isFinished);
  bob.event("heartbeat", nullptr);
  CHECK(answers(bob, "heartbeat_ack") == 1);
  world.advance(4'000);
  REQUIRE(post.isFinished);
  CHECK_FALSE(post.error);
}

TEST_CASE("reports that all are told of are few, and what changes nothing is none", "[server][work]") {
  World world(1);
  Options options;
  options.rates.reports = {60, 3};
  WsClient ann(world, 0, options), bob(world, 0, options);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  forgetNews(world);
  for (int i = 1; i <= 10; ++i)
    bob.event("report_buffering", {{"isBuffering", true}}, i);
  for (int i = 1; i <= 4; ++i)
    bob.event("report_buffering", {{"isBuffering", i % 2 == 0}}, 10 + i);
  world.settle();
  CHECK(ann.inbox.events("user_buffering").size() == 3);
  CHECK(only(bob.inbox.news(), "ack 1") ==
        Strings{"ack 1 ok", "ack 10 ok", "ack 11 ok", "ack 12 ok", "ack 13 RATE_LIMITED", "ack 14 ok"});
  world.advance(1'000);
  bob.event("report_buffering", {{"isBuffering", true}}, 15);
  CHECK(only(bob.inbox.news(), "ack") == Strings{"ack 15 ok"});
}

TEST_CASE("a POST obeys the rate, longer than commands wait for readers, and its connection stays", "[server][work]") {
  World world(1);
  PollClient ann(world, 0, withInput(10'000, 64 * 1024));
  ann.polls = true;
  ann.packet("40");
  world.settle();
  ann.answersPings = false;  // as a client does that has a POST under way
  FakePost& post = ann.post(repeated("43[]\x1e", 1'299) + "43[]");
  world.advance(10'000);
  CHECK_FALSE(post.isFinished);
  world.advance(30'000);
  REQUIRE(post.isFinished);
  CHECK_FALSE(post.error);
  ann.packet("42[\"heartbeat\"]");
  world.advance(5'000);
  CHECK(answers(ann, "heartbeat_ack") == 1);
  CHECK_FALSE(ann.refused);
}

TEST_CASE("a POST that would rest for longer than a client may be silent is a flood", "[server][work]") {
  World world(1);
  PollClient ann(world, 0, withInput(10'000, 64 * 1024));
  ann.polls = true;
  ann.packet("40");
  world.settle();
  ann.answersPings = false;
  FakePost& post = ann.post(repeated("43[]\x1e", 3'999) + "43[]");
  world.advance(40'000);
  CHECK_FALSE(post.isFinished);
  world.advance(40'000);
  REQUIRE(post.isFinished);
  CHECK(post.error);
}

TEST_CASE("a worker that stood still for longer than a rest goes on", "[server][work]") {
  World world(1);
  WsClient ann(world, 0, withInput(10'000, 64 * 1024)), bob(world, 0);
  bob.packet("40");
  ann.packet("40");
  ann.answersPings = false;
  world.advance(24'000);
  ann.send(clientFrame("42[\"heartbeat\",{\"x\":\"" + std::string(900'000, 'a') + "\"}]") +
           clientFrame("42[\"heartbeat\"]"));
  CHECK(ann.socket.paused);
  world.advance(3'000);  // it has been pinged, and rests
  CHECK(ann.socket.paused);
  world.env.time = world.env.time.after(120'000);
  world.turn();
  bob.event("heartbeat", nullptr, 1);
  CHECK(answers(bob, "heartbeat_ack") + static_cast<int>(bob.closeCode.has_value()) == 1);
}

TEST_CASE("who has to rest for long is not taken for dead", "[server][work]") {
  World world(1);
  WsClient ann(world, 0, withInput(10'000, 64 * 1024));
  ann.packet("40");
  ann.send(clientFrame("42[\"heartbeat\",{\"x\":\"" + std::string(900'000, 'a') + "\"}]") +
           clientFrame("42[\"heartbeat\"]"));
  CHECK(ann.socket.paused);
  world.advance(120'000);
  CHECK(answers(ann, "heartbeat_ack") == 2);
  CHECK_FALSE(ann.closeCode);
  CHECK(ann.inbox.pings >= 2);
  ann.answersPings = false;
  world.advance(120'000);
  CHECK(ann.closeCode);
}

TEST_CASE("a message that never ends counts as it comes", "[server][work]") {
  World world(1);
  WsClient ann(world, 0, withInput(10'000, 64 * 1024));
  const auto unfinished = [](std::string frame) {
    frame[0] = static_cast<char>(frame[0] & 0x7f);
    return frame;
  };
  ann.send(unfinished(clientFrame("4")));
  const std::string empty = repeated(unfinished(clientFrame("", 0)), 2'000);
  for (int i = 0; i < 100; ++i)
    ann.send(empty);
  CHECK(ann.socket.paused);
  CHECK_FALSE(ann.closeCode);
}

TEST_CASE("a WebSocket that only probes is read at the rate as well", "[server][work][upgrade]") {
  World world(1);
  const Options options = withInput(10'000, 64 * 1024);
  PollClient ann(world, 0, options);
  WsClient probe(world, 0, ann.sid, WsClient::Probe{}, options);
  for (int i = 0; i < 200; ++i)
    probe.send(repeated(clientFrame("x", 9), 50));
  CHECK(probe.socket.paused);
  CHECK(probe.pongs.size() < 1'000);
  CHECK(probe.pongs.size() > 100);
}

TEST_CASE("of many whose rest is over a few have their turn at a time, and all in the end", "[server][work]") {
  World world(1);
  std::vector<std::unique_ptr<WsClient>> clients;
  for (int i = 0; i < 12; ++i) {
    clients.push_back(std::make_unique<WsClient>(world, 0));
    clients.back()->packet("40");
    clients.back()->send(repeated(clientFrame("42[\"heartbeat\"]"), 3'000));
  }
  const auto done = [&] {
    return std::count_if(clients.begin(), clients.end(),
                         [](const auto& client) { return answers(*client, "heartbeat_ack") == 3'000; });
  };
  REQUIRE(done() == 0);
  world.turn();
  CHECK(done() > 0);
  CHECK(done() < 6);
  for (int i = 0; i < 12; ++i)
    world.turn();
  CHECK(done() == 12);
}
