// What operators are shown: each figure moves when what it stands for happens.
#include "core/worker/status.h"

#include <catch2/catch.hpp>

#include "tests/unit/persistence/state_stage.h"

using namespace mediasync;
using namespace mediasync::server;
using namespace mediasync::server::test;

namespace {

std::uint64_t figure(const World& world, std::string_view name, std::string_view label = {},
                     std::string_view second = {}) {
  std::uint64_t sum = 0;
  bool isKnown = false;
  for (const api::Metric& one : statusOf(world.zone, world.env.time)) {
    if (one.name != name || (!label.empty() && one.label.value != label)) continue;
    if (!second.empty() && one.second.value != second) continue;
    isKnown = true;
    sum += one.value;
  }
  if (!isKnown) FAIL("no figure " << name << " " << label);
  return sum;
}

api::Distribution distribution(const World& world, std::string_view name) {
  for (const api::Distribution& one : statusOf(world.zone, "rooms", world.env.time).distributions) {
    if (one.name == name) return one;
  }
  FAIL("no distribution " << name);
  return {};
}

// What is in the bucket that holds a value of that many seconds.
std::uint64_t countAt(const api::Distribution& one, double seconds) {
  for (const auto& bucket : one.buckets) {
    if (static_cast<double>(bucket.bound) >= seconds * 1e6) return bucket.count;
  }
  return one.above;
}

// Takes what is left of the memory.
void fillZone(World& world) {
  for (std::uint32_t i = 0; i < world.zone.shards(); ++i) {
    for (store::ShardHeader* shard : {&world.zone.sessionShard(i).header, &world.zone.connectionShard(i).header}) {
      for (auto size = memory::kSizeClasses.rbegin(); size != memory::kSizeClasses.rend(); ++size) {
        for (bool more = true; more;) {
          store::Transaction txn(world.zone.region(), *shard);
          more = txn.tryAllocate(*size) != 0;
          txn.commit();
        }
      }
    }
  }
}

}  // namespace

TEST_CASE("refusals are counted by their code", "[server][status]") {
  World world;
  WsClient ann(world, 0), bob(world, 1);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  bob.sync(1);
  bob.sync(2);
  bob.event("no_such_event", nullptr);
  world.settle();
  CHECK(figure(world, "refusals_total", "NOT_LEADER") == 2);
  CHECK(figure(world, "refusals_total", "UNKNOWN_EVENT") == 1);
  CHECK(figure(world, "refusals_total") == 3);
}

