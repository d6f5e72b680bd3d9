// The times a client has: to connect to a namespace, and to give a sign of life, wherever its requests arrive.
#include <catch2/catch.hpp>

#include "tests/unit/worker/world.h"

using namespace mediasync;
using namespace mediasync::server;
using namespace mediasync::server::test;

namespace {

using Probe = WsClient::Probe;

constexpr engineio::Protocol kOld{engineio::Revision::kV3, false};
constexpr std::int64_t kConnectTime = 5'000;

Options quick(Application application = Application::kSocketEcho) {
  Options options;
  options.application = application;
  options.connectTimeout = kConnectTime;
  return options;
}

// Pings every ten seconds, and waits five for the pong.
Options lively() {
  Options options;
  options.engine.pingInterval = 10'000;
  options.engine.pingTimeout = 5'000;
  return options;
}

std::unique_ptr<Client> arrive(World& world, bool polling, const Options& options, engineio::Protocol protocol = {}) {
  if (!polling) return std::make_unique<WsClient>(world, 0, options, Agreement{protocol, {}});
  auto client = std::make_unique<PollClient>(world, 0, options, protocol);
  client->polls = true;
  world.settle();
  return client;
}

// What it sends next comes to that worker.
void goTo(Client& client, std::uint16_t slot) {
  if (auto* polling = dynamic_cast<PollClient*>(&client)) polling->slot = slot;
}

bool isClosed(const Client& client) {
  if (const auto* socket = dynamic_cast<const WsClient*>(&client)) return socket->closeCode.has_value();
  return client.inbox.all.back() == "1" || dynamic_cast<const PollClient&>(client).refused.has_value();
}

// Time goes by, and no timer fires.
void skip(World& world, std::int64_t ms) {
  world.env.time = world.env.time.after(ms);
}

}  // namespace

TEST_CASE("a client that never connects to a namespace is closed when its time is over", "[server][deadline]") {
  const bool polling = GENERATE(false, true);
  const auto application = GENERATE(Application::kSessions, Application::kSocketEcho);
  CAPTURE(polling, static_cast<int>(application));
  World world;
  const auto client = arrive(world, polling, quick(application));
  world.advance(kConnectTime - 100);
  CHECK_FALSE(isClosed(*client));
  CHECK(world.zone.connectionCount() == 1);
  world.advance(200);
  CHECK(isClosed(*client));
  CHECK(world.zone.connectionCount() == 0);
  CHECK(isEmpty(world));
}

TEST_CASE("a polling client that does not even poll is forgotten in time", "[server][deadline]") {
  World world;
  PollClient client(world, 0, quick());
  world.advance(kConnectTime + 100);
  CHECK(world.zone.connectionCount() == 0);
  client.poll();
  CHECK(client.refused == engineio::Error::kUnknownSid);
}

TEST_CASE("whatever else a client says, its time to connect goes on", "[server][deadline]") {
  const bool polling = GENERATE(false, true);
  CAPTURE(polling);
  World world;
  const auto client = arrive(world, polling, quick());
  for (int i = 0; i < 9; ++i) {
    goTo(*client, static_cast<std::uint16_t>(i % 2));
    client->packet("3");
    client->packet("40/admin,");  // is refused
    world.advance(540, 20);
  }
  CHECK_FALSE(isClosed(*client));
  CHECK(only(client->inbox.all, "44/admin,").size() == 9);
  world.advance(200);
  CHECK(isClosed(*client));
}

TEST_CASE("the time to connect does not begin anew when polls go from worker to worker", "[server][deadline]") {
  const auto connects = GENERATE(false, true);
  CAPTURE(connects);
  World world(3);
  PollClient client(world, 0, quick());
  client.polls = true;
  client.rota = {0, 1, 2};
  world.settle();
  for (int i = 0; i < 9; ++i) {
    client.packet("40/admin,");  // the refusal answers the poll, and the next one goes to another worker
    world.advance(540, 20);
  }
  CHECK(client.payloads.size() == 9);
  CHECK(world.zone.connectionCount() == 1);
  client.slot = 1;
  if (connects) client.packet("40");
  world.advance(300);
  CHECK(world.zone.connectionCount() == (connects ? 1 : 0));
  CHECK((client.inbox.all.back() == "1") != connects);
  world.advance(3 * kConnectTime);
  CHECK(world.zone.connectionCount() == (connects ? 1 : 0));
}

