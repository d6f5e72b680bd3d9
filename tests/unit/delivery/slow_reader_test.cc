// A reader whose socket is full: what it costs, what it gets, and what the others notice.
#include <catch2/catch.hpp>

#include "tests/unit/worker/world.h"

#if defined(__SANITIZE_ADDRESS__)
extern "C" std::size_t __sanitizer_get_current_allocated_bytes();
#endif

using namespace mediasync;
using namespace mediasync::server;
using namespace mediasync::server::test;

namespace {

std::size_t heapBytes() {
#if defined(__SANITIZE_ADDRESS__)
  return __sanitizer_get_current_allocated_bytes();
#else
  return 0;
#endif
}

store::ZoneSettings smallLog() {
  store::ZoneSettings settings;
  settings.logLimit = store::Zone::kMinLog;
  return settings;
}

// True when the numbers of "sync N" lines only grow.
bool isRising(const Strings& lines) {
  int last = -1;
  for (const std::string& line : lines) {
    const int number = std::stoi(line.substr(5));
    if (number <= last) return false;
    last = number;
  }
  return true;
}

}  // namespace

TEST_CASE("a socket that takes a few bytes at a time gets every event whole, once and in order", "[server][slow]") {
  World world;
  WsClient ann(world, 0), bob(world, 1);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  forgetNews(world);
  for (int i = 1; i <= 50; ++i) {
    bob.socket.room = static_cast<std::size_t>(i) * 7 % 60;
    ann.sync(i);
    world.settle();
  }
  for (int i = 0; i < 2000; ++i)
    bob.makeRoom(13);
  CHECK(bob.inbox.news() == numbered("sync", 1, 50));
  CHECK(ann.inbox.news() == numbered("sync", 1, 50));
}

TEST_CASE("a socket that takes nothing for less than the patience gets everything afterwards", "[server][slow]") {
  World world;
  WsClient ann(world, 0), bob(world, 1), cat(world, 1);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  seat(world, cat, "room", "cat");
  forgetNews(world);
  bob.socket.room = 0;
  for (int i = 1; i <= 200; ++i) {
    ann.sync(i);
    world.settle();
  }
  CHECK(cat.inbox.news() == numbered("sync", 1, 200));  // unaffected
  CHECK(bob.inbox.news().empty());
  world.advance(kReaderPatience / 2);
  bob.makeRoom(FakeSocket::kAll);
  world.settle();
  CHECK(bob.inbox.news() == numbered("sync", 1, 200));
  ann.sync(201);
  world.settle();
  CHECK(bob.inbox.news() == Strings{"sync 201"});
}

TEST_CASE("a full socket costs no memory for events, however many there are", "[server][slow]") {
  World world(2, smallLog());
  WsClient ann(world, 0), bob(world, 1);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  bob.socket.room = 0;
  ann.sync(0);
  world.advance(kReaderPatience + 500);
  for (int i = 0; i < 100; ++i)
    ann.sync(i);
  world.settle();
  ann.inbox.all.clear();
  ann.inbox.news();
  const std::size_t before = heapBytes();
  for (int round = 0; round < 30; ++round) {
    for (int i = 0; i < 100; ++i)
      ann.sync(i);
    world.settle();
    ann.inbox.all.clear();
    ann.inbox.news();
  }
  CHECK(heapBytes() < before + 100 * 1024);
  CHECK_FALSE(bob.closeCode);
}

