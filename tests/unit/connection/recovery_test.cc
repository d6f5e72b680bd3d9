// A client that lost its connection comes back by another one, to what it had: nothing is missed, nothing comes twice,
// and nobody else notices.
#include <catch2/catch.hpp>

#include "tests/unit/worker/world.h"

using namespace mediasync;
using namespace mediasync::server;
using namespace mediasync::server::test;

namespace {

using Probe = WsClient::Probe;

enum class Kind { kWebSocket, kPolling };

std::string nameOf(Kind kind) {
  return kind == Kind::kWebSocket ? "WebSocket" : "polling";
}

std::unique_ptr<Client> arrive(World& world, Kind kind, std::uint16_t slot, const Options& options = {}) {
  if (kind == Kind::kWebSocket) return std::make_unique<WsClient>(world, slot, options);
  auto client = std::make_unique<PollClient>(world, slot, options);
  client->polls = true;
  return client;
}

// The connection breaks, and the server notices.
void lose(Client& client) {
  if (auto* socket = dynamic_cast<WsClient*>(&client)) return socket->drop();
  auto& polling = dynamic_cast<PollClient&>(client);
  polling.polls = false;
  REQUIRE(polling.isWaiting());
  polling.abandon();
}

// The server has closed it.
bool isClosed(const Client& client) {
  if (const auto* socket = dynamic_cast<const WsClient*>(&client)) return socket->closeCode.has_value();
  return client.inbox.all.back() == "1" || dynamic_cast<const PollClient&>(client).refused.has_value();
}

// The answer to CONNECT: what follows it belongs to the recovered connection.
std::size_t answersToConnect(const Client& client) {
  std::size_t count = 0;
  for (const std::string& packet : client.inbox.all)
    count += packet.rfind("40{", 0) == 0;
  return count;
}

std::uint64_t recoveries(World& world, int workers = 2) {
  std::uint64_t count = 0;
  for (std::uint16_t slot = 0; slot < workers; ++slot)
    count += world.zone.counters(slot).recoveries.load();
  return count;
}

store::ZoneSettings smallLog() {
  store::ZoneSettings settings;
  settings.logLimit = store::Zone::kMinLog;
  return settings;
}

Strings operator+(Strings a, const Strings& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// Everybody's CONNECT was fresh: another pid, another socket.
bool isFresh(const Client& client, const Client& before) {
  return answersToConnect(client) == 1 && client.inbox.pid != before.inbox.pid &&
         client.inbox.socketId != before.inbox.socketId;
}

}  // namespace

TEST_CASE("what happened meanwhile is told, once and in order, by either transport on either worker",
          "[server][recovery]") {
  const Kind before = GENERATE(Kind::kWebSocket, Kind::kPolling), after = GENERATE(Kind::kWebSocket, Kind::kPolling);
  const auto slot = static_cast<std::uint16_t>(GENERATE(0, 1));
  CAPTURE(nameOf(before), nameOf(after), slot);
  World world;
  WsClient ann(world, 0);
  seat(world, ann, "room", "ann");
  const auto bob = arrive(world, before, 1);
  seat(world, *bob, "room", "bob");
  REQUIRE_FALSE(bob->inbox.pid.empty());
  for (int i = 1; i <= 3; ++i)
    ann.sync(i);
  world.settle();
  REQUIRE(bob->inbox.news() == Strings{"session_joined bob"} + numbered("sync", 1, 3));
  lose(*bob);
  world.settle();
  forgetNews(world);
  for (int i = 4; i <= 6; ++i)
    ann.sync(i);
  ann.event("load_media", {{"mediaUrl", "film"}});
  world.settle();
  const auto again = arrive(world, after, slot);
  again->comeBack(*bob);
  world.settle();
  CHECK(again->hasRecovered(*bob));
  REQUIRE(again->inbox.all.size() > 1);
  CHECK(again->inbox.all[1].rfind("40{", 0) == 0);
  CHECK(again->inbox.news() == numbered("sync", 4, 6) + Strings{"media film"});
  ann.sync(7);
  again->event("heartbeat", nullptr, 3);
  world.settle();
  const Strings news = again->inbox.news();
  CHECK(only(news, "sync") == Strings{"sync 7"});
  CHECK(only(news, "ack") == Strings{"ack 3 ok"});
  CHECK(recoveries(world) == 1);
  CHECK(world.zone.connectionCount() == 2);
  CHECK(world.zone.membershipCount() == 2);
  CHECK(world.zone.recoveryCount() == 2);
  world.advance(10'000);
  CHECK(only(ann.inbox.news(), "user").empty());  // nobody noticed
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("wherever a connection breaks, again and again, every event comes once", "[server][recovery]") {
  World world;
  WsClient ann(world, 0);
  seat(world, ann, "room", "ann");
  auto bob = std::make_unique<WsClient>(world, 1);
  seat(world, *bob, "room", "bob");
  bob->inbox.news();
  int sent = 0;
  Strings seen;
  for (std::size_t room = 0; room < 1500; room += 53) {
    CAPTURE(room);
    bob->socket.room = room;
    for (int i = 0; i < 5; ++i)
      ann.sync(++sent);
    world.settle();
    seen = seen + bob->inbox.news();
    if (room % 3 == 0) bob->drop();
    auto again = std::make_unique<WsClient>(world, static_cast<std::uint16_t>(room % 2));
    again->comeBack(*bob);
    world.settle();
    REQUIRE(again->hasRecovered(*bob));
    bob = std::move(again);
    if (room % 4 == 0) world.advance(7'000, 500);  // beyond the grace
  }
  seen = seen + bob->inbox.news();
  CHECK(seen == numbered("sync", 1, sent));
  CHECK(world.zone.connectionCount() == 2);
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("over polling an answer that never arrived is given again", "[server][recovery]") {
  World world;
  WsClient ann(world, 0);
  seat(world, ann, "room", "ann");
  PollClient bob(world, 0);
  bob.polls = true;
  seat(world, bob, "room", "bob");
  const json before = bob.credentials();
  bob.inbox.news();
  ann.sync(1);  // the answer to the poll, which is lost on its way
  world.settle();
  REQUIRE(bob.inbox.news() == Strings{"sync 1"});
  lose(bob);
  ann.sync(2);
  const auto again = arrive(world, Kind::kPolling, 1);
  again->comeBack(before);
  world.settle();
  CHECK(again->hasRecovered(bob));
  CHECK(again->inbox.news() == numbered("sync", 1, 2));
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("a connection that was in no session comes back to none, and joins one", "[server][recovery]") {
  const Kind before = GENERATE(Kind::kWebSocket, Kind::kPolling), after = GENERATE(Kind::kWebSocket, Kind::kPolling);
  CAPTURE(nameOf(before), nameOf(after));
  World world;
  const auto bob = arrive(world, before, 0);
  bob->packet("40");
  world.settle();
  lose(*bob);
  const auto again = arrive(world, after, 1);
  again->comeBack(*bob);
  world.settle();
  CHECK(again->hasRecovered(*bob));
  CHECK(again->inbox.all.size() == 2);
  again->join("room", "bob", 1);
  world.settle();
  CHECK(again->inbox.news() == Strings{"session_joined bob", "ack 1 ok"});
  lose(*again);
  const auto third = arrive(world, before, 0);
  third->comeBack(*again);
  world.settle();
  CHECK(third->hasRecovered(*bob));
  CHECK(third->inbox.news().empty());
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("a client that did not get its session_joined gets it when it is back, and no event from before",
          "[server][recovery]") {
  const Kind after = GENERATE(Kind::kWebSocket, Kind::kPolling);
  const bool overPolling = GENERATE(false, true);
  CAPTURE(nameOf(after), overPolling);
  World world;
  WsClient ann(world, 0);
  seat(world, ann, "room", "ann");
  std::unique_ptr<Client> bob;
  if (overPolling) {
    auto polling = std::make_unique<PollClient>(world, 1);
    polling->packet("40");
    polling->poll();
    polling->slot = 0;
    polling->join("room", "bob");  // the answer is not collected
    bob = std::move(polling);
  } else {
    auto socket = std::make_unique<WsClient>(world, 1);
    socket->packet("40");
    socket->socket.room = 0;
    socket->join("room", "bob");
    socket->drop();
    bob = std::move(socket);
  }
  ann.sync(5);
  world.settle();
  REQUIRE_FALSE(bob->inbox.offset);
  const auto again = arrive(world, after, 0);
  again->comeBack(*bob);
  ann.sync(6);
  world.settle();
  CHECK(again->hasRecovered(*bob));
  const Strings news = again->inbox.news();
  REQUIRE_FALSE(news.empty());
  CHECK(news.front() == "session_joined bob");
  const auto joined = again->inbox.events("session_joined");
  REQUIRE(joined.size() == 1);
  if (joined[0]["session"]["playbackState"]["position"] == 5.0) {
    CHECK(news == Strings{"session_joined bob", "sync 6"});
  } else {
    CHECK(news == Strings{"session_joined bob"});
  }
  REQUIRE(again->inbox.offset);
  // And from there on it is like any other.
  lose(*again);
  ann.sync(7);
  const auto third = arrive(world, Kind::kWebSocket, 1);
  third->comeBack(*again);
  world.settle();
  CHECK(third->hasRecovered(*again));
  CHECK(third->inbox.news() == Strings{"sync 7"});
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("an offset from before it joined is of no use: session_joined is sent again", "[server][recovery]") {
  const Kind after = GENERATE(Kind::kWebSocket, Kind::kPolling);
  const std::string room = GENERATE("room", "other room");
  CAPTURE(nameOf(after), room);
  World world;
  WsClient ann(world, 0), dan(world, 0);
  seat(world, ann, "room", "ann");
  seat(world, dan, "other room", "dan");
  WsClient bob(world, 1);
  seat(world, bob, "room", "bob");
  ann.sync(1);
  world.settle();
  const json old = bob.credentials();
  bob.leave();
  ann.sync(2);
  dan.sync(2);
  bob.join(room, "bob");
  ann.sync(3);
  dan.sync(3);
  world.settle();
  bob.drop();
  const auto again = arrive(world, after, 0);
  again->comeBack(old);
  world.settle();
  CHECK(again->hasRecovered(bob));
  CHECK(again->inbox.news() == Strings{"session_joined bob"});
  CHECK(again->inbox.events("session_joined").back()["sessionId"] == room);
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("an offset that is none, or lies in the future, makes a fresh connection", "[server][recovery]") {
  const Kind after = GENERATE(Kind::kWebSocket, Kind::kPolling);
  const std::string garbage =
      GENERATE(R"("")", R"("garbage")", R"("1-")", "5", "null", "{}", "[]", "true", R"("future")");
  CAPTURE(nameOf(after), garbage);
  World world;
  WsClient ann(world, 0), bob(world, 1);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  json auth = bob.credentials();
  if (garbage == R"("future")") {
    auth["offset"] = auth["offset"].get<std::string>() + "zz";
  } else {
    auth["offset"] = json::parse(garbage);
  }
  bob.drop();
  forgetNews(world);
  const auto again = arrive(world, after, 0);
  again->comeBack(auth);
  world.settle();
  CHECK(isFresh(*again, bob));
  CHECK(again->inbox.news().empty());
  CHECK(world.zone.recoveryCount() == 2);  // what was there before is forgotten
  WsClient third(world, 1);
  third.comeBack(bob);
  world.settle();
  CHECK(isFresh(third, bob));
  again->join("room", "bob");
  world.settle();
  ann.sync(1);
  world.settle();
  CHECK(again->inbox.news() == Strings{"session_joined bob", "sync 1"});
  CHECK(recoveries(world) == 0);
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("a pid that nobody has, or that is none, makes a fresh connection", "[server][recovery]") {
  World world;
  const json pid = GENERATE_COPY(values<json>({"", "x", 5, nullptr, json::object(), std::string(22, 'A'),
                                               std::string(23, 'A'), store::idText(store::test::FixedRandom(9).id())}));
  CAPTURE(pid.dump());
  WsClient bob(world, 0);
  bob.comeBack({{"pid", pid}, {"offset", "1-1"}});
  CHECK(answersToConnect(bob) == 1);
  CHECK(bob.inbox.pid.size() == 22);
  CHECK(json(bob.inbox.pid) != pid);
  CHECK(world.zone.recoveryCount() == 1);
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("when the log has lost what it missed, the client begins afresh", "[server][recovery]") {
  const Kind after = GENERATE(Kind::kWebSocket, Kind::kPolling);
  CAPTURE(nameOf(after));
  World world(2, smallLog());
  WsClient ann(world, 0), bob(world, 1);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  bob.drop();
  WsClient cat(world, 0);
  seat(world, cat, "room", "cat");  // nothing supersedes this
  for (int i = 1; i <= 400; ++i)
    ann.sync(i);
  world.settle();
  forgetNews(world);
  const auto again = arrive(world, after, 0);
  again->comeBack(bob);
  world.settle();
  CHECK(isFresh(*again, bob));
  CHECK(again->inbox.news().empty());
  CHECK_FALSE(isClosed(*again));
  again->join("room", "bob");
  world.settle();
  CHECK(again->inbox.news() == Strings{"session_joined bob"});
  CHECK(ann.inbox.news().empty());  // it was back within the grace
  CHECK(world.zone.recoveryCount() == 3);
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("when the log has lost nothing but what newer events supersede, the client is back with the newest",
          "[server][recovery]") {
  const Kind after = GENERATE(Kind::kWebSocket, Kind::kPolling);
  CAPTURE(nameOf(after));
  World world(2, smallLog());
  WsClient ann(world, 0), bob(world, 1);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  bob.drop();
  for (int i = 1; i <= 400; ++i)
    ann.sync(i);
  world.settle();
  const auto again = arrive(world, after, 0);
  again->comeBack(bob);
  world.settle();
  CHECK(again->hasRecovered(bob));
  const Strings news = again->inbox.news();
  REQUIRE(news.size() > 5);
  CHECK(news == numbered("sync", 401 - static_cast<int>(news.size()), 400));
  CHECK_FALSE(isClosed(*again));
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("after its time a lost connection cannot be recovered, before it can", "[server][recovery]") {
  store::ZoneSettings settings;
  settings.recovery = 20'000;
  const bool inTime = GENERATE(true, false);
  CAPTURE(inTime);
  World world(2, settings);
  WsClient ann(world, 0), bob(world, 1);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  bob.drop();
  world.advance(inTime ? 19'000 : 20'500, 100);
  CHECK(world.zone.recoveryCount() == (inTime ? 2 : 1));
  WsClient again(world, 0);
  again.comeBack(bob);
  world.settle();
  CHECK(again.hasRecovered(bob) == inTime);
  CHECK(isFresh(again, bob) != inTime);
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("the time begins anew with each loss", "[server][recovery]") {
  store::ZoneSettings settings;
  settings.recovery = 10'000;
  World world(2, settings);
  auto bob = std::make_unique<WsClient>(world, 0);
  seat(world, *bob, "room", "bob");
  for (int i = 0; i < 4; ++i) {
    bob->drop();
    world.advance(8'000, 100);
    auto again = std::make_unique<WsClient>(world, static_cast<std::uint16_t>(i % 2));
    again->comeBack(*bob);
    REQUIRE(again->hasRecovered(*bob));
    world.advance(12'000, 100);  // one that is there does not time out
    bob = std::move(again);
  }
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("a client may be back before its old connection is missed: that one is closed", "[server][recovery]") {
  const Kind before = GENERATE(Kind::kWebSocket, Kind::kPolling), after = GENERATE(Kind::kWebSocket, Kind::kPolling);
  const auto slot = static_cast<std::uint16_t>(GENERATE(0, 1));
  const bool held = GENERATE(false, true);
  CAPTURE(nameOf(before), nameOf(after), slot, held);
  World world;
  WsClient ann(world, 0);
  seat(world, ann, "room", "ann");
  const auto bob = arrive(world, before, 1);
  seat(world, *bob, "room", "bob");
  const json auth = bob->credentials();
  forgetNews(world);
  if (held && slot == 0) world.held = {1};  // the old one's worker does not get to it
  ann.sync(1);
  world.worker(0).flush();
  const auto again = arrive(world, after, slot);
  again->comeBack(auth);
  ann.sync(2);
  world.settle();
  CHECK(again->hasRecovered(*bob));
  CHECK(again->inbox.news() == numbered("sync", 1, 2));
  world.held = {};
  ann.sync(3);
  world.settle();
  CHECK(isClosed(*bob));
  CHECK(again->inbox.news() == Strings{"sync 3"});
  CHECK(world.zone.connectionCount() == 2);
  CHECK(world.zone.membershipCount() == 2);
  world.advance(10'000);
  CHECK(only(ann.inbox.news(), "user").empty());
  CHECK_FALSE(isClosed(*again));
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("of two that come back to the same, the later one has it", "[server][recovery]") {
  const Kind kind = GENERATE(Kind::kWebSocket, Kind::kPolling);
  const auto slot = static_cast<std::uint16_t>(GENERATE(0, 1));
  CAPTURE(nameOf(kind), slot);
  World world;
  WsClient ann(world, 0), bob(world, 1);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  const json auth = bob.credentials();
  bob.drop();
  ann.sync(1);
  const auto first = arrive(world, kind, 0), second = arrive(world, kind, slot);
  first->comeBack(auth);
  second->comeBack(auth);
  world.settle();
  ann.sync(2);
  world.settle();
  CHECK(second->hasRecovered(bob));
  CHECK(second->inbox.news() == numbered("sync", 1, 2));
  CHECK(isClosed(*first));
  CHECK(world.zone.connectionCount() == 2);
  CHECK(world.zone.membershipCount() == 2);
  CHECK(world.zone.recoveryCount() == 2);
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("who disconnects from the namespace cannot come back", "[server][recovery]") {
  const Kind kind = GENERATE(Kind::kWebSocket, Kind::kPolling);
  const bool onTheSame = GENERATE(false, true);
  CAPTURE(nameOf(kind), onTheSame);
  World world;
  WsClient ann(world, 0);
  seat(world, ann, "room", "ann");
  const auto bob = arrive(world, kind, 1);
  seat(world, *bob, "room", "bob");
  const json auth = bob->credentials();
  const std::string socketId = bob->inbox.socketId;
  bob->packet("41");
  world.settle();
  CHECK(world.zone.recoveryCount() == 1);
  CHECK(world.zone.membershipCount() == 1);
  std::unique_ptr<Client> other;
  if (!onTheSame) {
    lose(*bob);
    other = arrive(world, kind, 0);
  }
  Client& again = onTheSame ? *bob : *other;
  again.comeBack(auth);
  world.settle();
  CHECK(again.inbox.pid.size() == 22);
  CHECK(again.inbox.pid != auth["pid"]);
  CHECK(again.inbox.socketId != socketId);
  world.advance(6'000);
  CHECK(only(ann.inbox.news(), "user_left") == Strings{"user_left bob"});
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("who left its session comes back to the namespace alone", "[server][recovery]") {
  const Kind before = GENERATE(Kind::kWebSocket, Kind::kPolling), after = GENERATE(Kind::kWebSocket, Kind::kPolling);
  CAPTURE(nameOf(before), nameOf(after));
  World world;
  WsClient ann(world, 0);
  seat(world, ann, "room", "ann");
  const auto bob = arrive(world, before, 1);
  seat(world, *bob, "room", "bob");
  bob->leave();
  world.settle();
  lose(*bob);
  const auto again = arrive(world, after, 0);
  again->comeBack(*bob);
  ann.sync(1);
  world.settle();
  CHECK(again->hasRecovered(*bob));
  CHECK(again->inbox.news().empty());
  again->sync(2);
  world.settle();
  CHECK(again->inbox.news() == Strings{"error NOT_IN_SESSION"});
  again->join("room", "bob");
  world.settle();
  CHECK(again->inbox.news() == Strings{"session_joined bob"});
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("whose other tab left for both has nothing to come back to", "[server][recovery]") {
  World world;
  WsClient ann(world, 0), bob(world, 1), tab(world, 0);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  seat(world, tab, "room", "bob");
  bob.drop();
  tab.leave();
  const bool isBack = GENERATE(false, true);  // as another user of that name
  if (isBack) tab.join("room", "bob");
  world.settle();
  WsClient again(world, 1);
  again.comeBack(bob);
  ann.sync(1);
  world.settle();
  CHECK(isFresh(again, bob));
  CHECK(again.inbox.news().empty());
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("with another tab still there nobody is told anything", "[server][recovery]") {
  World world;
  WsClient ann(world, 0), bob(world, 1), tab(world, 0);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  seat(world, tab, "room", "bob");
  bob.drop();
  forgetNews(world);
  world.advance(8'000);
  ann.sync(1);
  WsClient again(world, 0);
  again.comeBack(bob);
  world.settle();
  CHECK(again.hasRecovered(bob));
  CHECK(again.inbox.news() == Strings{"sync 1"});
  CHECK(tab.inbox.news() == Strings{"sync 1"});
  CHECK(ann.inbox.news() == Strings{"sync 1"});
  CHECK(world.zone.membershipCount() == 3);
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("after the grace the others hear that it came back, and it hears nothing of its own coming and going",
          "[server][recovery]") {
  const Kind before = GENERATE(Kind::kWebSocket, Kind::kPolling), after = GENERATE(Kind::kWebSocket, Kind::kPolling);
  const auto slot = static_cast<std::uint16_t>(GENERATE(0, 1));
  CAPTURE(nameOf(before), nameOf(after), slot);
  World world;
  WsClient ann(world, 0);
  seat(world, ann, "room", "ann");
  const auto bob = arrive(world, before, 1);
  seat(world, *bob, "room", "bob");
  lose(*bob);
  forgetNews(world);
  ann.sync(1);
  world.advance(6'000);
  ann.sync(2);
  WsClient cat(world, 1);
  seat(world, cat, "room", "cat");
  CHECK(ann.inbox.news() == Strings{"sync 1", "user_left bob", "sync 2", "user_joined cat"});
  cat.inbox.news();
  const auto again = arrive(world, after, slot);
  again->comeBack(*bob);
  world.settle();
  CHECK(again->hasRecovered(*bob));
  CHECK(again->inbox.news() == Strings{"sync 1", "sync 2", "user_joined cat"});
  CHECK(ann.inbox.news() == Strings{"user_joined bob"});
  CHECK(cat.inbox.news() == Strings{"user_joined bob"});
  cat.leave();
  ann.sync(3);
  world.settle();
  CHECK(again->inbox.news() == Strings{"user_left cat", "sync 3"});
  // A second time, further on in the same log.
  lose(*again);
  world.advance(6'000);
  const auto third = arrive(world, before, slot);
  third->comeBack(*again);
  ann.sync(4);
  world.settle();
  CHECK(third->inbox.news() == Strings{"sync 4"});
  CHECK(ann.inbox.news() == Strings{"user_left cat", "sync 3", "user_left bob", "user_joined bob", "sync 4"});
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("a leader that is back within the grace leads on", "[server][recovery]") {
  const Kind after = GENERATE(Kind::kWebSocket, Kind::kPolling);
  World world;
  WsClient ann(world, 0), bob(world, 1);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  forgetNews(world);
  ann.drop();
  world.advance(4'000);
  const auto again = arrive(world, after, 1);
  again->comeBack(ann);
  world.settle();
  again->sync(1);
  world.settle();
  CHECK(bob.inbox.news() == Strings{"sync 1"});
  CHECK(again->inbox.news() == Strings{"sync 1"});
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("a leader that is back too late hears who leads now", "[server][recovery]") {
  const Kind after = GENERATE(Kind::kWebSocket, Kind::kPolling);
  World world;
  WsClient ann(world, 0), bob(world, 1);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  forgetNews(world);
  ann.drop();
  world.advance(6'000);
  const auto again = arrive(world, after, 1);
  again->comeBack(ann);
  world.settle();
  CHECK(again->hasRecovered(ann));
  CHECK(again->inbox.news() == Strings{"leader bob"});
  CHECK(bob.inbox.news() == Strings{"user_left ann", "leader bob", "user_joined ann"});
  again->sync(1);
  world.settle();
  CHECK(again->inbox.news() == Strings{"error NOT_LEADER"});
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("all of a session are lost and come back: the leader still leads", "[server][recovery]") {
  World world;
  WsClient ann(world, 0), bob(world, 1);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  forgetNews(world);
  ann.drop();
  bob.drop();
  world.advance(6'000);
  WsClient ann2(world, 1), bob2(world, 0);
  bob2.comeBack(bob);
  world.settle();
  ann2.comeBack(ann);
  world.settle();
  CHECK(ann2.hasRecovered(ann));
  CHECK(bob2.hasRecovered(bob));
  ann2.sync(1);
  world.settle();
  CHECK(only(bob2.inbox.news(), "sync") == Strings{"sync 1"});
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("where there is no recovery there is no pid, and no event has an offset", "[server][recovery]") {
  const std::string why = GENERATE("auth", "location", "zone");
  const Kind kind = GENERATE(Kind::kWebSocket, Kind::kPolling);
  CAPTURE(why, nameOf(kind));
  store::ZoneSettings settings;
  if (why == "zone") settings.recovery = 0;
  World world(2, settings);
  Options options;
  if (why == "location") options.recovery = false;
  const std::string connect = why == "auth" ? "40{\"recovery\":false}" : "40";
  WsClient ann(world, 0, options);
  ann.packet(connect);
  ann.join("room", "ann");
  const auto bob = arrive(world, kind, 1, options);
  bob->packet(connect);
  world.settle();
  bob->join("room", "bob");
  world.settle();
  ann.sync(1);
  world.settle();
  CHECK(bob->inbox.pid.empty());
  CHECK(world.zone.recoveryCount() == 0);
  int events = 0;
  for (const std::string& packet : bob->inbox.all) {
    if (packet.rfind("42", 0) != 0) continue;
    ++events;
    CHECK(json::parse(packet.substr(2)).size() == 2);
  }
  CHECK(events == 2);
  lose(*bob);
  const auto again = arrive(world, kind, 0, options);
  again->comeBack({{"pid", std::string(22, 'A')}, {"offset", "1-1"}});
  world.settle();
  CHECK(answersToConnect(*again) == 1);
  CHECK(world.zone.recoveryCount() == (why == "auth" ? 1 : 0));
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("who wants no recovery any more does not get it by its pid", "[server][recovery]") {
  World world;
  WsClient bob(world, 0);
  seat(world, bob, "room", "bob");
  bob.drop();
  json auth = bob.credentials();
  auth["recovery"] = false;
  WsClient again(world, 1);
  again.comeBack(auth);
  world.settle();
  CHECK(answersToConnect(again) == 1);
  CHECK(again.inbox.pid.empty());
  CHECK(again.inbox.news().empty());
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("every event of a session has its offset, and answers have none", "[server][recovery]") {
  const Kind kind = GENERATE(Kind::kWebSocket, Kind::kPolling);
  World world;
  const auto bob = arrive(world, kind, 0);
  seat(world, *bob, "room", "bob");
  bob->sync(1);
  bob->event("load_media", {{"mediaUrl", "film"}});
  bob->event("request_session_state", nullptr);
  bob->event("heartbeat", nullptr);
  bob->event("no_such_event", nullptr);
  world.settle();
  std::set<std::string> offsets;
  for (const std::string& packet : bob->inbox.all) {
    if (packet.rfind("42", 0) != 0) continue;
    const json args = json::parse(packet.substr(2));
    const bool ofTheLog = args[0] == "session_joined" || args[0] == "playback_sync" || args[0] == "media_loaded";
    CAPTURE(packet);
    REQUIRE(args.size() == (ofTheLog ? 3 : 2));
    if (ofTheLog) offsets.insert(args[2].get<std::string>());
  }
  CHECK(offsets.size() == 3);
}

TEST_CASE("the clients of a dead worker come back at another one, before its death is noticed and after",
          "[server][recovery]") {
  const bool noticed = GENERATE(false, true);
  const Kind after = GENERATE(Kind::kWebSocket, Kind::kPolling);
  CAPTURE(noticed, nameOf(after));
  World world(3);
  WsClient ann(world, 0);
  seat(world, ann, "room", "ann");
  WsClient bob(world, 1);
  seat(world, bob, "room", "bob");
  forgetNews(world);
  world.kill(1);
  ann.sync(1);
  if (noticed) world.advance(1'000);
  const auto again = arrive(world, after, 2);
  again->comeBack(bob);
  ann.sync(2);
  world.settle();
  CHECK(again->hasRecovered(bob));
  CHECK(again->inbox.news() == numbered("sync", 1, 2));
  world.advance(10'000);
  ann.sync(3);
  world.settle();
  CHECK(again->inbox.news() == Strings{"sync 3"});
  CHECK(ann.inbox.news() == numbered("sync", 1, 3));
  CHECK(world.zone.connectionCount() == 2);
  CHECK(world.zone.recoveryCount() == 2);
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("the clients of a worker that ends in order come back at another one", "[server][recovery]") {
  World world;
  WsClient ann(world, 0), bob(world, 1);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  forgetNews(world);
  world.stop(1);
  REQUIRE(bob.closeCode == 1001);
  ann.sync(1);
  WsClient again(world, 0);
  again.comeBack(bob);
  world.advance(10'000);
  CHECK(again.hasRecovered(bob));
  CHECK(again.inbox.news() == Strings{"sync 1"});
  CHECK(ann.inbox.news() == Strings{"sync 1"});
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("a client whose pong did not come can come back, and one that said goodbye over polling",
          "[server][recovery]") {
  World world;
  WsClient ann(world, 0), bob(world, 1);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  bob.answersPings = false;
  world.advance(46'000, 500);
  REQUIRE(bob.closeCode);
  ann.sync(1);
  PollClient again(world, 0);
  again.polls = true;
  again.comeBack(bob);
  world.settle();
  CHECK(again.hasRecovered(bob));
  CHECK(again.inbox.news() == Strings{"sync 1"});
  again.polls = false;
  again.slot = 1;
  again.post("1");
  world.settle();
  ann.sync(2);
  WsClient third(world, 1);
  third.comeBack(again);
  world.settle();
  CHECK(third.hasRecovered(bob));
  CHECK(third.inbox.news() == Strings{"sync 2"});
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("a connection that came back over polling is upgraded, before or after it collected what it missed",
          "[server][recovery][upgrade]") {
  const bool collected = GENERATE(false, true);
  const bool withSnapshot = GENERATE(false, true);
  const auto slot = static_cast<std::uint16_t>(GENERATE(0, 1));
  CAPTURE(collected, withSnapshot, slot);
  World world;
  WsClient ann(world, 0), bob(world, 1);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  json auth = bob.credentials();
  if (withSnapshot) auth.erase("offset");
  bob.drop();
  forgetNews(world);
  ann.sync(1);
  world.advance(6'000);  // beyond the grace: its own user_left is in the log
  ann.sync(2);
  PollClient again(world, 1);
  again.comeBack(auth);
  if (collected) again.poll();
  ann.sync(3);
  WsClient socket(world, slot, again.sid, Probe{});
  socket.packet("2probe");
  socket.packet("5");
  world.settle();
  ann.sync(4);
  world.settle();
  const Client& first = collected ? static_cast<Client&>(again) : socket;
  CHECK(first.inbox.pid == bob.inbox.pid);
  CHECK(answersToConnect(again) + answersToConnect(socket) == 1);
  const Strings news = again.inbox.seen() + socket.inbox.seen();
  if (withSnapshot) {
    REQUIRE_FALSE(news.empty());
    CHECK(news.front() == "session_joined bob");
    const json joined = first.inbox.events("session_joined").at(0);
    const int position = joined["session"]["playbackState"]["position"].get<double>() < 3 ? 3 : 4;
    CHECK(news == Strings{"session_joined bob"} + numbered("sync", position, 4));
  } else {
    CHECK(news == numbered("sync", 1, 4));
  }
  // And it can be lost again.
  socket.drop();
  ann.sync(5);
  WsClient third(world, 0);
  third.comeBack({{"pid", auth["pid"]}, {"offset", socket.inbox.offset.value()}});
  world.settle();
  CHECK(third.inbox.pid == auth["pid"]);
  CHECK(third.inbox.news() == Strings{"sync 5"});
  CHECK(only(ann.inbox.news(), "user") == Strings{"user_left bob", "user_joined bob"});
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("a polling connection that came back polls on changing workers", "[server][recovery][polling]") {
  World world(3);
  WsClient ann(world, 0), bob(world, 1);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  bob.drop();
  for (int i = 1; i <= 3; ++i)
    ann.sync(i);
  world.advance(6'000);
  PollClient again(world, 2);
  again.slot = 0;
  again.comeBack(bob);
  again.rota = {0, 1, 2};
  again.polls = true;
  for (int i = 4; i <= 30; ++i) {
    ann.sync(i);
    if (i % 2 == 0) world.settle();
  }
  world.settle();
  CHECK(again.hasRecovered(bob));
  CHECK(again.inbox.news() == numbered("sync", 1, 30));
  REQUIRE_INVARIANTS(world.zone);
}

// ---- when there is no room

namespace {

// A session whose log is full, since a reader does not read, and in which cat, who was lost, is given up: what must be
// said when cat comes back finds no room.
struct FullLog {
  explicit FullLog() : world(2, smallLog()), ann(world, 0), bob(world, 1), cat(world, 1) {
    for (WsClient* client : {&ann, &bob, &cat})
      client->packet("40");
    ann.join("room", "ann");
    bob.join("room", "bob");
    cat.event("join_session",
              {{"sessionId", "room"}, {"userId", "cat"}, {"username", "c"}, {"avatar", std::string(1500, 'a')}});
    world.settle();
    for (int i = 0; i < 100; ++i)
      ann.sync(0);
    world.settle();
    cat.drop();
    world.advance(6'000);
    forgetNews(world);
    bob.socket.room = 0;
    for (int i = 1; i <= 400; ++i)
      ann.sync(i, i);
    world.settle();
    REQUIRE(ann.socket.paused);
  }
  World world;
  WsClient ann, bob, cat;
};

}  // namespace

TEST_CASE("a CONNECT that finds no room in the log waits for readers, and ends recovered", "[server][recovery]") {
  const Kind after = GENERATE(Kind::kWebSocket, Kind::kPolling);
  CAPTURE(nameOf(after));
  FullLog full;
  World& world = full.world;
  const auto again = arrive(world, after, 0);
  again->comeBack({{"pid", full.cat.inbox.pid}});
  world.advance(300, 5);
  CHECK(answersToConnect(*again) == 0);
  full.bob.makeRoom(FakeSocket::kAll);
  world.advance(3'000, 5);
  CHECK(again->hasRecovered(full.cat));
  const Strings news = again->inbox.news();
  REQUIRE_FALSE(news.empty());
  CHECK(news.front() == "session_joined cat");
  CHECK(news.back() == "sync 400");
  CHECK(only(full.bob.inbox.news(), "user_joined") == Strings{"user_joined cat"});
  CHECK(only(full.bob.inbox.seen(), "sync").back() == "sync 400");
  CHECK_FALSE(isClosed(*again));
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("a CONNECT that had to wait ends with everything that was missed, or afresh", "[server][recovery]") {
  const Kind after = GENERATE(Kind::kWebSocket, Kind::kPolling);
  const bool leaderGoes = GENERATE(false, true);  // then nothing but the return itself pushes events out
  CAPTURE(nameOf(after), leaderGoes);
  FullLog full;
  World& world = full.world;
  const auto again = arrive(world, after, 0);
  if (leaderGoes) full.ann.drop();
  again->comeBack(full.cat);
  world.advance(300, 5);
  CHECK(answersToConnect(*again) == 0);
  full.bob.makeRoom(FakeSocket::kAll);
  world.advance(3'000, 5);
  CHECK(answersToConnect(*again) == 1);
  CHECK_FALSE(isClosed(*again));
  if (again->hasRecovered(full.cat)) {
    const Strings news = only(again->inbox.news(), "sync");
    REQUIRE_FALSE(news.empty());
    CHECK(news.back() == only(full.bob.inbox.seen(), "sync").back());
  } else {
    CHECK(isFresh(*again, full.cat));
  }
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("a client that is lost while its CONNECT waits can still come back", "[server][recovery]") {
  const Kind after = GENERATE(Kind::kWebSocket, Kind::kPolling);
  CAPTURE(nameOf(after));
  FullLog full;
  World& world = full.world;
  const json auth{{"pid", full.cat.inbox.pid}};
  const auto second = arrive(world, after, 0);
  second->comeBack(auth);
  world.advance(100, 5);
  REQUIRE(answersToConnect(*second) == 0);
  if (auto* polling = dynamic_cast<PollClient*>(second.get())) polling->cancelPosts();
  lose(*second);
  full.bob.makeRoom(FakeSocket::kAll);
  world.advance(500, 5);
  WsClient third(world, 1);
  third.comeBack(auth);
  world.settle();
  CHECK(third.hasRecovered(full.cat));
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("a claim whose CONNECT waited and came to nothing is forgotten in time", "[server][recovery]") {
  const Kind after = GENERATE(Kind::kWebSocket, Kind::kPolling);
  CAPTURE(nameOf(after));
  FullLog full;
  World& world = full.world;
  {
    const auto second = arrive(world, after, 0);
    second->comeBack({{"pid", full.cat.inbox.pid}});
    world.advance(100, 5);
    REQUIRE(answersToConnect(*second) == 0);
    if (auto* polling = dynamic_cast<PollClient*>(second.get())) polling->cancelPosts();
    lose(*second);
  }
  full.bob.makeRoom(FakeSocket::kAll);
  world.advance(130'000, 500);
  CHECK(world.zone.connectionCount() == 2);
  CHECK(world.zone.recoveryCount() == 2);
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("a poll that is answered before its worker knows of the recovery loses no offset", "[server][recovery]") {
  World world;
  WsClient ann(world, 0);
  seat(world, ann, "room", "ann");
  WsClient bob(world, 1);
  seat(world, bob, "room", "bob");
  ann.sync(1);
  world.settle();
  bob.drop();
  ann.sync(2);
  ann.sync(3);
  world.settle();
  PollClient again(world, 0);
  again.polls = true;
  world.settle();
  REQUIRE(again.isWaiting());
  world.held = {0};
  again.slot = 1;
  again.comeBack(bob);  // at worker 1, while the poll waits at worker 0
  again.slot = 0;
  world.env.time = world.env.time.after(25'000);
  world.worker(0).runDeadlines();  // a ping is due
  world.held = {};
  world.settle();
  REQUIRE(again.hasRecovered(bob));
  CHECK(again.inbox.news() == numbered("sync", 2, 3));
  lose(again);
  WsClient third(world, 1);
  third.comeBack(again);
  ann.sync(4);
  world.settle();
  REQUIRE(third.hasRecovered(bob));
  CHECK(third.inbox.news() == Strings{"sync 4"});
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("who was put out by another tab, and heard so on the way, begins afresh", "[server][recovery]") {
  const Kind kind = GENERATE(Kind::kWebSocket, Kind::kPolling);
  const bool isMissed = GENERATE(false, true);  // it is back before its old connection is missed
  CAPTURE(nameOf(kind), isMissed);
  World world;
  WsClient ann(world, 0), tab(world, 0);
  seat(world, ann, "room", "ann");
  const auto bob = arrive(world, kind, 1);
  seat(world, *bob, "room", "bob");
  seat(world, tab, "room", "bob");
  const json before = bob->credentials();
  tab.leave();
  world.settle();  // sent to both, but it may be lost on the way
  if (!isMissed) lose(*bob);
  world.settle();
  WsClient again(world, 1);
  again.comeBack(before);
  world.settle();
  CHECK(isFresh(again, *bob));
  CHECK(again.inbox.news().empty());
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("of one that was put out and came back by its pid nothing is kept", "[server][recovery]") {
  World world;
  WsClient ann(world, 0), tab(world, 0), bob(world, 1);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  seat(world, tab, "room", "bob");
  tab.leave();
  world.settle();
  WsClient again(world, GENERATE(std::uint16_t{0}, std::uint16_t{1}));
  again.comeBack(bob);
  world.settle();
  CHECK(isFresh(again, bob));
  CHECK(bob.closeCode);
  for (WsClient* client : {&ann, &tab, &again})
    client->drop();
  world.settle();
  world.advance(world.zone.settings().recovery + 1'000, 500);
  CHECK(world.zone.recoveryCount() == 0);
}

TEST_CASE("who was put out by another tab and joined again comes back to that", "[server][recovery]") {
  World world;
  WsClient ann(world, 0), tab(world, 0), bob(world, 1);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  seat(world, tab, "room", "bob");
  tab.leave();
  world.settle();
  bob.join("room", "bob");
  world.settle();
  bob.drop();
  ann.sync(1);
  world.settle();
  WsClient again(world, 0);
  again.comeBack(bob);
  world.settle();
  CHECK(again.hasRecovered(bob));
  CHECK(only(again.inbox.news(), "sync") == Strings{"sync 1"});
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("in a full zone a client that cannot have its seat begins afresh, and joins when there is room",
          "[server][recovery][full]") {
  const Kind after = GENERATE(Kind::kWebSocket, Kind::kPolling);
  CAPTURE(nameOf(after));
  World world(2, {}, 2 << 20);
  WsClient ann(world, 0), bob(world, 1);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  bob.drop();
  std::vector<std::pair<std::uint32_t, store::Ref>> filler;
  for (std::uint32_t shard = 0; shard < world.zone.shards(); ++shard) {
    for (auto size = memory::kSizeClasses.rbegin(); size != memory::kSizeClasses.rend(); ++size) {
      for (bool more = true; more;) {
        store::Transaction txn(world.zone.region(), world.zone.sessionShard(shard).header);
        const store::Ref ref = txn.tryAllocate(*size);
        more = ref != 0;
        if (more) filler.emplace_back(shard, ref);
        txn.commit();
      }
    }
  }
  const auto again = arrive(world, after, 1);
  again->comeBack(bob);
  world.settle();
  CHECK(isFresh(*again, bob));
  CHECK(again->inbox.news().empty());
  CHECK(world.zone.membershipCount() == 1);
  for (const auto& [shard, ref] : filler) {
    store::Transaction txn(world.zone.region(), world.zone.sessionShard(shard).header);
    txn.release(ref);
    txn.commit();
  }
  again->join("room", "bob");
  world.settle();
  CHECK(again->inbox.news() == Strings{"session_joined bob"});
  CHECK(world.zone.recoveryCount() == 2);
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("when everything has timed out, every byte is free again", "[server][recovery]") {
  store::ZoneSettings settings;
  settings.disconnectGrace = 1'000;
  settings.userTimeout = 3'000;
  settings.sessionTimeout = 5'000;
  settings.recovery = 4'000;
  World world(2, settings);
  {
    std::vector<std::unique_ptr<Client>> clients;
    for (int i = 0; i < 40; ++i) {
      const Kind kind = i % 3 == 0 ? Kind::kPolling : Kind::kWebSocket;
      clients.push_back(arrive(world, kind, static_cast<std::uint16_t>(i % 2)));
      Client& client = *clients.back();
      if (i % 5 != 4 || i < 5) {
        client.packet("40{\"token\":\"" + std::string(static_cast<std::size_t>(i) * 100, 't') + "\"}");
      } else {
        client.comeBack(*clients[static_cast<std::size_t>(i - 3)]);
      }
      world.settle();
      if (i % 4 != 3) client.join("room " + std::to_string(i % 3), "user " + std::to_string(i % 11));
      world.settle();
      if (i % 6 == 5 && !isClosed(*clients[static_cast<std::size_t>(i - 4)])) {
        lose(*clients[static_cast<std::size_t>(i - 4)]);
      }
      if (i % 7 == 6) client.packet("41");
      world.advance(300);
      REQUIRE_INVARIANTS(world.zone);
    }
  }
  world.advance(30'000, 100);
  CHECK(world.zone.recoveryCount() == 0);
  CHECK(world.zone.userCount() == 0);
  CHECK(isEmpty(world));
  REQUIRE_INVARIANTS(world.zone);
}
