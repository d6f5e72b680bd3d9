// How often clients may do what, and what becomes of those who do not stop.
#include <catch2/catch.hpp>

#include "core/worker/status.h"
#include "tests/unit/worker/world.h"

using namespace mediasync;
using namespace mediasync::server;
using namespace mediasync::server::test;

namespace {

constexpr Rate kTenPerSecond{600, 5};

std::uint64_t metric(const World& world, std::string_view name) {
  std::uint64_t sum = 0;
  bool isThere = false;
  for (const api::Metric& one : statusOf(world.zone)) {
    if (one.name != name) continue;
    isThere = true;
    sum += one.value;  // over its labels
  }
  if (!isThere) FAIL("no metric " << name);
  return sum;
}

std::size_t count(const Strings& lines, std::string_view beginning) {
  return only(lines, beginning).size();
}

// Each has one answer.
void ask(Client& client, int times) {
  for (int i = 0; i < times; ++i)
    client.event("heartbeat", nullptr);
}

// The same by one POST.
void askAtOnce(PollClient& client, int times) {
  std::string body;
  for (int i = 0; i < times; ++i)
    body += (i == 0 ? "" : "\x1e") + std::string("42[\"heartbeat\"]");
  client.post(body);
}

}  // namespace

TEST_CASE("a connection's events over the limit are refused, with an answer and an acknowledgement each",
          "[server][rates]") {
  World world;
  Options options;
  options.rates.events = kTenPerSecond;
  WsClient ann(world, 0, options), bob(world, 1, options);
  seat(world, ann, "room", "ann");  // the join is one of them
  seat(world, bob, "room", "bob");
  forgetNews(world);
  for (int i = 1; i <= 7; ++i)
    ann.sync(i, i);
  world.settle();
  Strings expected;
  for (int i = 1; i <= 4; ++i) {
    expected.push_back("sync " + std::to_string(i));
    expected.push_back("ack " + std::to_string(i) + " ok");
  }
  Strings news = ann.inbox.news();
  CHECK(only(news, "sync") == numbered("sync", 1, 4));
  CHECK(count(news, "error RATE_LIMITED") == 3);
  CHECK(only(news, "ack") == Strings{"ack 1 ok", "ack 2 ok", "ack 3 ok", "ack 4 ok", "ack 5 RATE_LIMITED",
                                     "ack 6 RATE_LIMITED", "ack 7 RATE_LIMITED"});
  CHECK(bob.inbox.news() == numbered("sync", 1, 4));
  CHECK(ann.inbox.events("error").back()["event"] == "sync_playback");
  CHECK(metric(world, "rate_limited_total") == 3);
  world.advance(100);
  ann.sync(8);
  bob.event("request_session_state", nullptr);  // who is within the limit is not touched by it
  world.settle();
  CHECK(ann.inbox.news() == Strings{"sync 8"});
  CHECK(bob.inbox.news() == Strings{"sync 8", "session_state"});
  CHECK_FALSE(ann.closeCode);
}

TEST_CASE("an event counts whatever it is: wrong ones, unknown ones, and those with attachments", "[server][rates]") {
  World world;
  Options options;
  options.rates.events = {60, 3};
  WsClient ann(world, 0, options);
  ann.packet("40");
  ann.event("sync_playback", {{"position", -1}});
  ann.event("dance", nullptr);
  ann.packet(R"(451-["heartbeat",{"_placeholder":true,"num":0}])");
  ann.binary("x");
  ann.packet(R"(451-7["heartbeat",{"_placeholder":true,"num":0}])");
  ann.binary("y");
  ann.event("heartbeat", nullptr);
  world.settle();
  CHECK(ann.inbox.news() == Strings{"error INVALID_POSITION", "error UNKNOWN_EVENT", "error BINARY_UNSUPPORTED",
                                    "error RATE_LIMITED", "ack 7 RATE_LIMITED", "error RATE_LIMITED"});
}