TEST_CASE("one that connected to any namespace may stay", "[server][deadline]") {
  const bool polling = GENERATE(false, true);
  const std::string connect = GENERATE("40", "40/custom,");
  const std::int64_t when = GENERATE(0, kConnectTime - 10);
  const auto slot = static_cast<std::uint16_t>(GENERATE(0, 1));
  CAPTURE(polling, connect, when, slot);
  World world;
  const auto client = arrive(world, polling, quick());
  world.advance(when);
  goTo(*client, slot);
  client->packet(connect);
  world.advance(10 * kConnectTime, 200);
  CHECK_FALSE(isClosed(*client));
  CHECK(world.zone.connectionCount() == 1);
}

TEST_CASE("who leaves its last namespace has the time once more, wherever it says so", "[server][deadline]") {
  struct Row {
    Strings before, after;
    bool stays;
  };
  const Row row = GENERATE(values<Row>({{{"40"}, {"41"}, false},
                                        {{"40/custom,"}, {"41/custom,"}, false},
                                        {{"40", "40/custom,"}, {"41"}, true},
                                        {{"40", "40/custom,"}, {"41/custom,"}, true},
                                        {{"40", "40/custom,"}, {"41", "41/custom,"}, false},
                                        {{"40", "40/custom,"}, {"41/custom,", "41"}, false},
                                        {{"40"}, {"41", "40/custom,"}, true},
                                        {{"40"}, {"41", "40", "41"}, false},
                                        {{"40"}, {"41", "40/admin,"}, false}}));
  const bool polling = GENERATE(false, true);
  const auto slot = static_cast<std::uint16_t>(GENERATE(0, 1));
  CAPTURE(row.before, row.after, polling, slot);
  World world;
  const auto client = arrive(world, polling, quick());
  for (const std::string& packet : row.before)
    client->packet(packet);
  world.advance(2 * kConnectTime);
  if (auto* poller = dynamic_cast<PollClient*>(client.get())) REQUIRE(poller->isWaiting());
  goTo(*client, slot);
  for (const std::string& packet : row.after)
    client->packet(packet);
  world.advance(kConnectTime - 100);
  CHECK_FALSE(isClosed(*client));
  world.advance(200);
  CHECK(isClosed(*client) == !row.stays);
  CHECK(world.zone.connectionCount() == (row.stays ? 1 : 0));
  world.advance(2 * kConnectTime);
  CHECK(world.zone.connectionCount() == (row.stays ? 1 : 0));
}