TEST_CASE("beyond the patience superseded playback_sync events are skipped, and nothing else", "[server][slow]") {
  World world(2, smallLog());
  WsClient ann(world, 0), bob(world, 1);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  forgetNews(world);
  bob.socket.room = 0;
  for (int i = 1; i <= 10; ++i)
    ann.sync(i);
  ann.event("load_media", {{"mediaUrl", "film"}});
  WsClient cat(world, 0);
  seat(world, cat, "room", "cat");
  for (int i = 11; i <= 20; ++i)
    ann.sync(i);
  world.settle();
  world.advance(kReaderPatience + 200);
  bob.makeRoom(FakeSocket::kAll);
  world.settle();
  const Strings news = bob.inbox.news();
  CHECK(only(news, "media") == Strings{"media film"});
  CHECK(only(news, "user_joined") == Strings{"user_joined cat"});
  REQUIRE_FALSE(news.empty());
  CHECK(news.back() == "sync 20");  // the newest is never skipped
  CHECK(only(news, "sync").size() < 20);
  CHECK(isRising(only(news, "sync")));
  CHECK(world.worker(1).counters().skipped > 0);
}

TEST_CASE("within the patience nothing is skipped, even at its last moment", "[server][slow]") {
  World world;
  WsClient ann(world, 0), bob(world, 1);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  forgetNews(world);
  bob.socket.room = 0;
  for (int i = 1; i <= 20; ++i)
    ann.sync(i);
  world.settle();
  world.advance(kReaderPatience - 100);
  bob.makeRoom(FakeSocket::kAll);
  world.settle();
  CHECK(bob.inbox.news() == numbered("sync", 1, 20));
  CHECK(world.worker(1).counters().skipped == 0);
}

TEST_CASE("a reader that falls behind again and again gets everything in order", "[server][slow]") {
  World world;
  WsClient ann(world, 0), bob(world, 0);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  forgetNews(world);
  int sent = 0;
  for (int round = 0; round < 40; ++round) {
    bob.socket.room = static_cast<std::size_t>(round) * 37 % 400;
    for (int i = 0; i < 5; ++i)
      ann.sync(++sent);
    world.advance(100, 50);
    bob.makeRoom(static_cast<std::size_t>(round % 3) * 500);
    world.settle();
    if (round % 4 == 3) bob.makeRoom(FakeSocket::kAll);
    world.settle();
  }
  bob.makeRoom(FakeSocket::kAll);
  world.settle();
  CHECK(only(bob.inbox.news(), "sync") == numbered("sync", 1, sent));
}