TEST_CASE("over polling the limit is the connection's, whichever workers its POSTs come to", "[server][rates]") {
  World world(3);
  Options options;
  options.rates.events = kTenPerSecond;
  PollClient ann(world, 0, options);
  ann.polls = true;
  ann.packet("40");
  world.settle();
  for (std::uint16_t i = 0; i < 9; ++i) {
    ann.slot = i % 3;
    ask(ann, 1);
    world.settle();
  }
  Strings news = ann.inbox.news();
  CHECK(count(news, "heartbeat_ack") == 5);
  CHECK(count(news, "error RATE_LIMITED") == 4);
  world.advance(200);
  ann.slot = 1;
  askAtOnce(ann, 3);
  world.settle();
  CHECK(ann.inbox.news() == Strings{"heartbeat_ack", "heartbeat_ack", "error RATE_LIMITED"});
}

TEST_CASE("an upgrade takes the allowance along", "[server][rates][upgrade]") {
  World world;
  Options options;
  options.rates.events = {60, 4};
  PollClient ann(world, 0, options);
  ann.packet("40");
  ask(ann, 3);
  WsClient socket(world, 1, ann.sid, WsClient::Probe{}, options);
  socket.packet("2probe");
  world.settle();
  socket.packet("5");
  world.settle();
  socket.inbox.news();
  ask(socket, 2);
  CHECK(socket.inbox.news() == Strings{"heartbeat_ack", "error RATE_LIMITED"});
}

TEST_CASE("a handover takes the allowance along", "[server][rates][handover]") {
  World world(1);
  Options options;
  options.rates.events = {60, 4};
  WsClient ann(world, 0, options);
  ann.nextOptions = options;
  ann.packet("40");
  ask(ann, 3);
  world.reload({1});
  world.retire(0);
  world.settle();
  REQUIRE(ann.slot() == 1);
  ann.inbox.news();
  ask(ann, 2);
  world.settle();
  CHECK(ann.inbox.news() == Strings{"heartbeat_ack", "error RATE_LIMITED"});
}

