// A process that is alive and does not go on: nobody waits for it longer than for a slow reader.
#include <catch2/catch.hpp>

#include "tests/unit/persistence/state_stage.h"
#include "tests/unit/store/fault_run.h"

using namespace mediasync;
using namespace mediasync::server;
using namespace mediasync::server::test;

TEST_CASE("a leader waits 2 s for members of a worker that stands still, and not again", "[server][standstill]") {
  store::ZoneSettings settings;
  settings.logLimit = store::Zone::kMinLog;
  World world(2, settings);
  WsClient ann(world, 0), bob(world, 1);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  world.held = {1};
  const int count = 200;
  const std::string url(400, 'u');
  for (int i = 1; i <= count; ++i)
    ann.event("load_media", {{"mediaUrl", url + std::to_string(i)}}, i);
  world.advance(1'000);
  const std::size_t early = acks(ann).size();
  CHECK(early > 10);
  CHECK(early < 100);
  world.advance(3'000);
  CHECK(acks(ann).size() == count);

  world.held.clear();
  world.advance(1'000);
  CHECK(bob.closeCode == 1001);  // it missed too much
  WsClient again(world, 1);
  seat(world, again, "room", "bob");
  forgetNews(world);
  ann.sync(7, count + 1);
  world.settle();
  CHECK(again.inbox.news() == Strings{"sync 7"});
  // Its readers are waited for as before.
  again.socket.room = 0;
  for (int i = 1; i <= count; ++i)
    ann.event("load_media", {{"mediaUrl", url + std::to_string(i)}}, count + 1 + i);
  world.advance(500);
  CHECK(acks(ann).size() < 2 * count);
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("an acknowledgement waits 2 s for who writes the state file, and no longer", "[server][standstill][state]") {
  Disk disk;
  World world(2);
  kept(world, mediasync::persistence::StateSync::kAlways);
  WsClient ann(world, 1);
  Keeping keeping(world, disk, 0, mediasync::persistence::StateSync::kAlways);
  keeping.run();
  seat(world, ann, "room", "ann");
  keeping.run();
  world.settle();
  ann.sync(5, 1);
  keeping.keeper.step();
  REQUIRE(keeping.file.pending);
  world.held = {0};
  world.advance(1'500);
  CHECK(acks(ann).empty());
  world.advance(1'500);
  CHECK(acks(ann) == Strings{"ack 1 ok"});
  CHECK(world.zone.header().state.unwritten == 1);
  world.held.clear();
  keeping.run();
  world.settle();
  CHECK(acks(ann) == Strings{"ack 1 ok"});
  CHECK(stateOf(world, "room")["playbackState"]["position"] >= 5.0);
}

TEST_CASE("a file that is not in force any more is left to itself, and the next one begins with everything",
          "[server][state]") {
  Disk first, second;
  World world(2);
  kept(world, mediasync::persistence::StateSync::kAlways);
  store::StateKeeping& state = world.zone.header().state;
  Keeping before(world, first, 0, mediasync::persistence::StateSync::kAlways);
  before.run();
  WsClient ann(world, 1);
  seat(world, ann, "room", "ann");
  before.run();
  world.settle();
  const bool isWriting = GENERATE(false, true);
  ann.sync(5, 1);
  if (isWriting) before.keeper.step();
  ++state.epoch;
  Keeping after(world, second, 1, mediasync::persistence::StateSync::kAlways);
  after.keeper.step();
  CHECK(after.file.pending == std::nullopt);  // not both at a time
  const std::size_t size = first.halves[0].size() + first.halves[1].size();
  if (isWriting) before.keeper.written(true);
  before.keeper.step();
  CHECK(before.file.pending.has_value() == isWriting);  // which it wrote before
  CHECK(first.halves[0].size() + first.halves[1].size() == size);
  CHECK(acks(ann).empty());
  after.run();
  world.settle();
  CHECK(acks(ann) == Strings{"ack 1 ok"});
  CHECK(before.keeper.finish());
  NextWorld next;
  newest(second.halves)->restoreTo(next.zone, next.env.time);
  CHECK(stateOf(next, "room")["playbackState"]["position"] == 5.0);

  // And back: the first file has the newest again.
  ++state.epoch;
  Keeping again(world, first, 0, mediasync::persistence::StateSync::kAlways);
  CHECK(after.keeper.yield());
  ann.sync(6);
  again.run();
  NextWorld last;
  newest(first.halves)->restoreTo(last.zone, last.env.time);
  CHECK(stateOf(last, "room")["playbackState"]["position"] == 6.0);
}

TEST_CASE("a worker that goes on while it is being passed by is waited for again", "[server][standstill]") {
  World world(2);
  WsClient ann(world, 0), bob(world, 1);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  world.env.time = world.env.time.after(kWorkerPatience + 1'000);
  bool wentOn = false;
  store::test::faultPointsOf([&] { world.worker(0).tick(); },
                             [&] {
                               if (wentOn || world.zone.worker(1).passedBy.load() == 0) return;
                               wentOn = true;
                               world.worker(1).wake();
                               world.worker(1).flush();
                             });
  REQUIRE(wentOn);
  store::SessionTransaction session(world.zone, "room");
  REQUIRE(session.find("room"));
  int watchers = 0;
  for (store::Ref ref = session.record().watchers; ref != 0; ++watchers) {
    const auto& watcher = *world.zone.arena().at<store::SessionWatcher>(ref);
    CHECK(watcher.needed.load() != store::kNothingNeeded);
    ref = watcher.next;
  }
  CHECK(watchers == 2);
}
