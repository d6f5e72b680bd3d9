// WebSockets go from the workers of one configuration to those of the next, and their clients notice nothing.
#include <catch2/catch.hpp>

#include "tests/unit/worker/world.h"

using namespace mediasync;
using namespace mediasync::server;
using namespace mediasync::server::test;

namespace {

// Workers 0 and 1 are told to end until they have nothing left, and end.
void retireBoth(World& world) {
  for (int round = 0; round < 100; ++round) {
    const bool more = world.retire(0);
    if (!world.retire(1) && !more) break;
    world.settle();
    if (round > 1) world.advance(10, 10);
  }
  world.stop(0);
  world.stop(1);
  world.settle();
}

// Workers 2 and 3 take the place of 0 and 1.
void reloadAll(World& world) {
  world.reload({2, 3});
  retireBoth(world);
}

}  // namespace

TEST_CASE("a reload hands WebSockets over, and nobody misses an event", "[server][handover]") {
  World world;
  WsClient ann(world, 0), bob(world, 0), cat(world, 1);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  seat(world, cat, "room", "cat");
  forgetNews(world);
  ann.sync(1);
  world.settle();
  world.reload({2, 3});
  ann.sync(2);
  CHECK(world.retire(0));
  CHECK(world.retire(1));
  ann.sync(3);  // lies in the socket until someone reads it
  world.settle();
  ann.sync(4);
  world.settle();
  for (WsClient* client : {&ann, &bob, &cat}) {
    CHECK(client->inbox.news() == numbered("sync", 1, 4));
    CHECK(client->slot() >= 2);
    CHECK(client->socket.letGoes == 1);
    CHECK(client->socket.strayWrites == 0);
    CHECK_FALSE(client->closeCode);
  }
  CHECK_FALSE(world.retire(0));
  CHECK_FALSE(world.retire(1));
  world.stop(0);
  world.stop(1);
  ann.sync(5);
  world.advance(60'000, 500);
  for (WsClient* client : {&ann, &bob, &cat}) {
    CHECK(client->inbox.news() == Strings{"sync 5"});
    CHECK_FALSE(client->closeCode);
    CHECK(client->inbox.pings == 2);
  }
  CHECK(world.zone.connectionCount() == 3);
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("a POST that waits for readers keeps a worker that ends, and is answered", "[server][handover]") {
  World world;
  WsClient ann(world, 1);
  PollClient bob(world, 0);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  ann.sync(1);  // bob has it to collect before he can leave
  FakePost& leaving = bob.post("427[\"leave_session\"]");
  CHECK_FALSE(leaving.isFinished);
  world.reload({2, 3});
  for (int i = 0; i < 10; ++i) {
    CHECK(world.retire(0));
    world.advance(20, 5);
  }
  CHECK_FALSE(leaving.isFinished);
  bob.slot = 2;
  bob.polls = true;
  world.advance(500, 5);
  CHECK(leaving.isFinished);
  CHECK_FALSE(leaving.error);
  CHECK_FALSE(world.retire(0));
  world.stop(0);
  world.settle();
  CHECK(only(bob.inbox.news(), "ack") == Strings{"ack 7 ok"});
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("what is told while a WebSocket is on its way is sent by whoever takes it", "[server][handover]") {
  World world(3);
  WsClient ann(world, 2), bob(world, 0);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  forgetNews(world);
  world.reload({3});
  world.held = {3};
  CHECK(world.retire(0));
  REQUIRE(bob.socket.gift);
  for (int i = 1; i <= 10; ++i)
    ann.sync(i);
  world.settle();
  CHECK(bob.inbox.news().empty());
  const bool dies = GENERATE(false, true);
  if (dies) ann.drop();
  world.held = {};
  world.settle();
  CHECK(bob.slot() == 3);
  CHECK(bob.inbox.news() == numbered("sync", 1, 10));
  CHECK(bob.socket.strayWrites == 0);
  bob.event("heartbeat", nullptr, 4);
  world.settle();
  CHECK(bob.inbox.news() == Strings{"heartbeat_ack", "ack 4 ok"});
  world.stop(0);
  world.advance(10'000);
  CHECK_FALSE(bob.closeCode);
  CHECK(bob.inbox.news() == (dies ? Strings{"user_left ann", "leader bob"} : Strings{}));
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("the log keeps what a WebSocket on its way has yet to be sent", "[server][handover]") {
  store::ZoneSettings settings;
  settings.logLimit = store::Zone::kMinLog;
  World world(2, settings);
  WsClient ann(world, 1), bob(world, 0);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  forgetNews(world);
  world.reload({2});
  world.held = {2};
  world.retire(0);
  REQUIRE(bob.socket.gift);
  for (int i = 1; i <= 60; ++i) {
    ann.event("load_media", {{"mediaUrl", std::string(500, 'x') + std::to_string(i)}, {"mediaId", "m"}});
    world.settle();
  }
  CHECK(ann.socket.paused);
  world.held = {};
  world.advance(200, 5);
  CHECK(bob.slot() == 2);
  CHECK(only(bob.inbox.news(), "media").size() == 60);
  CHECK_FALSE(bob.closeCode);
  CHECK_FALSE(ann.socket.paused);
}

TEST_CASE("an offer that is not taken is withdrawn, and the WebSocket goes elsewhere", "[server][handover]") {
  World world(2);
  WsClient ann(world, 1), bob(world, 0);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  forgetNews(world);
  world.reload({2, 3});
  world.retire(0);
  REQUIRE(bob.socket.gift);
  const std::uint16_t target = bob.socket.gift->slot;
  const FakeSocket::Gift late = *bob.socket.gift;
  const bool isDead = GENERATE(false, true);
  if (isDead) {
    world.kill(target);
  } else {
    world.held = {target};
  }
  ann.sync(1);
  world.advance(900);
  CHECK(bob.inbox.news().empty());
  ann.sync(2);
  world.advance(200);
  CHECK_FALSE(bob.socket.gift);
  CHECK(bob.slot() == 0);
  CHECK(bob.inbox.news() == numbered("sync", 1, 2));
  if (!isDead) {  // it wakes up now
    FakeSocket other;
    world.held = {};
    CHECK(world.worker(target).reload().adopt(late.parcel, other, Options()) == nullptr);
    CHECK(other.writes == 0);
  }
  world.retire(0);
  world.settle();
  CHECK(bob.slot() == (target == 2 ? 3 : 2));
  ann.sync(3);
  world.settle();
  CHECK(bob.inbox.news() == Strings{"sync 3"});
  world.stop(0);
  world.advance(60'000, 500);
  CHECK_FALSE(bob.closeCode);
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("a worker that dies with an offer out leaves a lost connection", "[server][handover]") {
  World world(2);
  WsClient ann(world, 1), bob(world, 0);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  forgetNews(world);
  world.reload({2});
  world.held = {2};
  world.retire(0);
  REQUIRE(bob.socket.gift);
  const bool isFirst = GENERATE(false, true);  // the new worker sees the offer before anyone sees the death
  world.kill(0);
  if (!isFirst) world.advance(1'000);
  world.held = {};
  world.settle();
  if (isFirst) {
    CHECK(bob.slot() == 2);
    ann.sync(1);
    world.advance(10'000);
    CHECK(bob.inbox.news() == Strings{"sync 1"});
    CHECK(ann.inbox.news() == Strings{"sync 1"});
    CHECK(world.zone.connectionCount() == 2);
  } else {
    CHECK(bob.socket.finished);
    world.advance(10'000);
    CHECK(ann.inbox.news() == Strings{"user_left bob"});
    CHECK(world.zone.connectionCount() == 1);
  }
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("the new worker dies after it took a WebSocket: it is a lost connection", "[server][handover]") {
  World world(2);
  WsClient ann(world, 1), bob(world, 0);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  forgetNews(world);
  world.reload({2});
  world.held = {0};  // it has yet to learn that its offer was taken
  world.retire(0);
  world.settle();
  CHECK(bob.slot() == 2);
  CHECK(bob.socket.letGoes == 0);
  world.kill(2);
  world.held = {};
  world.advance(2'000);
  CHECK(bob.socket.letGoes == 1);
  world.advance(6'000);
  CHECK(ann.inbox.news() == Strings{"user_left bob"});
  CHECK(world.zone.connectionCount() == 1);
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("heartbeats go on over handovers", "[server][handover]") {
  World world;
  Options options;
  options.engine.pingInterval = 10'000;
  options.engine.pingTimeout = 5'000;
  WsClient alive(world, 0, options), silent(world, 1, options);
  silent.answersPings = false;
  alive.packet("40");
  silent.packet("40");
  world.advance(9'900);
  const bool isPinged = GENERATE(false, true);
  if (isPinged) world.advance(200);
  reloadAll(world);  // with other times, which the clients were not told of
  if (!isPinged) world.advance(200);
  CHECK(alive.inbox.pings == 1);
  CHECK(silent.inbox.pings == 1);
  world.advance(4'000);
  CHECK_FALSE(silent.closeCode);
  world.advance(1'500);
  CHECK(silent.closeCode == 1000);
  world.advance(50'000, 500);
  CHECK_FALSE(alive.closeCode);
  CHECK(alive.inbox.pings >= 5);
}

TEST_CASE("clients of Engine.IO 3 are handed over", "[server][handover]") {
  World world;
  Agreement old;
  old.protocol.revision = engineio::Revision::kV3;
  WsClient ann(world, 0, {}, old), bob(world, 1);
  ann.join("room", "ann");
  seat(world, bob, "room", "bob");
  forgetNews(world);
  reloadAll(world);
  ann.sync(1);
  ann.packet("2");
  world.settle();
  CHECK(ann.inbox.all.back() == "3");
  CHECK(bob.inbox.news() == Strings{"sync 1"});
  CHECK_FALSE(ann.closeCode);
}

TEST_CASE("compression goes on over a handover", "[server][handover]") {
  World world;
  Agreement agreement;
  agreement.compression = Compression{10, 6, 0};
  WsClient ann(world, 0), bob(world, 1, {}, agreement);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  forgetNews(world);
  reloadAll(world);
  const int before = bob.compressed;
  ann.sync(1);
  bob.send(compressedFrame("422[\"heartbeat\"]"));
  world.settle();
  CHECK(bob.compressed == before + 3);
  CHECK(only(bob.inbox.news(), "ack") == Strings{"ack 2 ok"});
  CHECK_FALSE(bob.closeCode);
}

TEST_CASE("a peer that has yet to read takes what it was being sent along", "[server][handover]") {
  World world;
  WsClient ann(world, 0), bob(world, 1);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  forgetNews(world);
  bob.socket.room = 10;  // in the middle of a frame
  for (int i = 1; i <= 30; ++i)
    ann.sync(i);
  world.settle();
  bob.packet("423[\"heartbeat\"]");
  reloadAll(world);
  CHECK(bob.slot() >= 2);
  for (int i = 31; i <= 40; ++i)
    ann.sync(i);
  world.settle();
  for (int i = 0; i < 200; ++i) {
    bob.makeRoom(37);
    world.settle();
  }
  bob.makeRoom(FakeSocket::kAll);
  world.settle();
  const Strings news = bob.inbox.news();
  CHECK(only(news, "sync") == numbered("sync", 1, 40));
  CHECK(only(news, "ack") == Strings{"ack 3 ok"});
  CHECK_FALSE(bob.closeCode);
}

TEST_CASE("a message of which a part has come goes on at the next worker", "[server][handover]") {
  World world;
  WsClient ann(world, 0);
  seat(world, ann, "room", "ann");
  forgetNews(world);
  std::string bytes = clientFrame("421[\"heart");
  bytes[0] = 1;  // not the last frame
  std::string last = clientFrame("beat\"]", 0);
  bytes += clientFrame("ping", 9) + last + clientFrame("422[\"heartbeat\"]");
  const auto cut = GENERATE(range(1, 50));
  if (static_cast<std::size_t>(cut) < bytes.size()) {
    ann.send(bytes.substr(0, static_cast<std::size_t>(cut)));
    world.settle();
    world.reload({2, 3});
    retireBoth(world);
    CHECK(ann.slot() >= 2);
    ann.send(bytes.substr(static_cast<std::size_t>(cut)));
    world.settle();
    CHECK(only(ann.inbox.news(), "ack") == Strings{"ack 1 ok", "ack 2 ok"});
    CHECK(ann.pongs == Strings{"ping"});
    CHECK_FALSE(ann.closeCode);
  }
}

TEST_CASE("a WebSocket whose location is gone is closed", "[server][handover]") {
  World world;
  WsClient ann(world, 0), bob(world, 1);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  forgetNews(world);
  const bool isOther = GENERATE(false, true);  // there is one, of another application
  ann.isDeclined = !isOther;
  if (isOther) ann.nextOptions.application = Application::kEngineEcho;
  reloadAll(world);
  CHECK(ann.closeCode == 1001);
  CHECK_FALSE(bob.closeCode);
  world.advance(6'000);
  CHECK(bob.inbox.news() == Strings{"user_left ann", "leader bob"});
}

TEST_CASE("without newer workers, or for sockets that cannot be given, there is the goodbye", "[server][handover]") {
  World world;
  WsClient ann(world, 0), bob(world, 1);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  CHECK_FALSE(world.worker(0).isOutdated());
  ann.socket.portable = false;
  bob.socket.giving = WebSocket::Giving::kFull;
  world.reload({2});
  CHECK(world.worker(0).isOutdated());
  CHECK_FALSE(world.worker(2).isOutdated());
  CHECK(world.retire(0));
  world.env.time = world.env.time.after(2'000);
  CHECK(world.retire(0));
  world.settle();
  CHECK(ann.closeCode == 1001);
  CHECK_FALSE(world.retire(0));
  for (int i = 0; i < 10; ++i)
    CHECK(world.retire(1));
  world.env.time = world.env.time.after(2'999);
  CHECK(world.retire(1));
  world.env.time = world.env.time.after(1);
  CHECK_FALSE(world.retire(1));  // it has taken too long
  bob.sync(1);
  world.settle();
  CHECK_FALSE(bob.closeCode);
  world.stop(1);
  CHECK(bob.closeCode == 1001);
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("a worker that ends with offers out takes them back first", "[server][handover]") {
  World world;
  WsClient ann(world, 0), bob(world, 1);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  forgetNews(world);
  world.reload({2});
  world.held = {2};
  world.retire(0);
  REQUIRE(ann.socket.gift);
  const FakeSocket::Gift gift = *ann.socket.gift;
  world.stop(0);
  CHECK(ann.closeCode == 1001);
  world.held = {};
  FakeSocket other;
  CHECK(world.worker(2).reload().adopt(gift.parcel, other, Options()) == nullptr);
  CHECK(other.writes == 0);
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("commands that wait go along, and upgrades that have begun are finished first", "[server][handover]") {
  store::ZoneSettings settings;
  settings.logLimit = store::Zone::kMinLog;
  World world(2, settings);
  WsClient ann(world, 0), bob(world, 1);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  PollClient cat(world, 0);
  cat.polls = true;
  seat(world, cat, "room", "cat");
  forgetNews(world);
  bob.socket.room = 0;
  for (int i = 1; i <= 60; ++i) {
    ann.event("load_media", {{"mediaUrl", std::string(500, 'x') + std::to_string(i)}, {"mediaId", "m"}});
    world.settle();
  }
  REQUIRE(ann.socket.paused);
  WsClient upgraded(world, 0, cat.sid, WsClient::Probe());
  cat.polls = false;
  upgraded.packet("2probe");
  world.settle();
  world.reload({2, 3});
  CHECK(world.retire(0));
  world.settle();
  CHECK(ann.slot() >= 2);
  CHECK(ann.socket.paused);
  CHECK(upgraded.slot() == 0);
  CHECK(world.retire(0));
  upgraded.packet("5");
  bob.makeRoom(FakeSocket::kAll);
  world.advance(300, 5);
  retireBoth(world);
  CHECK(ann.slot() >= 2);
  CHECK(upgraded.slot() >= 2);
  world.advance(500, 5);
  ann.sync(7);
  world.settle();
  CHECK(only(bob.inbox.news(), "media").size() == 60);
  Strings seen = cat.inbox.news();
  for (const std::string& line : upgraded.inbox.news())
    seen.push_back(line);
  CHECK(only(seen, "media").size() == 60);
  CHECK(seen.back() == "sync 7");
  for (WsClient* client : {&ann, &bob, &upgraded})
    CHECK_FALSE(client->closeCode);
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("a command that waits is carried out once, with all that came behind it, whoever ends up with it",
          "[server][handover]") {
  store::ZoneSettings settings;
  settings.logLimit = store::Zone::kMinLog;
  World world(2, settings);
  WsClient ann(world, 0), bob(world, 1);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  forgetNews(world);
  bob.socket.room = 0;
  constexpr std::size_t kCount = 60;
  std::string frames;
  for (std::size_t i = 1; i <= kCount; ++i) {
    const json media{{"mediaUrl", std::string(500, 'x')}, {"mediaId", std::to_string(i)}};
    frames += clientFrame("42" + std::to_string(i) + json{"load_media", media}.dump());
  }
  ann.send(frames);
  world.settle();
  REQUIRE(ann.socket.paused);
  world.reload({2});
  const bool isHeld = GENERATE(false, true);  // then the offer is withdrawn, while the command can be carried out
  if (isHeld) world.held = {2};
  CHECK(world.retire(0));
  bob.makeRoom(FakeSocket::kAll);
  if (isHeld) world.advance(900, 5);
  if (isHeld) CHECK(only(ann.inbox.news(), "ack").size() < kCount);
  if (isHeld) world.advance(200, 5);
  world.advance(300, 5);
  CHECK(ann.slot() == (isHeld ? 0 : 2));
  CHECK(bob.inbox.events("media_loaded").size() == kCount);
  CHECK_FALSE(ann.socket.paused);
  CHECK_FALSE(ann.closeCode);
  CHECK(ann.socket.strayWrites == 0);
  world.held = {};
  ann.sync(1);
  world.settle();
  CHECK(only(bob.inbox.news(), "sync") == Strings{"sync 1"});
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("reload after reload, with some workers slow and some killed, loses nothing that was not cut",
          "[server][handover]") {
  World world(2);
  std::uint32_t seed = GENERATE(range(1u, 9u));
  const bool kills = seed % 2 == 0;
  const auto random = [&seed](std::uint32_t n) {
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % n;
  };
  std::vector<std::unique_ptr<WsClient>> clients;
  for (int i = 0; i < 8; ++i) {
    clients.push_back(std::make_unique<WsClient>(world, static_cast<std::uint16_t>(i % 2)));
    seat(world, *clients.back(), "room", "user" + std::to_string(i));
  }
  WsClient& leader = *clients.front();
  forgetNews(world);
  int said = 0;
  std::set<std::uint16_t> before{0, 1};
  const auto talk = [&] {
    if (!leader.socket.finished) leader.sync(++said);
  };
  for (int reload = 0; reload < 12; ++reload) {
    const std::uint16_t base = reload % 2 == 0 ? 2 : 0;
    const std::set<std::uint16_t> next{base, static_cast<std::uint16_t>(base + 1)};
    world.reload({base, static_cast<std::uint16_t>(base + 1)});
    for (int step = 0; step < 40; ++step) {
      world.held.clear();
      if (random(2) == 0) world.held.insert(static_cast<std::uint16_t>(random(4)));
      for (const std::uint16_t slot : before) {
        if (world.runs(slot) && !world.held.contains(slot)) world.retire(slot);
      }
      talk();
      if (kills && random(60) == 0) {
        const auto victim = static_cast<std::uint16_t>(random(4));
        if (world.runs(victim)) world.kill(victim);
        if (next.contains(victim)) world.start(victim);
      }
      world.advance(1 + random(40), 10);
    }
    world.held.clear();
    world.advance(1'500, 50);
    for (const std::uint16_t slot : before) {
      if (world.runs(slot)) world.stop(slot);
    }
    before = next;
    world.settle();
  }
  for (const auto& client : clients) {
    if (!kills) {
      CHECK_FALSE(client->socket.finished);
      CHECK(client->slot() < 2);
    }
    CHECK(client->socket.strayWrites == 0);
    if (client->socket.finished) continue;
    CHECK(only(client->inbox.news(), "sync") == numbered("sync", 1, said));
  }
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("a WebSocket goes on only where users are known as they were", "[server][handover][identity]") {
  const bool wasKnown = GENERATE(false, true), isKnown = GENERATE(false, true);
  CAPTURE(wasKnown, isKnown);
  World world;
  Options options;
  if (wasKnown) options.user = "bob";
  WsClient bob(world, 0, options);
  seat(world, bob, "room", "bob");
  world.reload({2});
  world.held = {2};
  world.retire(0);
  REQUIRE(bob.socket.gift);
  const FakeSocket::Gift gift = *std::exchange(bob.socket.gift, std::nullopt);
  FakeSocket other;
  const auto channel = world.worker(2).reload().adopt(gift.parcel, other, Options(), isKnown);
  CHECK((channel != nullptr) == (wasKnown == isKnown));
  if (channel != nullptr) world.worker(2).sockets().gone(*channel);
}

TEST_CASE("a parcel that is damaged anywhere is declined, or harms nobody", "[server][handover]") {
  std::size_t size = 1;
  int adopted = 0;
  for (std::size_t at = 0; at < size; ++at) {
    World world(1);
    WsClient ann(world, 0), bob(world, 0);
    seat(world, ann, "room", "ann");
    seat(world, bob, "room", "bob");
    world.reload({1});
    world.held = {1};
    world.retire(0);
    REQUIRE(bob.socket.gift);
    std::string& parcel = bob.socket.gift->parcel;
    size = parcel.size();
    parcel[at] = static_cast<char>(parcel[at] ^ 0x82);
    world.held = {};
    world.advance(2'000, 200);
    adopted += bob.slot() == 1;
    CHECK(ann.slot() == 1);
    CHECK_FALSE(ann.closeCode);
    ann.sync(1);
    world.advance(1'000, 200);
    CHECK(only(ann.inbox.news(), "sync") == numbered("sync", 1, 1));
    REQUIRE_INVARIANTS(world.zone);
  }
  CHECK(adopted > 0);
}

TEST_CASE("a worker that a second reload overtakes sends everybody away at once", "[server][handover]") {
  store::ZoneSettings settings;
  settings.drain = 10'000;
  World world(1, settings);
  WsClient socket(world, 0);
  socket.socket.portable = false;
  seat(world, socket, "room", "ann");
  PollClient polling(world, 0);
  seat(world, polling, "room", "bob");
  polling.poll();
  polling.poll();
  REQUIRE(polling.isWaiting());
  world.reload({1});
  CHECK(world.retire(0));
  world.settle();
  const bool isEarly = !socket.closeCode && polling.isWaiting();  // as a rule, it depends on the random moments
  world.reload({2});
  for (int i = 0; i < 3; ++i) {
    world.retire(0);
    world.settle();
  }
  CHECK(isEarly);
  CHECK(socket.closeCode == 1001);
  CHECK_FALSE(polling.isWaiting());
  CHECK_FALSE(world.retire(0));
}

TEST_CASE("clients that cannot be handed over are sent away one by one, over the whole drain", "[server][handover]") {
  store::ZoneSettings settings;
  settings.drain = GENERATE(2'000, 10'000);
  World world(1, settings, 8 << 20);
  constexpr int kEach = 100;
  std::vector<std::unique_ptr<WsClient>> sockets;
  std::vector<std::unique_ptr<PollClient>> polls;
  for (int i = 0; i < kEach; ++i) {
    sockets.push_back(std::make_unique<WsClient>(world, 0));
    sockets.back()->socket.portable = false;
    seat(world, *sockets.back(), "room", "w" + std::to_string(i));
    polls.push_back(std::make_unique<PollClient>(world, 0));
    polls.back()->packet("40");
    polls.back()->poll();
    polls.back()->poll();
    REQUIRE(polls.back()->isWaiting());
  }
  forgetNews(world);
  world.reload({1});
  std::vector<int> gone;  // by tenths of the drain
  std::vector<int> order;
  for (int tenth = 0; tenth < 10; ++tenth) {
    for (std::int64_t ms = 0; ms < settings.drain / 10; ms += 5) {
      world.retire(0);
      world.advance(5, 5);
      for (int i = 0; i < kEach; ++i) {
        const bool isNew = std::find(order.begin(), order.end(), i) == order.end();
        if (sockets[static_cast<std::size_t>(i)]->closeCode && isNew) order.push_back(i);
      }
    }
    const auto left = std::count_if(polls.begin(), polls.end(), [](const auto& one) { return one->isWaiting(); });
    gone.push_back(static_cast<int>(order.size()) + kEach - static_cast<int>(left));
  }
  world.retire(0);
  world.settle();
  for (int tenth = 0; tenth < 10; ++tenth) {
    CAPTURE(tenth, gone);
    CHECK(gone[static_cast<std::size_t>(tenth)] >= 20 * (tenth + 1) - 4);
    CHECK(gone[static_cast<std::size_t>(tenth)] <= 20 * (tenth + 1) + 4);
  }
  CHECK_FALSE(std::is_sorted(order.begin(), order.end()));
  for (const auto& one : sockets) {
    CHECK(one->closeCode == 1001);
    CHECK(one->socket.strayWrites == 0);
  }
  for (const auto& one : polls)
    CHECK(one->inbox.all.back() == "6");
  CHECK_FALSE(world.retire(0));
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("who waits to be sent away is served meanwhile, and its events are not doubled", "[server][handover]") {
  World world(2);
  WsClient ann(world, 1), bob(world, 0);
  bob.socket.portable = false;
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  forgetNews(world);
  world.reload({2});
  int said = 0;
  for (int i = 0; i < 500 && !bob.closeCode; ++i) {
    CHECK(world.retire(0));
    if (i == 0) ann.sync(++said);
    world.advance(5, 5);
  }
  CHECK(bob.inbox.news() == numbered("sync", 1, said));
  CHECK(bob.closeCode == 1001);
  ann.sync(++said);
  WsClient back(world, 2);
  back.comeBack(bob);
  world.settle();
  CHECK(back.hasRecovered(bob));
  CHECK(back.inbox.news() == Strings{"sync 2"});
}

TEST_CASE("a WebSocket in the middle of something is sent away when that is done, or when the drain is over",
          "[server][handover]") {
  World world(1);
  WsClient ann(world, 0);
  ann.socket.portable = false;
  seat(world, ann, "room", "ann");
  const bool finishes = GENERATE(false, true);
  ann.socket.room = 10;  // in the middle of a frame
  ann.event("heartbeat", nullptr, 1);
  world.settle();
  world.reload({1});
  for (int i = 0; i < 399; ++i) {
    CHECK(world.retire(0));
    world.advance(5, 5);
  }
  CHECK_FALSE(ann.socket.finished);
  if (finishes) ann.makeRoom(FakeSocket::kAll);
  CHECK(world.retire(0));
  CHECK(ann.socket.finished == finishes);
  world.advance(10, 5);
  world.retire(0);
  CHECK(ann.socket.finished);
}

TEST_CASE("nobody waits for a drain when all can be handed over", "[server][handover]") {
  World world(1);
  WsClient ann(world, 0), bob(world, 0);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  world.reload({1});
  const std::int64_t start = world.env.time.mono;
  while (world.retire(0))
    world.settle();
  CHECK(world.env.time.mono == start);
  CHECK_FALSE(ann.closeCode);
  CHECK_FALSE(bob.closeCode);
}

TEST_CASE("a command that waits is done before its client is sent away", "[server][handover]") {
  store::ZoneSettings settings;
  settings.logLimit = store::Zone::kMinLog;
  settings.drain = 500;
  World world(2, settings);
  WsClient ann(world, 0), bob(world, 1);
  ann.socket.portable = false;
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  forgetNews(world);
  bob.socket.room = 0;
  for (int i = 1; i <= 60; ++i) {
    ann.event("load_media", {{"mediaUrl", std::string(500, 'x') + std::to_string(i)}, {"mediaId", "m"}});
    world.settle();
  }
  REQUIRE(ann.socket.paused);
  world.reload({2});
  for (int i = 0; i < 98; ++i) {
    CHECK(world.retire(0));
    world.advance(5, 5);
  }
  CHECK_FALSE(ann.closeCode);
  bob.makeRoom(FakeSocket::kAll);
  for (int i = 0; i < 200 && world.retire(0); ++i)
    world.advance(5, 5);
  CHECK(ann.closeCode == 1001);
}