TEST_CASE("connections are shown by transport and revision", "[server][status]") {
  World world;
  WsClient socket(world, 0), old(world, 0, {}, {{engineio::Revision::kV3, false}, {}});
  PollClient poll(world, 1), oldPoll(world, 1, {}, {engineio::Revision::kV3, false});
  CHECK(figure(world, "transport_connections", "websocket", "4") == 1);
  CHECK(figure(world, "transport_connections", "websocket", "3") == 1);
  CHECK(figure(world, "transport_connections", "polling", "4") == 1);
  CHECK(figure(world, "transport_connections", "polling", "3") == 1);
  {
    WsClient upgrade(world, 0, poll.sid, WsClient::Probe{});
    upgrade.packet("2probe");
    upgrade.packet("5");
    world.settle();
    CHECK(figure(world, "transport_connections", "websocket", "4") == 2);
    CHECK(figure(world, "transport_connections", "polling", "4") == 0);
    REQUIRE_INVARIANTS(world.zone);
  }
  world.settle();
  CHECK(figure(world, "transport_connections", "websocket", "4") == 1);
  CHECK(figure(world, "transport_connections") == figure(world, "connections"));
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("a sid that nobody has is counted", "[server][status]") {
  World world;
  PollClient ann(world, 0);
  ann.sid[0] ^= 1;
  ann.poll();
  ann.post("40");
  CHECK(figure(world, "unknown_sids_total") == 2);
}

TEST_CASE("a full zone is counted and said once a minute, and shows no free memory", "[server][status][full]") {
  World world(2, {}, 1 << 20);
  CHECK(figure(world, "zone_free_bytes") == figure(world, "zone_size_bytes"));
  WsClient ann(world, 0);
  ann.packet("40");
  CHECK(figure(world, "zone_free_bytes") > 0);
  fillZone(world);
  CHECK(figure(world, "zone_free_bytes") == 0);
  world.advance(200);
  CHECK(world.env.logged.empty());
  CHECK(world.worker(0).rest().createSession({"x", "X"}, {}).status == 507);
  CHECK(figure(world, "zone_full_total") == 1);
  world.advance(200);
  CHECK(world.env.logged == Strings{"is full: sessions, users or connections refused: 1"});
  CHECK(std::holds_alternative<NoSpace>(world.worker(1).polls().open({})));
  CHECK(figure(world, "handshakes_refused_total", "memory") == 1);
  ann.join("room", "ann");
  CHECK(figure(world, "refusals_total", "ZONE_FULL") == 1);
  CHECK(figure(world, "zone_full_total") == 3);
  world.advance(30'000, 100);
  CHECK(world.env.logged.size() == 1);
  world.advance(31'000, 100);
  REQUIRE(world.env.logged.size() == 2);
  CHECK(world.env.logged.back() == "is full: sessions, users or connections refused: 2");
  world.advance(120'000, 100);
  CHECK(world.env.logged.size() == 2);
}

TEST_CASE("handshakes beyond what a location takes are counted as such", "[server][status]") {
  World world;
  Options options;
  options.maxConnections = 1;
  WsClient ann(world, 0, options), bob(world, 0, options);
  CHECK(figure(world, "handshakes_refused_total", "connections") == 1);
  CHECK(figure(world, "handshakes_refused_total") == 1);
}

TEST_CASE("the lag of each worker is shown for two periods", "[server][status]") {
  World world;
  world.worker(0).tick(1200);
  world.worker(0).tick(10);
  world.worker(1).tick(3);
  CHECK(figure(world, "worker_lag_seconds", "0") == 1200);
  CHECK(figure(world, "worker_lag_seconds", "1") == 3);
  world.advance(16'000, 100);
  CHECK(figure(world, "worker_lag_seconds", "0") == 1200);
  world.advance(16'000, 100);
  CHECK(figure(world, "worker_lag_seconds", "0") == 0);
}

TEST_CASE("a worker that stands still lags by as long as it has done so", "[server][status]") {
  World world;
  world.advance(1'000);
  world.env.time = world.env.time.after(4'000);
  world.worker(1).tick();
  CHECK(figure(world, "worker_lag_seconds", "0") >= 3'400);
  CHECK(figure(world, "worker_lag_seconds", "1") == 0);
}

TEST_CASE("the round trip of a heartbeat is counted from when the ping was sent", "[server][status]") {
  World world;
  WsClient ann(world, 0);
  ann.answersPings = false;
  world.advance(25'000);
  REQUIRE(ann.inbox.pings == 1);
  world.env.time = world.env.time.after(300);
  ann.packet("3");
  const auto times = distribution(world, "heartbeat_seconds");
  CHECK(times.count() == 1);
  CHECK(times.sum >= 300'000);
  CHECK(times.sum <= 350'000);
  ann.packet("3");  // that nobody waits for
  CHECK(distribution(world, "heartbeat_seconds").count() == 1);
}

TEST_CASE("how far viewers are from the timeline is what they report", "[server][status]") {
  World world;
  WsClient ann(world, 0), bob(world, 1);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  ann.event("sync_playback", {{"position", 100}, {"isPlaying", true}});
  world.settle();
  world.advance(2'000);
  bob.event("report_desync", {{"reportedPosition", 98.5}, {"reportedTime", nullptr}});
  world.settle();
  const auto distances = distribution(world, "desync_seconds");
  CHECK(distances.count() == 1);
  CHECK(distances.sum == 3'500'000);
  CHECK(countAt(distances, 3.5) == 1);
  bob.event("report_desync", {{"reportedPosition", -1e300}, {"reportedTime", nullptr}});
  world.settle();
  CHECK(distribution(world, "desync_seconds").above == 1);
}

TEST_CASE("turns with commands and rounds with news are timed, others are not", "[server][status]") {
  World world;
  WsClient ann(world, 0), bob(world, 1);
  ann.packet("40");
  CHECK(distribution(world, "command_seconds").count() == 0);
  seat(world, bob, "room", "bob");
  ann.join("room", "ann");
  world.settle();
  CHECK(distribution(world, "command_seconds").count() == 2);
  const std::uint64_t rounds = distribution(world, "broadcast_seconds").count();
  bob.sync(5);
  world.settle();
  CHECK(distribution(world, "broadcast_seconds").count() == rounds + 2);  // one in each worker
  PollClient cat(world, 0);
  cat.packet("40");
  cat.join("room", "cat");
  world.settle();
  CHECK(distribution(world, "command_seconds").count() == 4);
}

TEST_CASE("the age of what is not saved grows while the disk takes nothing", "[server][status][state]") {
  World world(1);
  kept(world);
  Disk disk;
  Keeping keeping(world, disk, 0, mediasync::persistence::StateSync::kInterval);
  keeping.run();
  WsClient ann(world, 0);
  seat(world, ann, "room", "ann");
  CHECK(figure(world, "state_unsaved_age_seconds") <= 1'000);
  disk.isFull = true;
  for (int i = 0; i < 20; ++i) {
    world.advance(1'000);
    keeping.run();
  }
  CHECK(figure(world, "state_unsaved_age_seconds") >= 20'000);
  disk.isFull = false;
  for (int i = 0; i < 7; ++i) {
    world.advance(1'000);
    keeping.run();
  }
  CHECK(figure(world, "state_unsaved_age_seconds") <= 1'000);
  world.zone.header().state.enabled = 0;
  world.advance(5'000);
  CHECK(figure(world, "state_unsaved_age_seconds") == 0);
}

TEST_CASE("REST's answers are counted by status", "[server][status]") {
  World world;
  world.worker(0).rest().countRest(404);
  world.worker(1).rest().countRest(404);
  world.worker(1).rest().countRest(418);
  CHECK(figure(world, "rest_responses_total", "404") == 2);
  CHECK(figure(world, "rest_responses_total", "other") == 1);
}

TEST_CASE("all zones have figures of the same names in the same order", "[server][status]") {
  World one(1), other(3);
  WsClient ann(other, 2);
  seat(other, ann, "room", "ann");
  const auto names = [](const World& world) {
    Strings list;
    for (const api::Metric& metric : statusOf(world.zone, world.env.time)) {
      if (list.empty() || list.back() != metric.name) list.emplace_back(metric.name);
    }
    return list;
  };
  CHECK(names(one) == names(other));
  Strings sorted = names(one);
  std::sort(sorted.begin(), sorted.end());
  CHECK(std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end());
}
