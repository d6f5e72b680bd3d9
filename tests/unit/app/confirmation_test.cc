// Acknowledgements that wait until what they are about is on the disk.
#include <catch2/catch.hpp>

#include "tests/unit/persistence/state_stage.h"

using namespace mediasync;
using namespace mediasync::server;
using namespace mediasync::server::test;

TEST_CASE("with sync=always an acknowledgement waits until what it is about is on the disk", "[server][state]") {
  Disk disk;
  World world;
  kept(world, mediasync::persistence::StateSync::kAlways);
  Keeping keeping(world, disk, 0, mediasync::persistence::StateSync::kAlways);
  keeping.run();
  WsClient ann(world, 1);
  PollClient bob(world, 1);
  bob.polls = true;
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  keeping.run();
  world.settle();
  ann.sync(5, 1);
  bob.join("room", "bob", 2);
  ann.event("heartbeat", nullptr, 3);
  ann.event("request_session_state", nullptr, 4);
  world.settle();
  CHECK(acks(ann) == Strings{"ack 3 ok", "ack 4 ok"});
  CHECK(acks(bob).empty());
  CHECK(only(bob.inbox.news(), "sync") == Strings{"sync 5"});  // the others need not wait

  keeping.keeper.changed();
  REQUIRE(keeping.file.pending);
  ann.event("leave_session", nullptr, 5);  // after the write has taken what it writes
  world.settle();
  CHECK(acks(ann).size() == 2);
  keeping.keeper.written(keeping.file.waitForWrite());
  world.settle();
  CHECK(acks(ann) == Strings{"ack 3 ok", "ack 4 ok", "ack 1 ok"});
  CHECK(acks(bob) == Strings{"ack 2 ok"});
  keeping.run();
  world.settle();
  CHECK(acks(ann).back() == "ack 5 ok");
}