TEST_CASE("a connection that goes on and on beyond the limit is closed with 1008", "[server][rates]") {
  World world;
  Options options;
  options.rates.events = kTenPerSecond;
  WsClient ann(world, 0, options), bob(world, 0);
  seat(world, bob, "room", "bob");
  ann.packet("40");
  world.settle();
  forgetNews(world);
  ask(ann, 5 + 50);
  CHECK_FALSE(ann.closeCode);
  ask(ann, 1);
  CHECK(ann.closeCode == 1008);
  const Strings news = ann.inbox.news();
  CHECK(count(news, "heartbeat_ack") == 5);
  CHECK(count(news, "error RATE_LIMITED") == 51);
  CHECK(metric(world, "floods_total") == 1);
  CHECK(world.zone.connectionCount() == 1);
  bob.sync(1);
  CHECK(bob.inbox.news() == Strings{"sync 1"});
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("what comes behind the last straw in the same piece is not looked at", "[server][rates]") {
  World world;
  Options options;
  options.rates.events = {60, 1};
  WsClient ann(world, 0, options);
  ann.packet("40");
  std::string input;
  for (int i = 0; i < 1'000; ++i)
    input += clientFrame("42[\"heartbeat\"]");
  ann.send(input);
  CHECK(ann.closeCode == 1008);
  CHECK(count(ann.inbox.news(), "error RATE_LIMITED") == 11);
}

TEST_CASE("a polling connection that goes on and on is closed", "[server][rates]") {
  World world;
  Options options;
  options.rates.events = kTenPerSecond;
  PollClient ann(world, 0, options);
  ann.polls = true;
  ann.packet("40");
  world.settle();
  for (std::uint16_t i = 0; i < 11; ++i) {
    ann.slot = i % 2;
    askAtOnce(ann, 5);
    world.settle();
  }
  CHECK(world.zone.connectionCount() == 1);
  askAtOnce(ann, 1);
  world.settle();
  CHECK(world.zone.connectionCount() == 0);
  CHECK(ann.inbox.all.back() == "1");
  CHECK(metric(world, "floods_total") == 1);
}

TEST_CASE("who is somewhat too fast is refused for ever, and not closed", "[server][rates]") {
  World world;
  Options options;
  options.rates.events = kTenPerSecond;
  WsClient ann(world, 0, options);
  ann.packet("40");
  world.settle();
  for (int i = 0; i < 3'000; ++i) {  // twice as fast, for two and a half minutes
    world.advance(50);
    ask(ann, 1);
  }
  CHECK_FALSE(ann.closeCode);
  const Strings news = ann.inbox.news();
  CHECK(count(news, "heartbeat_ack") == 1'504);
  CHECK(count(news, "error RATE_LIMITED") == 1'496);
}

TEST_CASE("a user's events are limited over all of its connections, on all workers", "[server][rates]") {
  World world(3);
  Options options;
  options.rates.userEvents = {600, 6};
  WsClient tab(world, 0, options), other(world, 1, options), bob(world, 1, options);
  PollClient third(world, 2, options);
  third.polls = true;
  for (Client* one : std::initializer_list<Client*>{&tab, &other, &third})
    seat(world, *one, "room", "ann");
  seat(world, bob, "room", "bob");
  forgetNews(world);
  tab.sync(1);
  other.event("report_desync", {{"reportedPosition", 1}});
  third.event("request_session_state", nullptr);
  ask(tab, 1);
  bob.sync(9);  // refused by the rules, and counted
  other.sync(2);
  third.sync(3);
  for (Client* one : std::initializer_list<Client*>{&tab, &other, &third})
    ask(*one, 1);
  world.settle();
  CHECK(only(bob.inbox.news(), "sync") == numbered("sync", 1, 3));
  for (Client* one : std::initializer_list<Client*>{&tab, &other, &third})
    CHECK(only(one->inbox.news(), "error") == Strings{"error RATE_LIMITED"});
  for (int i = 0; i < 7; ++i)
    bob.sync(9);
  CHECK(bob.inbox.news() == Strings{"error NOT_LEADER", "error NOT_LEADER", "error NOT_LEADER", "error NOT_LEADER",
                                    "error NOT_LEADER", "error RATE_LIMITED", "error RATE_LIMITED"});
  world.advance(100);
  ask(third, 1);
  world.settle();
  CHECK(third.inbox.news() == Strings{"heartbeat_ack"});
  // A new tab has no allowance of its own.
  WsClient late(world, 0, options);
  seat(world, late, "room", "ann");
  late.inbox.news();
  ask(late, 1);
  CHECK(late.inbox.news() == Strings{"error RATE_LIMITED"});
}

TEST_CASE("a user who floods over the limit of users alone is closed, too", "[server][rates]") {
  World world;
  Options options;
  options.rates.userEvents = {60, 2};
  WsClient ann(world, 0, options);
  seat(world, ann, "room", "ann");
  ask(ann, 2 + 20);
  CHECK_FALSE(ann.closeCode);
  ask(ann, 1);
  CHECK(ann.closeCode == 1008);
}

TEST_CASE("an event that waits for readers counts once", "[server][rates][backpressure]") {
  store::ZoneSettings settings;
  settings.logLimit = 16 * 1024;
  World world(2, settings);
  Options options;
  options.rates.events = {600, 1'000};
  options.rates.userEvents = {600, 1'000};
  WsClient ann(world, 0, options), bob(world, 1);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  bob.makeRoom(0);
  int sent = 0;
  while (!ann.socket.paused && sent < 998)  // until the log is full
    ann.sync(++sent);
  REQUIRE(sent < 998);
  world.advance(1'000);  // tried again and again
  bob.makeRoom(FakeSocket::kAll);
  world.advance(500);
  CHECK(only(bob.inbox.news(), "sync") == numbered("sync", 1, sent));
  ann.inbox.news();
  ask(ann, 999 + 15 - sent);  // and what has come back since
  CHECK(count(ann.inbox.news(), "error") == 0);
  ask(ann, 1);
  CHECK(count(ann.inbox.news(), "error") == 1);
}

TEST_CASE("joins are limited for a connection, those that only refresh as well", "[server][rates]") {
  World world;
  Options options;
  options.rates.joins = {60, 3};
  WsClient ann(world, 0, options), bob(world, 1, options);
  seat(world, bob, "room", "bob");
  ann.packet("40");
  world.settle();
  forgetNews(world);
  for (int i = 0; i < 5; ++i) {
    ann.join("room", "ann", i);
    ann.leave();
    world.settle();
  }
  CHECK(count(bob.inbox.news(), "user_joined") == 3);
  const Strings news = ann.inbox.news();
  CHECK(only(news, "ack") == Strings{"ack 0 ok", "ack 1 ok", "ack 2 ok", "ack 3 RATE_LIMITED", "ack 4 RATE_LIMITED"});
  CHECK(ann.inbox.events("error")[0]["event"] == "join_session");
  world.advance(1'000);
  ann.join("room", "ann");
  ann.join("room", "ann");
  world.settle();
  CHECK(ann.inbox.news() == Strings{"session_joined ann", "error RATE_LIMITED"});
  CHECK_FALSE(ann.closeCode);
}

TEST_CASE("a join that has to wait counts once", "[server][rates]") {
  World world;
  Options options;
  options.rates.joins = {60, 2};
  PollClient ann(world, 0, options);
  seat(world, ann, "room", "ann");
  WsClient tab(world, 1);
  seat(world, tab, "room", "ann");
  tab.leave();  // for both: ann's poll has user_left to collect before
  world.settle();
  ann.join("other", "ann");
  world.advance(1'000);
  ann.polls = true;
  world.advance(500);
  const Strings news = ann.inbox.news();
  CHECK(count(news, "session_joined") == 1);
  CHECK(count(news, "error") == 0);
  REQUIRE(world.zone.sessionCount() == 2);
}

TEST_CASE("joins of one session are limited, by however many connections", "[server][rates]") {
  World world;
  Options options;
  options.rates.sessionJoins = {600, 4};
  std::vector<std::unique_ptr<WsClient>> clients;
  for (std::uint16_t i = 0; i < 7; ++i) {
    clients.push_back(std::make_unique<WsClient>(world, i % 2, options));
    seat(world, *clients.back(), i == 6 ? "other" : "room", "u" + std::to_string(i));
  }
  CHECK(count(clients[0]->inbox.news(), "user_joined") == 3);
  CHECK(clients[4]->inbox.news() == Strings{"error RATE_LIMITED"});
  CHECK(clients[5]->inbox.news() == Strings{"error RATE_LIMITED"});
  CHECK(clients[6]->inbox.news() == Strings{"session_joined u6"});
  clients[0]->join("room", "u0");  // is there already
  CHECK(clients[0]->inbox.news() == Strings{"session_joined u0"});
  world.advance(100);
  clients[4]->join("room", "u4");
  CHECK(only(clients[4]->inbox.news(), "session_joined").size() == 1);
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("a join that is refused for another reason takes nothing from the session", "[server][rates]") {
  World world;
  Options options;
  options.rates.sessionJoins = {60, 3};
  options.maxUsers = 2;
  WsClient a(world, 0, options), b(world, 1, options), c(world, 0, options);
  seat(world, a, "room", "a");
  seat(world, b, "room", "b");
  c.packet("40");
  for (int i = 0; i < 5; ++i)
    c.join("room", "c");
  CHECK(c.inbox.news() == Strings(5, "error SESSION_FULL"));
  b.leave();
  c.join("room", "c");
  CHECK(c.inbox.news() == Strings{"session_joined c"});
}

TEST_CASE("new sessions are limited in the whole zone, by events and over REST", "[server][rates]") {
  World world;
  Options options;
  options.rates.newSessions = {60, 3};
  WsClient ann(world, 0, options), bob(world, 1, options);
  seat(world, ann, "one", "ann");
  CHECK(world.worker(1).rest().createSession({"x", "X"}, options).status == 201);
  CHECK(world.worker(0).rest().createSession({"x", "X"}, options).status == 201);
  CHECK(world.worker(1).rest().createSession({"x", "X"}, options).status == 429);
  seat(world, bob, "two", "bob");
  CHECK(bob.inbox.news() == Strings{"error RATE_LIMITED"});
  bob.join("one", "bob");
  CHECK(bob.inbox.news() == Strings{"session_joined bob"});
  CHECK(world.zone.sessionCount() == 3);
  CHECK(metric(world, "rate_limited_total") == 2);
  world.advance(1'000);
  CHECK(world.worker(1).rest().createSession({"x", "X"}, options).status == 201);
}

TEST_CASE("new sessions are limited for each network, by events and over REST, whatever connections it takes",
          "[server][rates]") {
  World world;
  Options options;
  options.rates.ownSessions = {60, 3};
  const Newcomer bad{{}, "9.9."}, good{{}, "1.1."};
  const auto sessionBy = [&](const Newcomer& newcomer, const std::string& session, int worker) {
    WsClient client(world, static_cast<std::uint16_t>(worker), options, {}, newcomer);
    seat(world, client, session, "u");
    return client.inbox.news().back();
  };
  CHECK(sessionBy(bad, "one", 0) == "session_joined u");
  CHECK(sessionBy(bad, "two", 1) == "session_joined u");
  CHECK(world.worker(1).rest().createSession({"x", "X"}, options, bad).status == 201);
  CHECK(world.worker(1).rest().createSession({"x", "X"}, options, bad).status == 429);
  CHECK(sessionBy(bad, "three", 1) == "error RATE_LIMITED");
  CHECK(sessionBy(bad, "one", 1) == "session_joined u");  // of those that are there it may join any
  CHECK(world.zone.sessionCount() == 3);
  CHECK(metric(world, "rate_limited_total") == 2);
  PollClient poller(world, 0, options, {}, bad);
  poller.polls = true;
  seat(world, poller, "three", "p");
  CHECK(poller.inbox.news().back() == "error RATE_LIMITED");
  CHECK(sessionBy(good, "four", 0) == "session_joined u");
  for (int i = 0; i < 10; ++i)
    CHECK(world.worker(1).rest().createSession({"x", "X"}, options).status == 201);  // by scripts, or over a Unix socket
  world.advance(1'000);
  CHECK(sessionBy(bad, "three", 1) == "session_joined u");
  CHECK(sessionBy(bad, "five", 1) == "error RATE_LIMITED");
}

TEST_CASE("a session that is refused for the rate takes nobody's place", "[server][rates]") {
  World world;
  Options options;
  options.rates.ownSessions = {60, 2};
  options.maxSessions = 2;
  const Newcomer bad{{}, "9.9."};
  WsClient ann(world, 0, options), eve(world, 1, options, {}, bad);
  seat(world, ann, "of ann", "ann");
  ann.leave();
  seat(world, eve, "one", "eve");
  eve.leave();
  eve.join("two", "eve");
  world.settle();
  eve.leave();
  forgetNews(world);
  const std::uint64_t evicted = metric(world, "sessions_evicted_total");
  CHECK(evicted == 1);
  eve.join("three", "eve");
  CHECK(eve.inbox.news() == Strings{"error RATE_LIMITED"});
  CHECK(world.worker(0).rest().createSession({"x", "X"}, options, bad).status == 429);
  CHECK(metric(world, "sessions_evicted_total") == evicted);
}

TEST_CASE("the states of sessions that a connection asks for are limited by their bytes", "[server][rates]") {
  World world(2, {}, 8 << 20);
  Options options;
  options.rates.replies = {60 * 10'000, 50'000};
  std::vector<std::unique_ptr<WsClient>> crowd;
  for (int i = 0; i < 100; ++i) {
    crowd.push_back(std::make_unique<WsClient>(world, static_cast<std::uint16_t>(i % 2)));
    seat(world, *crowd.back(), "room", "user " + std::to_string(i));
  }
  PollClient poller(world, 0, options);
  WsClient ann(world, 0, options);
  Client& asker = GENERATE(0, 1) == 0 ? static_cast<Client&>(ann) : poller;
  poller.polls = true;
  seat(world, asker, "room", "asker");
  for (int i = 0; i < 10; ++i) {
    asker.event("request_session_state", nullptr);
    world.settle();
  }
  asker.join("room", "asker");
  asker.event("report_desync", {{"reportedPosition", 1}});
  world.settle();
  const std::size_t states = asker.inbox.events("session_state").size();
  const std::size_t size = asker.inbox.events("session_state").at(0).dump().size();
  CAPTURE(states, size);
  // One comes with the join, and the last may be begun with next to nothing left.
  CHECK((states + 1) * size >= 50'000);
  CHECK(states * size < 50'000);
  const Strings news = asker.inbox.news();
  CHECK(count(news, "error RATE_LIMITED") == 12 - states);
  CHECK(news.back() == "error RATE_LIMITED");
  ask(asker, 1);  // is no such thing
  world.settle();
  CHECK(asker.inbox.news() == Strings{"heartbeat_ack"});
  world.advance(3'000, 500);
  asker.event("report_desync", {{"reportedPosition", 1}});
  world.settle();
  CHECK(only(asker.inbox.news(), "desync_recovery").size() == 1);
}

TEST_CASE("the state of a session takes about as many bytes as it is counted for", "[server][rates]") {
  World world(1, {}, 8 << 20);
  const int avatar = GENERATE(0, 30, 2'000);
  std::vector<std::unique_ptr<WsClient>> crowd;
  for (int i = 0; i < 60; ++i) {
    crowd.push_back(std::make_unique<WsClient>(world, 0));
    crowd.back()->packet("40");
    json data{{"sessionId", "room"}, {"userId", "user " + std::to_string(i)}, {"username", "Name"}};
    if (avatar > 0) data["avatar"] = std::string(static_cast<std::size_t>(avatar), 'a');
    crowd.back()->event("join_session", data);
    world.settle();
  }
  const std::string packet = crowd.back()->inbox.all.back();
  store::SessionTransaction session(world.zone, "room");
  REQUIRE(session.find("room"));
  CHECK(static_cast<double>(session.stateBytes()) == Approx(static_cast<double>(packet.size())).epsilon(0.1));
}

TEST_CASE("a zone with as many connections as it may have turns handshakes away, until one goes", "[server][rates]") {
  World world;
  Options options;
  options.maxConnections = 3;
  auto first = std::make_unique<WsClient>(world, 0, options);
  WsClient ann(world, 1, options);
  PollClient bob(world, 0, options);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  WsClient late(world, 1, options);
  CHECK_FALSE(late.isOpen());
  const auto refused = world.worker(0).polls().open(options);
  REQUIRE(std::holds_alternative<NoSpace>(refused));
  CHECK(std::get<NoSpace>(refused).reason == kConnectionsFull.reason);
  CHECK(metric(world, "handshakes_refused_total") == 2);
  // An upgrade is no new connection.
  WsClient socket(world, 1, bob.sid, WsClient::Probe{}, options);
  socket.packet("2probe");
  world.settle();
  socket.packet("5");
  world.settle();
  forgetNews(world);
  ann.sync(1);
  world.settle();
  CHECK(socket.inbox.news() == Strings{"sync 1"});
  first.reset();
  WsClient again(world, 0, options);
  CHECK(again.isOpen());
}