TEST_CASE("one that comes back to a namespace in time stays, and every leaving counts anew", "[server][deadline]") {
  const bool polling = GENERATE(false, true);
  CAPTURE(polling);
  World world(3);
  const auto client = arrive(world, polling, quick());
  for (int i = 0; i < 6; ++i) {
    goTo(*client, static_cast<std::uint16_t>(i % 3));
    client->packet("40");
    world.advance(kConnectTime - 1'000);
    goTo(*client, static_cast<std::uint16_t>((i + 1) % 3));
    client->packet("41");
    world.advance(kConnectTime - 1'000);
    REQUIRE_FALSE(isClosed(*client));
  }
  world.advance(1'100);
  CHECK(isClosed(*client));
  CHECK(isEmpty(world));
}

TEST_CASE("a member that leaves the namespace is lost to its session at once, and closed later", "[server][deadline]") {
  World world;
  WsClient ann(world, 0);
  seat(world, ann, "room", "ann");
  PollClient bob(world, 0, quick(Application::kSessions));
  bob.polls = true;
  seat(world, bob, "room", "bob");
  forgetNews(world);
  bob.slot = 1;
  bob.packet("41");
  world.settle();
  CHECK(world.zone.membershipCount() == 1);
  CHECK(world.zone.connectionCount() == 2);
  world.advance(kConnectTime + 100);
  CHECK(world.zone.connectionCount() == 1);
  world.advance(2'000);
  CHECK(ann.inbox.news() == Strings{"user_left bob"});
}

TEST_CASE("a request that comes when the time to connect is over finds nobody, though no timer fired",
          "[server][deadline]") {
  const bool isLate = GENERATE(false, true);
  const auto slot = static_cast<std::uint16_t>(GENERATE(0, 1));
  const std::string request = GENERATE("poll", "post", "probe");
  CAPTURE(isLate, slot, request);
  World world;
  PollClient client(world, 0, quick());
  skip(world, isLate ? kConnectTime : kConnectTime - 1);
  client.slot = slot;
  if (request == "poll") {
    client.poll();
    CHECK(client.isWaiting() == !isLate);
    CHECK(client.refused.has_value() == isLate);
    if (isLate) CHECK(client.refused == engineio::Error::kUnknownSid);
  } else if (request == "post") {
    FakePost& job = client.post("40");
    CHECK(job.isFinished);
    CHECK(job.error.has_value() == isLate);
    if (isLate) CHECK(job.error == engineio::Error::kUnknownSid);
  } else {
    const WsClient socket(world, slot, client.sid, Probe{}, quick());
    CHECK(socket.isOpen() == !isLate);
  }
  world.settle();
  CHECK(world.zone.connectionCount() == (isLate ? 0 : 1));
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("a poll that waits is ended when a late request finds the time over", "[server][deadline]") {
  World world;
  PollClient client(world, 0, quick());
  client.polls = true;
  world.settle();
  REQUIRE(client.isWaiting());
  skip(world, kConnectTime);
  client.slot = 1;
  CHECK(client.post("40").error == engineio::Error::kUnknownSid);
  world.settle();
  CHECK_FALSE(client.isWaiting());
  CHECK(client.inbox.all.back() == "1");
  CHECK(isEmpty(world));
}

TEST_CASE("a timer from before does not cut the time that has begun anew", "[server][deadline]") {
  // The owner of the poll does not get to hear of what is posted elsewhere before its timer fires.
  World world;
  PollClient client(world, 0, quick());
  client.poll();
  REQUIRE(client.isWaiting());
  world.advance(kConnectTime - 500);
  world.held = {0};
  client.slot = 1;
  CHECK_FALSE(client.post("40").error);
  CHECK_FALSE(client.post("41").error);
  world.advance(1'000);
  world.held = {};
  world.worker(0).runDeadlines();  // timers first, as it happens
  world.settle();
  CHECK(world.zone.connectionCount() == 1);
  world.advance(kConnectTime - 1'200);
  CHECK(world.zone.connectionCount() == 1);
  world.advance(400);
  CHECK(world.zone.connectionCount() == 0);
}

TEST_CASE("the time to connect goes on through an upgrade", "[server][deadline][upgrade]") {
  const auto slot = static_cast<std::uint16_t>(GENERATE(0, 1));
  const std::string connect = GENERATE("", "40", "40/custom,");
  CAPTURE(slot, connect);
  World world;
  PollClient polling(world, 0, quick());
  polling.poll();
  world.advance(3'000);
  WsClient socket(world, slot, polling.sid, Probe{}, quick());
  socket.packet("2probe");
  socket.packet("5");
  world.settle();
  world.advance(1'900);
  CHECK_FALSE(socket.closeCode);
  if (!connect.empty()) socket.packet(connect);
  world.advance(200);
  CHECK(socket.closeCode.has_value() == connect.empty());
  world.advance(10'000);
  CHECK(world.zone.connectionCount() == (connect.empty() ? 0 : 1));
}

TEST_CASE("another worker that takes over leaves the client no more time than it had", "[server][deadline][workers]") {
  const bool dies = GENERATE(false, true), polls = GENERATE(false, true);
  CAPTURE(dies, polls);
  World world;
  PollClient client(world, 0, quick());
  client.poll();
  world.advance(3'000);
  client.slot = 1;
  if (dies) {
    world.kill(0);
  } else {
    world.stop(0);
  }
  world.advance(1'000);
  client.polls = polls;
  world.advance(900);
  CHECK(world.zone.connectionCount() == 1);
  world.advance(300);
  CHECK(world.zone.connectionCount() == 0);
  if (polls) CHECK(client.inbox.all.back() == "1");
  CHECK(isEmpty(world));
}

TEST_CASE("a recovered connection has no time to connect running", "[server][deadline][recovery]") {
  const bool before = GENERATE(false, true), after = GENERATE(false, true);
  const bool seated = GENERATE(false, true);
  const auto slot = static_cast<std::uint16_t>(GENERATE(0, 1));
  CAPTURE(before, after, seated, slot);
  World world;
  const Options options = quick(Application::kSessions);
  const auto bob = arrive(world, before, options);
  bob->packet("40");
  world.settle();
  if (seated) bob->join("room", "bob");
  world.settle();
  const auto again = arrive(world, after, options);
  world.advance(kConnectTime - 200);
  REQUIRE_FALSE(isClosed(*again));
  goTo(*again, slot);
  again->comeBack(*bob);
  world.settle();
  REQUIRE(again->hasRecovered(*bob));
  world.advance(4 * kConnectTime, 100);
  CHECK_FALSE(isClosed(*again));
  CHECK(world.zone.connectionCount() == 1);
  goTo(*again, 0);
  again->packet("41");
  world.advance(kConnectTime - 100);
  CHECK_FALSE(isClosed(*again));
  world.advance(200);
  CHECK(isClosed(*again));
  CHECK(world.zone.connectionCount() == 0);
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("an old client is connected from the start; only when it leaves does its time to connect begin",
          "[server][deadline][eio3]") {
  const bool polling = GENERATE(false, true);
  const bool returns = GENERATE(false, true);
  CAPTURE(polling, returns);
  World world;
  const auto client = arrive(world, polling, quick(), kOld);
  world.advance(3 * kConnectTime);
  CHECK_FALSE(isClosed(*client));
  goTo(*client, 1);
  client->packet("41");
  world.advance(kConnectTime - 100);
  CHECK_FALSE(isClosed(*client));
  if (returns) client->packet("40");
  world.advance(200);
  CHECK(isClosed(*client) == !returns);
  world.advance(kConnectTime);
  CHECK(world.zone.connectionCount() == (returns ? 1 : 0));
}

TEST_CASE("a client whose polls go from worker to worker is pinged once an interval, and lives while it answers",
          "[server][deadline]") {
  World world(3);
  WsClient ann(world, 0);
  seat(world, ann, "room", "ann");
  PollClient alive(world, 0, lively()), silent(world, 1, lively());
  for (PollClient* client : {&alive, &silent}) {
    client->polls = true;
    client->rota = {0, 1, 2};
    seat(world, *client, "room", client == &alive ? "alive" : "silent");
  }
  silent.answersPings = false;
  for (int i = 0; i < 98; ++i) {  // news every 100 ms or so: a poll is answered, and the next goes elsewhere
    ann.sync(i);
    world.advance(101, 20);
  }
  CHECK(alive.inbox.pings + silent.inbox.pings == 0);
  for (int i = 0; i < 50; ++i) {
    ann.sync(100 + i);
    world.advance(100, 20);
  }
  CHECK(alive.inbox.pings == 1);
  CHECK(silent.inbox.pings == 1);
  CHECK(world.zone.connectionCount() == 3);
  for (int i = 0; i < 3; ++i) {
    ann.sync(150 + i);
    world.advance(100, 20);
  }
  CHECK(world.zone.connectionCount() == 2);
  for (int i = 0; i < 60; ++i) {
    ann.sync(200 + i);
    world.advance(1'000, 100);
  }
  CHECK(world.zone.connectionCount() == 2);
  CHECK(alive.inbox.pings >= 7);
  CHECK(alive.inbox.pings <= 8);
  CHECK(silent.inbox.pings == 1);
  CHECK(only(alive.inbox.seen(), "sync").size() == 211);
}

TEST_CASE("a ping that no poll was there for goes with the next one, wherever it comes", "[server][deadline]") {
  const bool answers = GENERATE(false, true);
  CAPTURE(answers);
  World world(3);
  PollClient client(world, 0, lively());
  client.packet("40");
  client.poll();
  world.advance(11'000, 100);
  client.slot = 1;
  client.answersPings = false;
  client.poll();
  CHECK(client.inbox.pings == 1);
  CHECK_FALSE(client.isWaiting());
  client.poll();
  CHECK(client.isWaiting());
  world.advance(3'900, 100);  // of the five seconds that began at ten
  CHECK(world.zone.connectionCount() == 1);
  client.slot = 2;
  if (answers) client.post("3");
  world.advance(300, 100);
  CHECK(world.zone.connectionCount() == (answers ? 1 : 0));
  world.advance(9'000, 100);
  CHECK(client.inbox.pings == 1);
}

TEST_CASE("a pong is judged on arrival, though no timer fired", "[server][deadline]") {
  const bool isLate = GENERATE(false, true);
  const auto slot = static_cast<std::uint16_t>(GENERATE(0, 1));
  const bool byPoll = GENERATE(false, true);
  CAPTURE(isLate, slot, byPoll);
  World world;
  PollClient client(world, 0, lively());
  client.answersPings = false;
  client.packet("40");
  client.poll();
  client.poll();
  REQUIRE(client.isWaiting());
  world.advance(10'000);
  REQUIRE(client.inbox.pings == 1);
  skip(world, isLate ? 5'000 : 4'999);
  client.slot = slot;
  if (byPoll) {
    client.poll();
    CHECK(client.isWaiting() == !isLate);
    CHECK(client.refused.has_value() == isLate);
  } else {
    CHECK(client.post("3").error.has_value() == isLate);
    world.advance(9'900, 100);
    CHECK(world.zone.connectionCount() == (isLate ? 0 : 1));
  }
  world.settle();
  CHECK(world.zone.connectionCount() == (isLate ? 0 : 1));
}

TEST_CASE("an old client's ping is judged on arrival, though no timer fired", "[server][deadline][eio3]") {
  const bool isLate = GENERATE(false, true);
  const auto slot = static_cast<std::uint16_t>(GENERATE(0, 1));
  CAPTURE(isLate, slot);
  World world;
  PollClient client(world, 0, lively(), kOld);
  world.settle();
  skip(world, 8'000);
  client.slot = 1;
  REQUIRE_FALSE(client.post(client.framed("2")).error);
  world.settle();
  skip(world, isLate ? 15'000 : 14'999);  // interval and timeout since its last ping
  client.slot = slot;
  FakePost& job = client.post(client.framed("2"));
  CHECK(job.isFinished);
  CHECK(job.error.has_value() == isLate);
  if (isLate) CHECK(job.error == engineio::Error::kUnknownSid);
  client.poll();
  CHECK(client.refused.has_value() == isLate);
  world.settle();
  CHECK(world.zone.connectionCount() == (isLate ? 0 : 1));
}

TEST_CASE("an old client lives by its pings alone, wherever they come; other packets count for nothing",
          "[server][deadline][eio3]") {
  const bool polling = GENERATE(false, true);
  CAPTURE(polling);
  World world(3);
  Options options = lively();
  options.application = Application::kSocketEcho;
  const auto client = arrive(world, polling, options, kOld);
  for (int i = 0; i < 6; ++i) {
    goTo(*client, static_cast<std::uint16_t>(i % 3));
    world.advance(9'900, 100);
    client->packet("2");
    world.settle();
    CHECK(client->inbox.all.back() == "3");
  }
  for (int i = 0; i < 14; ++i) {
    goTo(*client, static_cast<std::uint16_t>(i % 3));
    client->packet(R"(42["message",1])");
    world.advance(1'000, 100);
  }
  CHECK_FALSE(isClosed(*client));
  CHECK(only(client->inbox.all, "42[\"message-back\"").size() == 14);
  world.advance(1'200, 100);
  CHECK(isClosed(*client));
  CHECK(client->inbox.pings == 0);
  CHECK(isEmpty(world));
}