TEST_CASE("an acknowledgement does not wait for a disk that takes nothing, nor with another sync", "[server][state]") {
  Disk disk;
  World world;
  const mediasync::persistence::StateSync sync = GENERATE(mediasync::persistence::StateSync::kAlways, mediasync::persistence::StateSync::kInterval, mediasync::persistence::StateSync::kOff);
  kept(world, sync);
  Keeping keeping(world, disk, 0, sync);
  keeping.run();
  WsClient ann(world, 1);
  seat(world, ann, "room", "ann");
  keeping.run();
  disk.isFull = true;
  ann.sync(5, 1);
  world.settle();
  if (sync == mediasync::persistence::StateSync::kAlways) {
    CHECK(acks(ann).empty());
    keeping.run();
    world.settle();
  }
  CHECK(acks(ann) == Strings{"ack 1 ok"});
  ann.sync(6, 2);
  CHECK(acks(ann) == Strings{"ack 1 ok", "ack 2 ok"});
  const std::atomic<std::uint64_t>& unwritten = world.zone.header().state.unwritten;
  CHECK(unwritten == (sync == persistence::StateSync::kAlways ? 2 : 0));
  const RestReply reply = world.worker(1).rest().createSession({"eve", "Eve", {}}, {});
  CHECK(world.worker(1).confirmations().maySay(reply.ticket));
  CHECK(unwritten == (sync == persistence::StateSync::kAlways ? 3 : 0));
  disk.isFull = false;
  world.env.time = world.env.time.after(6'000);
  keeping.run();
  ann.sync(7, 3);
  world.settle();
  CHECK(acks(ann).size() == (sync == mediasync::persistence::StateSync::kAlways ? 2 : 3));
  keeping.run();
  world.settle();
  CHECK(acks(ann).size() == 3);
  CHECK(unwritten == (sync == persistence::StateSync::kAlways ? 3 : 0));
}

TEST_CASE("a confirmation that waits for a write that fails is counted", "[server][state]") {
  struct Answer final : Confirmation {
    int times = 0;
    void written() override { ++times; }
  };
  Disk disk;
  World world;
  kept(world, persistence::StateSync::kAlways);
  Keeping keeping(world, disk, 0, persistence::StateSync::kAlways);
  keeping.run();
  const RestReply reply = world.worker(1).rest().createSession({"ann", "Ann", {}}, {});
  CHECK_FALSE(world.worker(1).confirmations().maySay(reply.ticket));
  Answer answer;
  world.worker(1).confirmations().await(reply.ticket, answer);
  disk.isFull = true;
  keeping.run();
  world.settle();
  CHECK(answer.times == 1);
  CHECK(world.zone.header().state.unwritten == 1);
}

TEST_CASE("acknowledgements that wait survive the death of who writes, and go before an end in order",
          "[server][state]") {
  Disk disk;
  World world(3);
  kept(world, mediasync::persistence::StateSync::kAlways);
  WsClient ann(world, 1);
  PollClient bob(world, 1);
  bob.polls = true;
  bob.rota = {2};
  {
    Keeping first(world, disk, 0, mediasync::persistence::StateSync::kAlways);
    first.run();
    seat(world, ann, "room", "ann");
    seat(world, bob, "room", "bob");
    first.run();
    world.settle();
    ann.sync(5, 1);
    first.keeper.step();  // has taken it, and never writes it
  }
  world.kill(0);
  Keeping second(world, disk, 2, mediasync::persistence::StateSync::kAlways);
  second.keeper.step();
  world.settle();
  CHECK(acks(ann).empty());
  second.run();
  world.settle();
  CHECK(acks(ann) == Strings{"ack 1 ok"});
  ann.sync(6, 2);
  bob.slot = 1;  // its poll waits at another one
  bob.join("room", "bob", 3);
  world.settle();
  world.stop(1);
  world.settle();
  CHECK(acks(ann).back() == "ack 2 ok");
  CHECK(acks(bob) == Strings{"ack 3 ok"});
}

TEST_CASE("who creates a session by REST is told when it is on the disk", "[server][state]") {
  struct Answer final : Confirmation {
    int times = 0;
    void written() override { ++times; }
  };
  Disk disk;
  World world;
  kept(world, mediasync::persistence::StateSync::kAlways);
  Keeping keeping(world, disk, 0, mediasync::persistence::StateSync::kAlways);
  keeping.run();
  const RestReply reply = world.worker(1).rest().createSession({"ann", "Ann", {}}, {});
  REQUIRE(reply.status == 201);
  CHECK_FALSE(world.worker(1).confirmations().isWritten(reply.ticket));
  Answer answer, cancelled;
  world.worker(1).confirmations().await(reply.ticket, answer);
  world.worker(1).confirmations().await(reply.ticket, cancelled);
  world.worker(1).confirmations().cancel(cancelled);
  world.settle();
  CHECK(answer.times == 0);
  keeping.run();
  world.settle();
  CHECK(answer.times == 1);
  CHECK(cancelled.times == 0);
  CHECK(world.worker(1).confirmations().isWritten(reply.ticket));
}

TEST_CASE("an acknowledgement neither waits for large sessions that change on and on, nor comes too early",
          "[server][state]") {
  Disk disk;
  World world(1, {}, 32 << 20);
  kept(world, mediasync::persistence::StateSync::kAlways);
  Keeping keeping(world, disk, 0, mediasync::persistence::StateSync::kAlways);
  keeping.run();
  std::vector<std::unique_ptr<WsClient>> crowd;
  const auto enter = [](WsClient& client, const std::string& room, const std::string& user, char look) {
    client.event("join_session", {{"sessionId", room},
                                  {"userId", user},
                                  {"username", std::string(200, 'n')},
                                  {"avatar", std::string(2'000, look)}});
  };
  for (int i = 0; i < 300; ++i) {
    crowd.push_back(std::make_unique<WsClient>(world, 0));
    crowd.back()->packet("40");
    enter(*crowd.back(), i % 2 == 0 ? "large" : "great", "u" + std::to_string(i), 'a');
    world.settle();
    keeping.run();
  }
  std::vector<std::unique_ptr<WsClient>> leaders;
  for (int i = 0; i < 16; ++i) {  // in every shard
    leaders.push_back(std::make_unique<WsClient>(world, 0));
    seat(world, *leaders.back(), "small" + std::to_string(i), "ann");
  }
  keeping.run();
  world.settle();
  enter(*crowd[0], "large", "u0", 'b');  // first in the queue, and more than one write takes
  enter(*crowd[1], "great", "u1", 'b');
  world.settle();
  for (const auto& leader : leaders)
    leader->sync(1, 1);
  for (int i = 0; i < 12; ++i) {
    enter(*crowd[0], "large", "u0", static_cast<char>('c' + i));
    enter(*crowd[1], "great", "u1", static_cast<char>('c' + i));
    world.settle();
    if (keeping.file.pending) keeping.keeper.written(keeping.file.waitForWrite());
    world.settle();
    NextWorld after(1, {}, 32 << 20);  // what a power cut would leave
    newest(disk.synced)->restoreTo(after.zone, after.env.time);
    for (std::size_t session = 0; session < leaders.size(); ++session) {
      CAPTURE(i, session);
      const json kept = stateOf(after, "small" + std::to_string(session));
      if (!acks(*leaders[session]).empty()) CHECK(kept["playbackState"]["position"] >= 1.0);
    }
    keeping.keeper.step();
  }
  world.settle();
  for (const auto& leader : leaders)
    CHECK(acks(*leader) == Strings{"ack 1 ok"});
}