TEST_CASE("while a reader is behind a leader with a full log waits, and is then carried out in order",
          "[server][backpressure]") {
  World world(2, smallLog());
  WsClient ann(world, 0), bob(world, 1);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  forgetNews(world);
  bob.socket.room = 0;
  constexpr int kMany = 400;  // several times what the log holds
  for (int i = 1; i <= kMany; ++i)
    ann.sync(i, i);
  world.settle();
  const std::size_t acknowledged = only(ann.inbox.seen(), "ack").size();
  CHECK(acknowledged > 20);
  CHECK(acknowledged < kMany);  // the rest waits
  CHECK(ann.socket.paused);     // in the client's socket, not in ours
  world.advance(500, 5);
  CHECK(only(ann.inbox.seen(), "ack").size() == acknowledged);
  bob.makeRoom(FakeSocket::kAll);
  world.advance(3'000, 5);
  Strings acks;
  for (int i = 1; i <= kMany; ++i)
    acks.push_back("ack " + std::to_string(i) + " ok");
  CHECK(only(ann.inbox.seen(), "ack") == acks);
  CHECK(only(ann.inbox.seen(), "sync") == numbered("sync", 1, kMany));
  CHECK(only(bob.inbox.seen(), "sync") == numbered("sync", 1, kMany));
  CHECK_FALSE(ann.socket.paused);
  ann.event("heartbeat", nullptr);
  CHECK(ann.inbox.seen().back() == "heartbeat_ack");
}

TEST_CASE("a leader does not wait for ever for a reader that takes nothing", "[server][backpressure]") {
  World world(2, smallLog());
  WsClient ann(world, 0), bob(world, 1);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  bob.socket.room = 0;
  for (int i = 1; i <= 400; ++i)
    ann.sync(i);
  world.advance(kReaderPatience + 1'500, 5);
  CHECK(only(ann.inbox.seen(), "sync") == numbered("sync", 1, 400));
  bob.makeRoom(FakeSocket::kAll);
  world.settle();
  CHECK_FALSE(bob.closeCode);  // only playback_sync events were dropped
  CHECK(bob.inbox.seen().back() == "sync 400");
}

TEST_CASE("a leader over polling waits in the same way", "[server][backpressure]") {
  World world(2, smallLog());
  PollClient ann(world, 0);
  ann.polls = true;
  WsClient bob(world, 1);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  forgetNews(world);
  bob.socket.room = 0;
  std::string body;
  for (int i = 1; i <= 400; ++i) {
    body += (i == 1 ? "" : "\x1e") + std::string("42") +
            json{"sync_playback", {{"position", i}, {"isPlaying", true}}}.dump();
  }
  FakePost& job = ann.post(body);
  world.settle();
  world.advance(100, 5);
  CHECK_FALSE(job.isFinished);
  bob.makeRoom(FakeSocket::kAll);
  world.advance(3'000, 5);
  CHECK(job.isFinished);
  CHECK_FALSE(job.error);
  CHECK(only(bob.inbox.news(), "sync") == numbered("sync", 1, 400));
  CHECK(only(ann.inbox.news(), "sync") == numbered("sync", 1, 400));
}

TEST_CASE("a reader that went to another worker is not waited for at the one it came from", "[server][backpressure]") {
  World world(2, smallLog());
  WsClient ann(world, 0), bob(world, 1);
  PollClient eve(world, 1);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  eve.polls = true;
  seat(world, eve, "room", "eve");
  eve.polls = false;
  ann.sync(0);  // ends the poll: from now on eve is behind
  world.settle();
  for (int i = 1; i <= 20; ++i)
    ann.sync(i);
  world.settle();
  eve.slot = 0;
  eve.polls = true;
  world.settle();
  forgetNews(world);
  for (int i = 1; i <= 500; ++i)
    ann.sync(i);
  world.advance(1'000);
  CHECK(bob.inbox.news() == numbered("sync", 1, 500));
  CHECK(eve.inbox.news() == numbered("sync", 1, 500));
}

TEST_CASE("what a member who polls has yet to read stays in the log when its worker ends", "[server][backpressure]") {
  const bool isKilled = GENERATE(true, false);
  const bool isAdopted = GENERATE(true, false);
  const bool polls = GENERATE(true, false);
  CAPTURE(isKilled, isAdopted, polls);
  World world(2, smallLog());
  PollClient bob(world, 0);
  WsClient ann(world, 1);
  bob.polls = true;
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  world.settle();
  forgetNews(world);
  bob.polls = polls;
  if (!polls) {
    for (int i = 1; i <= 5; ++i)
      ann.sync(i);
    world.settle();
  }
  isKilled ? world.kill(0) : world.stop(0);
  if (isAdopted) world.advance(200, 200);
  for (int i = polls ? 1 : 6; i <= 400; ++i)
    ann.sync(i);  // several times what the log holds
  world.advance(200);
  bob.slot = 1;
  bob.polls = true;
  world.advance(2'000, 5);
  CHECK(bob.inbox.news() == numbered("sync", 1, 400));
  CHECK(ann.inbox.news() == numbered("sync", 1, 400));
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("user_joined is never skipped: a reader that missed one is closed instead", "[server][slow]") {
  World world(2, smallLog());
  WsClient ann(world, 0), bob(world, 1);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  forgetNews(world);
  bob.socket.room = 0;
  WsClient cat(world, 0);
  seat(world, cat, "room", "cat");
  world.advance(kReaderPatience + 500);
  for (int i = 1; i <= 400; ++i)
    ann.sync(i);  // pushes it out of the log
  world.advance(500, 5);
  REQUIRE(only(ann.inbox.seen(), "sync").size() == 400);
  bob.makeRoom(FakeSocket::kAll);
  world.settle();
  const Strings news = bob.inbox.news();
  const bool gotIt = !only(news, "user_joined cat").empty();
  CHECK((gotIt || bob.closeCode.has_value()));
  if (!gotIt) CHECK(only(news, "sync 400").empty());  // nothing that came after it
}

TEST_CASE("a worker that did not run while events were pushed out of the log closes its reader and lives",
          "[server][slow]") {
  World world(2, smallLog());
  WsClient ann(world, 0), bob(world, 1);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  std::vector<std::unique_ptr<WsClient>> crowd;
  for (int i = 0; i < 60; ++i) {
    crowd.push_back(std::make_unique<WsClient>(world, 0));
    seat(world, *crowd.back(), "room", std::string(120, 'u') + std::to_string(i));
  }
  forgetNews(world);
  world.held = {1};
  crowd.clear();
  world.advance(6'000);  // sixty user_left, which wait for nobody: the log loses what worker 1 has not read
  // Before its mail is opened, the client asks for something.
  const char* event = GENERATE("request_session_state", "heartbeat", "leave_session", "report_desync");
  CAPTURE(event);
  bob.event(event, json::object({{"reportedPosition", 1}}), 1);
  world.held = {};
  world.settle();
  const std::size_t left = only(bob.inbox.seen(), "user_left").size();
  CHECK((left == 60 || bob.closeCode.has_value() || std::string_view(event) == "leave_session"));
  WsClient again(world, 1);
  seat(world, again, "room", "bob");
  CHECK(again.inbox.seen().at(0) == "session_joined bob");
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("a client that asks and does not read is not read from, and goes on when it reads again", "[server][slow]") {
  World world(1);
  WsClient ann(world, 0);
  seat(world, ann, "room", "ann");
  forgetNews(world);
  ann.socket.room = 0;
  const std::size_t before = heapBytes();
  int asked = 0;
  const bool oneByOne = GENERATE(true, false);
  CAPTURE(oneByOne);
  if (oneByOne) {
    while (!ann.socket.paused && asked < 5000)
      ann.event("request_session_state", nullptr, ++asked);
  } else {
    std::string frames;
    while (asked < 1000)
      frames += clientFrame("42" + std::to_string(++asked) + "[\"request_session_state\"]");
    ann.send(frames);
  }
  CHECK(heapBytes() < before + 400 * 1024);
  CHECK(asked < 5000);
  ann.makeRoom(FakeSocket::kAll);
  world.settle();
  CHECK_FALSE(ann.socket.paused);
  CHECK_FALSE(ann.hasUnread());
  CHECK(only(ann.inbox.news(), "ack").size() == static_cast<std::size_t>(asked));
  ann.event("heartbeat", nullptr);
  CHECK(ann.inbox.news() == Strings{"heartbeat_ack"});
}

TEST_CASE("a slow reader whose other tab leaves still gets what came before, and the user_left", "[server][slow]") {
  World world;
  WsClient ann(world, 0), tab1(world, 0), tab2(world, 1);
  seat(world, ann, "room", "ann");
  seat(world, tab1, "room", "bob");
  seat(world, tab2, "room", "bob");
  forgetNews(world);
  tab2.socket.room = 0;
  for (int i = 1; i <= 3; ++i)
    ann.sync(i);
  world.settle();
  tab1.leave();
  world.settle();
  tab2.makeRoom(FakeSocket::kAll);
  world.settle();
  CHECK(tab2.inbox.news() == Strings{"sync 1", "sync 2", "sync 3", "user_left bob"});
}

TEST_CASE("a broken socket disturbs nobody, and its user is lost when it is reported gone", "[server][slow]") {
  World world;
  WsClient ann(world, 0), bob(world, 0), cat(world, 0);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  seat(world, cat, "room", "cat");
  forgetNews(world);
  bob.socket.broken = true;
  for (int i = 1; i <= 3; ++i)
    ann.sync(i);
  world.settle();
  CHECK(cat.inbox.news() == numbered("sync", 1, 3));
  bob.drop();
  world.advance(6'000);
  CHECK(cat.inbox.news() == Strings{"user_left bob"});
}
