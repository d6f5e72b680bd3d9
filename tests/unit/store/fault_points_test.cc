// Processes that die inside a change of the tables, at every step of it, and of its repair; and those that wait for
// them.
#include <time.h>

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>

#include "tests/unit/store/fault_run.h"
#include "tests/unit/store/invariants.h"

using namespace mediasync;
using namespace mediasync::store;
using namespace mediasync::store::test;

namespace {

// A session with one user, and the user's connection.
struct Room {
  Room() : z(Zone::minimumSize(1), 1, settings()) {
    client = connect(z.zone, z.random, {1, 1});
    join(z.zone, client, {"room", "ann", std::string(session::kMaxUsernameBytes, 'a'), {}}, {1, 1}, z.wake);
    takeMail<SessionWatcher>(z.zone.arena(), z.zone.worker(1).sessionMail,
                             [this](Ref ref) { z.zone.arena().at<SessionWatcher>(ref)->queued.store(0); });
    unwatch(z.zone, "room", {1, 1}, z.wake);  // a session is not destroyed before
    clearFreeMemory(z.zone);
  }
  static ZoneSettings settings() {
    ZoneSettings settings;
    settings.logLimit = Zone::kMinLog;
    return settings;
  }
  // Takes pages, gives pages back, and changes records in place.
  void change() {
    SessionTransaction txn(z.zone, "room");
    txn.openSeat(client.seat);
    const std::string url(1'500, 'u');
    session::apply<session::LoadMedia>(txn, txn.seatUser(), {url, "id", "title", 9.0}, kNow);
    txn.renameUser(txn.seatUser(), "a", "https://x.example/avatar");
    txn.addUser("bob", "Bob", {}, session::Presence::kAway, kNow);
    txn.commit(z.wake);
  }
  void give() {
    SessionTransaction txn(z.zone, "room");
    txn.openSeat(client.seat);
    session::leave(txn, txn.seatUser(), kNow);
    while (!txn.destroy(kNow)) {
    }
    txn.commit(z.wake);
  }
  void lock() { ShardLock lock(z.zone.region(), z.zone.sessionShard(0).header); }

  TestZone z;
  Client client;
};

using Change = void (Room::*)();

// What the change is about: it must be as it was before, or as it is after, in every part.
std::string storyOf(Room& room) {
  SessionTransaction txn(room.z.zone, "room");
  if (!txn.find("room")) return "gone";
  std::string story(txn.media().mediaUrl.value_or("no film"));
  for (session::UserRef user = txn.firstUser(); user != 0; user = txn.nextUser(user)) {
    const session::UserFacts facts = txn.user(user);
    story.append(" ")
        .append(facts.id)
        .append(" ")
        .append(facts.username)
        .append(" ")
        .append(facts.avatar.value_or("-"));
  }
  return story + " " + std::to_string(txn.logEnd());
}

std::int64_t microseconds() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1'000'000 + time.tv_nsec / 1'000;
}

void sleepMicroseconds(long us) {
  timespec time{us / 1'000'000, us % 1'000'000 * 1000};
  nanosleep(&time, nullptr);
}

}  // namespace

TEST_CASE("a change is undone or done, whichever step its process dies at, and whichever its repair dies at",
          "[store][faults]") {
  const Change change = GENERATE(&Room::change, &Room::give);
  std::string before, after;
  std::vector<Place> points;
  {
    Room room;
    before = storyOf(room);
    points = faultPointsOf([&] { (room.*change)(); }, [] {});
    after = storyOf(room);
  }
  REQUIRE(before != after);
  const std::uint64_t deathsBefore = deaths;
  shrinkProcess();
  for (const std::uint64_t n : pointsToTry(points, 32)) {
    Room room;
    const Fate fate = dieAt(n, [&] { (room.*change)(); });
    INFO("death at point " << n << " of " << points.size() << ", " << fate.where);
    REQUIRE(fate.died == (n <= points.size()));
    // Again and again, each time one step further: until a repair is done.
    for (std::uint64_t m = 1; dieAt(m, [&] { room.lock(); }).died && m < 400;)
      m += 1 + m / 4;
    const std::string story = storyOf(room);
    CHECK((story == after || (fate.died && story == before)));
    REQUIRE_INVARIANTS(room.z.zone);
  }
  WARN(deaths - deathsBefore << " deaths");
}

TEST_CASE("who waits for a lock goes on when its holder is killed", "[store][faults][kill]") {
  constexpr int kWaiters = 3;
  constexpr int kRounds = 60;
  struct Shared {
    std::atomic<int> holding, waiting;
    std::atomic<std::int64_t> killedAt;
    std::array<std::int64_t, kWaiters> waits;
  };
  SharedMemory memory(4096);
  auto& shared = *new (memory.span().data()) Shared{};
  Room room;
  std::vector<std::int64_t> waits;
  for (int round = 0; round < kRounds; ++round) {
    shared.holding = shared.waiting = 0;
    const pid_t holder = fork([&] {
      SessionTransaction txn(room.z.zone, "room");
      txn.openSeat(room.client.seat);
      txn.renameUser(txn.seatUser(), "half done", {});
      shared.holding = 1;
      for (;;)
        pause();
    });
    while (shared.holding == 0)
      sleepMicroseconds(100);
    std::vector<pid_t> waiters;
    for (std::size_t i = 0; i < kWaiters; ++i) {
      waiters.push_back(fork([&] {
        ++shared.waiting;
        room.lock();
        shared.waits[i] = microseconds() - shared.killedAt;
      }));
    }
    while (shared.waiting < kWaiters)
      sleepMicroseconds(100);
    sleepMicroseconds(1'000);  // until they are inside, as a rule: from outside that cannot be seen
    shared.killedAt = microseconds();
    kill(holder, SIGKILL);
    for (const pid_t waiter : waiters) {
      int status = 0;
      REQUIRE(waitpid(waiter, &status, 0) == waiter);
      CHECK(status == 0);
    }
    waitpid(holder, nullptr, 0);
    waits.insert(waits.end(), shared.waits.begin(), shared.waits.end());
  }
  std::sort(waits.begin(), waits.end());
  INFO("of " << waits.size() << " waits half took up to " << waits[waits.size() / 2] << " us, the longest "
             << waits.back());
  CHECK(waits.back() < 1'000'000);
  REQUIRE_INVARIANTS(room.z.zone);
}

TEST_CASE("who waits for a lock learns whose process stands still with it, and goes on when that is ended",
          "[store][standstill]") {
  static std::int32_t told;
  told = 0;
  Room room;
  const pid_t holder = fork([&] {
    SessionTransaction txn(room.z.zone, "room");
    txn.openSeat(room.client.seat);
    txn.renameUser(txn.seatUser(), "half done", {});
    raise(SIGSTOP);
  });
  int status = 0;
  REQUIRE(waitpid(holder, &status, WUNTRACED) == holder);
  REQUIRE(WIFSTOPPED(status));
  RobustMutex::onStuck([](std::int32_t process) {
    told = process;
    kill(process, SIGKILL);
  });
  room.lock();
  RobustMutex::onStuck(nullptr);
  CHECK(told == static_cast<std::int32_t>(holder));
  REQUIRE(waitpid(holder, nullptr, 0) == holder);
  REQUIRE_INVARIANTS(room.z.zone);
}
