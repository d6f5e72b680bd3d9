// Sessions in a state file: what one NGINX had, the next one has, whenever and however the first one ended.
#include <catch2/catch.hpp>
#include <functional>

#include "tests/unit/persistence/state_stage.h"

using namespace mediasync;
using namespace mediasync::server;
using namespace mediasync::server::test;

TEST_CASE("sessions, users, the clock and clients are back after a restart", "[server][state]") {
  Disk disk;
  World before;
  kept(before);
  Keeping keeping(before, disk, 0, mediasync::persistence::StateSync::kInterval);
  keeping.run();
  WsClient ann(before, 0), cid(before, 0);
  PollClient bob(before, 1);
  bob.polls = true;
  seat(before, ann, "room", "ann");
  seat(before, bob, "room", "bob");
  seat(before, cid, "other", "cid");
  ann.event("load_media", {{"mediaUrl", "film"}, {"mediaTitle", "Film"}, {"mediaDuration", 7200}});
  ann.sync(100);
  for (int i = 1; i <= 3; ++i)
    ann.sync(i);
  before.settle();
  const auto missed = bob.credentials();  // it has 3
  ann.sync(4);
  const auto leader = ann.credentials();
  bob.inbox.news();
  keeping.run();

  NextWorld after;
  after.env.time = before.env.time.after(2'000);
  after.env.time.mono = 5'000;  // the machine has been started anew
  kept(after);
  const auto restored = newest(disk.halves)->restoreTo(after.zone, after.env.time);
  CHECK(restored.sessions == 2);
  CHECK(restored.users == 3);
  CHECK(restored.recoveries == 3);
  CHECK(restored.sessionsLost + restored.recoveriesLost == 0);
  REQUIRE_INVARIANTS(after.zone);
  const json room = stateOf(after, "room");
  CHECK(usersOf(room) == Strings{"ann leads", "bob"});
  CHECK(room["playbackState"]["mediaTitle"] == "Film");
  CHECK(room["playbackState"]["mediaDuration"] == 7200);
  CHECK(room["playbackState"]["position"] == 6.0);  // and two seconds have passed
  CHECK(room["connectedCount"] == 0);

  WsClient bobAgain(after, 1), annAgain(after, 0);
  bobAgain.comeBack(missed);
  annAgain.comeBack(leader);
  after.settle();
  CHECK(bobAgain.inbox.pid == bob.inbox.pid);
  CHECK(only(bobAgain.inbox.news(), "s") == Strings{"sync 4"});
  CHECK(only(annAgain.inbox.news(), "s").empty());
  annAgain.sync(5);
  after.settle();
  CHECK(bobAgain.inbox.news() == Strings{"sync 5"});
  after.advance(10'000);
  CHECK(only(bobAgain.inbox.news(), "user_left").empty());
  CHECK(stateOf(after, "other")["connectedCount"] == 0);
  REQUIRE_INVARIANTS(after.zone);
}

TEST_CASE("users are bound to their secrets after a restart, and clients come back by them",
          "[server][state][secret]") {
  Disk disk;
  World before;
  kept(before);
  Keeping keeping(before, disk, 0, mediasync::persistence::StateSync::kInterval);
  Options bound;
  bound.asksSecret = true;
  WsClient ann(before, 0, bound, {}, {"cookie of ann"}), bob(before, 1, bound, {}, {"cookie of bob"});
  seat(before, ann, "room", "ann");
  seat(before, bob, "room", "bob");
  const bool isLost = GENERATE(false, true);
  if (isLost) bob.drop();
  keeping.run();
  for (const std::string& half : disk.halves)
    CHECK(half.find("cookie") == std::string::npos);

  NextWorld after;
  after.env.time = before.env.time.after(1'000);
  kept(after);
  newest(disk.halves)->restoreTo(after.zone, after.env.time);
  WsClient eve(after, 0, bound, {}, {"cookie of eve"}), open(after, 1),
      annAgain(after, 1, bound, {}, {"cookie of ann"}), bobAgain(after, 0, bound, {}, {"cookie of bob"});
  for (Client* thief : std::initializer_list<Client*>{&eve, &open})
    thief->comeBack(bob);
  after.settle();
  CHECK_FALSE(eve.hasRecovered(bob));
  CHECK_FALSE(open.hasRecovered(bob));
  eve.join("room", "ann", 1);
  annAgain.packet("40");
  annAgain.join("room", "ann", 2);
  bobAgain.comeBack(bob);
  after.settle();
  CHECK(only(eve.inbox.news(), "ack") == Strings{"ack 1 FOREIGN_USER"});
  CHECK(only(annAgain.inbox.news(), "ack") == Strings{"ack 2 ok"});
  CHECK(bobAgain.hasRecovered(bob));
  REQUIRE_INVARIANTS(after.zone);
}

TEST_CASE("who does not come back after a restart is given up, and leadership moves", "[server][state]") {
  Disk disk;
  World before;
  kept(before);
  Keeping keeping(before, disk, 0, mediasync::persistence::StateSync::kInterval);
  WsClient ann(before, 0), bob(before, 1);
  seat(before, ann, "room", "ann");
  seat(before, bob, "room", "bob");
  keeping.run();
  NextWorld after;
  kept(after);
  newest(disk.halves)->restoreTo(after.zone, after.env.time);
  WsClient again(after, 1);
  again.comeBack(bob);
  after.settle();
  forgetNews(after);
  after.advance(6'000);
  CHECK(again.inbox.news() == Strings{"user_left ann", "leader bob"});
  after.advance(24 * 3'600'000, 60'000);
  REQUIRE_INVARIANTS(after.zone);
}

TEST_CASE("a session that nobody comes back to ends when it would have ended", "[server][state]") {
  Disk disk;
  store::ZoneSettings settings;
  settings.sessionTimeout = 60'000;
  World before(2, settings);
  kept(before);
  Keeping keeping(before, disk, 0, mediasync::persistence::StateSync::kInterval);
  {
    WsClient ann(before, 0);
    seat(before, ann, "early", "ann");
  }
  before.advance(20'000, 1'000);
  {
    WsClient bob(before, 0);
    seat(before, bob, "late", "bob");
  }
  before.advance(1'000);
  keeping.run();
  NextWorld after(2, settings);
  kept(after);
  after.env.time = before.env.time.after(10'000);
  newest(disk.halves)->restoreTo(after.zone, after.env.time);
  REQUIRE(after.zone.sessionCount() == 2);
  after.advance(29'500, 500);
  CHECK(stateOf(after, "early").is_null());
  CHECK_FALSE(stateOf(after, "late").is_null());
  after.advance(21'000, 500);
  CHECK(stateOf(after, "late").is_null());
  after.advance(settings.recovery + 1'000, 1'000);
  CHECK(isEmpty(after));
}

TEST_CASE("a client that had what was never saved gets the state instead of a gap", "[server][state]") {
  Disk disk;
  World before;
  kept(before);
  Keeping keeping(before, disk, 0, mediasync::persistence::StateSync::kInterval);
  WsClient ann(before, 0), bob(before, 1);
  seat(before, ann, "room", "ann");
  seat(before, bob, "room", "bob");
  ann.sync(1);
  before.settle();
  keeping.run();
  ann.sync(2);  // the power goes
  before.settle();
  REQUIRE(bob.inbox.news().back() == "sync 2");
  NextWorld after;
  kept(after);
  newest(disk.halves)->restoreTo(after.zone, after.env.time);
  WsClient cid(after, 0);
  seat(after, cid, "room", "ann");
  cid.sync(7);
  cid.sync(8);
  after.settle();
  WsClient again(after, 1);
  again.comeBack(bob);
  after.settle();
  CHECK(again.inbox.pid == bob.inbox.pid);
  CHECK(again.inbox.news() == Strings{"session_joined bob"});
  cid.sync(9);
  after.settle();
  CHECK(again.inbox.news() == Strings{"sync 9"});
}

TEST_CASE("a polling client that has its session_joined is not sent it again after a restart", "[server][state]") {
  Disk disk;
  World before;
  kept(before);
  Keeping keeping(before, disk, 0, mediasync::persistence::StateSync::kAlways);
  keeping.run();
  WsClient ann(before, 0);
  seat(before, ann, "room", "ann");
  PollClient bob(before, 1);
  bob.packet("40");
  before.settle();
  bob.poll();
  before.settle();
  bob.join("room", "bob");
  before.settle();
  keeping.run();  // before the poll that takes it
  bob.polls = true;
  before.settle();
  ann.sync(1);
  before.settle();
  REQUIRE(bob.inbox.news() == Strings{"session_joined bob", "sync 1"});
  keeping.run();

  NextWorld after;
  kept(after);
  newest(disk.halves)->restoreTo(after.zone, after.env.time);
  WsClient again(after, 1), leader(after, 0);
  again.comeBack(bob);
  leader.comeBack(ann);
  leader.sync(2);
  after.settle();
  CHECK(again.inbox.pid == bob.inbox.pid);
  CHECK(again.inbox.news() == Strings{"sync 2"});
}

TEST_CASE("who left, and what ended, does not come back", "[server][state]") {
  Disk disk;
  store::ZoneSettings settings;
  settings.sessionTimeout = 1'000;
  World before(2, settings);
  kept(before);
  Keeping keeping(before, disk, 0, mediasync::persistence::StateSync::kInterval);
  WsClient ann(before, 0), bob(before, 1), cid(before, 0);
  seat(before, ann, "room", "ann");
  seat(before, bob, "room", "bob");
  seat(before, cid, "other", "cid");
  keeping.run();
  bob.leave();
  cid.leave();
  before.settle();
  before.advance(5'000);
  REQUIRE(before.zone.sessionCount() == 1);
  keeping.run();
  NextWorld after(2, settings);
  kept(after);
  const auto restored = newest(disk.halves)->restoreTo(after.zone, after.env.time);
  CHECK(restored.sessions == 1);
  CHECK(usersOf(stateOf(after, "room")) == Strings{"ann leads"});
  WsClient again(after, 0);
  again.comeBack(bob);  // it was in no session, and is in none
  after.settle();
  CHECK(again.hasRecovered(bob));
  again.leave();
  after.settle();
  CHECK(again.inbox.news() == Strings{"error NOT_IN_SESSION"});
}

TEST_CASE("one keeper is at work at a time; the next one goes on, or begins anew after a death", "[server][state]") {
  Disk disk;
  World world;
  kept(world);
  auto first = std::make_unique<Keeping>(world, disk, 0, mediasync::persistence::StateSync::kInterval);
  Keeping second(world, disk, 1, mediasync::persistence::StateSync::kInterval);
  store::StateKeeping& state = world.zone.header().state;
  first->run();
  second.run();
  CHECK(state.keeper == 1000);
  WsClient ann(world, 1);
  seat(world, ann, "room", "ann");

  SECTION("it leaves in order") {
    CHECK(first->keeper.finish());
    first.reset();
    CHECK(state.keeper == 0);
    const auto snapshots = state.snapshots.load();
    ann.sync(3);
    second.run();
    CHECK(state.keeper == 1001);
    CHECK(state.snapshots == snapshots);
  }
  SECTION("it dies, and what it had read was not written") {
    first->keeper.step();
    REQUIRE(first->file.pending);
    world.env.dead.insert(1000);
    second.run();
    CHECK(state.keeper == 1001);
    CHECK(state.generation == 2);
    ann.sync(3);
    second.run();
  }
  NextWorld after;
  newest(disk.halves)->restoreTo(after.zone, after.env.time);
  CHECK(usersOf(stateOf(after, "room")) == Strings{"ann leads"});
  CHECK(stateOf(after, "room")["playbackState"]["position"] == 3.0);
}

TEST_CASE("the last of the processes that end has written everything", "[server][state]") {
  Disk disk;
  World world;
  kept(world);
  Keeping first(world, disk, 0, mediasync::persistence::StateSync::kInterval), second(world, disk, 1, mediasync::persistence::StateSync::kInterval);
  first.run();
  WsClient ann(world, 0), bob(world, 1);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  const bool keeperFirst = GENERATE(true, false);
  ann.sync(1);
  if (keeperFirst) {
    CHECK(first.keeper.finish());
    bob.event("request_leadership", nullptr);
    ann.sync(2);
    world.settle();
    CHECK(second.keeper.finish());
  } else {
    CHECK(second.keeper.finish());
    ann.sync(2);
    world.settle();
    CHECK(first.keeper.finish());
  }
  CHECK(world.zone.header().state.keeper == 0);
  NextWorld after;
  newest(disk.synced)->restoreTo(after.zone, after.env.time);
  CHECK(stateOf(after, "room")["playbackState"]["position"] == 2.0);
  WsClient again(after, 0);
  again.comeBack(bob);
  after.settle();
  CHECK(again.hasRecovered(bob));
  CHECK(again.inbox.news().empty());
}

TEST_CASE("one that ends while the keeper does waits for it", "[server][state]") {
  Disk disk;
  World world;
  kept(world);
  Keeping first(world, disk, 0, mediasync::persistence::StateSync::kInterval), second(world, disk, 1, mediasync::persistence::StateSync::kInterval);
  first.run();
  world.zone.header().state.closing = 1;
  CHECK_FALSE(second.keeper.finish());
  world.zone.header().state.closing = 0;
  CHECK(second.keeper.finish());  // it has yet to end, and will see to the rest
}

TEST_CASE("long changes make a new snapshot, and changes meanwhile go to both halves", "[server][state]") {
  Disk disk;
  World world(2, {}, 16 << 20);
  kept(world);
  Keeping keeping(world, disk, 0, mediasync::persistence::StateSync::kAlways);
  std::vector<std::unique_ptr<WsClient>> members;
  for (int i = 0; i < 12; ++i) {
    members.push_back(std::make_unique<WsClient>(world, 0));
    seat(world, *members.back(), "room " + std::to_string(i % 4), "user " + std::to_string(i));
  }
  const store::StateKeeping& state = world.zone.header().state;
  const std::string url(2000, 'u');
  int position = 0;
  // Between any two writes something changes, and at any of them the power may go.
  const std::function<void()> check = [&] {
    NextWorld after(2, {}, 16 << 20);
    const auto image = newest(disk.synced);
    REQUIRE(image);
    image->restoreTo(after.zone, after.env.time);
    REQUIRE(after.zone.sessionCount() == 4);
    REQUIRE(stateOf(after, "room 0")["playbackState"]["position"] == static_cast<double>(position));
    REQUIRE(usersOf(stateOf(after, "room 3")).size() == 3);
  };
  while (state.snapshots.load() < 3) {
    members[0]->event("sync_playback",
                      {{"position", ++position}, {"isPlaying", false}, {"mediaUrl", url + std::to_string(position)}});
    for (int i = 1; i < 4; ++i)
      members[static_cast<std::size_t>(i)]->event(
          "sync_playback",
          {{"position", position}, {"isPlaying", false}, {"mediaUrl", url + std::to_string(position)}});
    world.settle();
    keeping.keeper.step();
    if (!keeping.file.pending) continue;
    keeping.keeper.written(keeping.file.waitForWrite());
    if (state.snapshots.load() > 0 && position % 50 == 0) check();
  }
  check();
  CHECK(state.generation == 3);
}

TEST_CASE("a disk that is full loses nothing but time", "[server][state]") {
  Disk disk;
  World world;
  kept(world);
  Keeping keeping(world, disk, 0, mediasync::persistence::StateSync::kInterval);
  keeping.run();
  WsClient ann(world, 0);
  seat(world, ann, "room", "ann");
  disk.isFull = true;
  keeping.run();
  CHECK(world.zone.header().state.failures == 1);
  ann.sync(3);
  world.settle();
  keeping.run();
  CHECK(world.zone.header().state.failures == 1);  // not at once again
  REQUIRE(newest(disk.halves));                    // the empty one from before
  disk.isFull = false;
  world.advance(6'000);
  keeping.run();
  NextWorld after;
  newest(disk.halves)->restoreTo(after.zone, after.env.time);
  CHECK(usersOf(stateOf(after, "room")) == Strings{"ann leads"});
}

TEST_CASE("more sessions end between two writes than are noted one by one", "[server][state]") {
  Disk disk;
  store::ZoneSettings settings;
  settings.sessionTimeout = 1'000;
  World world(2, settings);
  kept(world);
  Keeping keeping(world, disk, 0, mediasync::persistence::StateSync::kInterval);
  {
    std::vector<std::unique_ptr<WsClient>> members;
    for (int i = 0; i < 150; ++i) {
      members.push_back(std::make_unique<WsClient>(world, 0));
      seat(world, *members.back(), "room " + std::to_string(i), "u");
    }
    keeping.run();
    CHECK(newest(disk.halves)->restoreTo(NextWorld(2, settings).zone, world.env.time).sessions == 150);
  }
  WsClient ann(world, 0);
  seat(world, ann, "stays", "ann");
  world.advance(10'000);
  REQUIRE(world.zone.sessionCount() == 1);
  keeping.run();
  NextWorld after(2, settings);
  CHECK(newest(disk.halves)->restoreTo(after.zone, after.env.time).sessions == 1);
  CHECK_FALSE(stateOf(after, "stays").is_null());
}

TEST_CASE("where changes are to be written at once, who makes one wakes the keeper", "[server][state]") {
  Disk disk;
  World world;
  kept(world, mediasync::persistence::StateSync::kAlways);
  Keeping first(world, disk, 0, mediasync::persistence::StateSync::kAlways), second(world, disk, 1, mediasync::persistence::StateSync::kAlways);
  first.run();
  world.env.woken.clear();
  second.keeper.changed();
  CHECK(world.env.woken.empty());
  WsClient ann(world, 1);
  seat(world, ann, "room", "ann");
  world.env.woken.clear();
  world.zone.worker(0).signalled = 0;
  second.keeper.changed();
  CHECK(world.env.woken == std::set<std::uint16_t>{0});
  first.keeper.changed();
  REQUIRE(first.file.pending);
  CHECK(first.file.pending->sync);
}

TEST_CASE("a zone that is smaller takes what fits, whole", "[server][state]") {
  Disk disk;
  World world(2, {}, 16 << 20);
  kept(world);
  Keeping keeping(world, disk, 0, mediasync::persistence::StateSync::kInterval);
  std::vector<std::unique_ptr<WsClient>> members;
  for (int i = 0; i < 600; ++i) {
    members.push_back(std::make_unique<WsClient>(world, 0));
    seat(world, *members.back(), "room " + std::to_string(i), "user");
  }
  keeping.run();
  NextWorld after(1, {}, 1 << 20);
  const auto restored = newest(disk.halves)->restoreTo(after.zone, after.env.time);
  CHECK(restored.sessionsLost > 0);
  CHECK(restored.sessions > 0);
  CHECK(restored.sessions + restored.sessionsLost == 600);
  CHECK(after.zone.sessionCount() == restored.sessions);
  REQUIRE_INVARIANTS(after.zone);
}
