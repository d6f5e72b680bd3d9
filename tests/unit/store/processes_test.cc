// The tables in real shared memory with several processes: at work at the same time, and killed in the middle
// of it.
#include <sys/wait.h>
#include <time.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>
#include <memory>

#include "tests/unit/store/forked.h"
#include "tests/unit/store/invariants.h"

using namespace mediasync;
using namespace mediasync::store;
using namespace mediasync::store::test;

namespace {

constexpr std::uint16_t kProcesses = 4;
constexpr int kRooms = 6;

// One process at work: it opens connections, joins, syncs, leaves and loses, at random, and reads its mail.
class Actor {
 public:
  Actor(const Zone& zone, std::uint16_t slot, std::uint64_t seed)
      : zone_(zone), worker_{slot, 1}, random_(seed * 7919 + slot) {}

  void step() {
    try {
      act();
    } catch (const OutOfSpace&) {
      ++refused;
    } catch (const Busy&) {
      ++refused;
    }
    readMail();
    wake_.reset();
  }
  // Ends everything this process has, so that the parent can count what is left.
  void finish() {
    while (!clients_.empty())
      drop(0);
    for (int room = 0; room < kRooms; ++room)
      unwatch(zone_, "room " + std::to_string(room), worker_, wake_);
    readMail();
  }

  std::uint64_t refused = 0;

 private:
  std::uint64_t pick(std::uint64_t n) { return random_.engine()() % n; }
  std::string name(const char* what, std::uint64_t n) { return what + std::to_string(pick(n)); }

  void act() {
    if (clients_.size() < 4) clients_.push_back(connect(zone_, random_, worker_));
    const std::size_t at = pick(clients_.size());
    Client& client = clients_[at];
    const Instant now = kNow.after(static_cast<std::int64_t>(++clock_));
    switch (pick(10)) {
      case 0:
      case 1:
      case 2:
        if (!client.seat) {
          const std::string room = name("room ", kRooms), user = name("user ", 12), username(pick(200) + 1, 'n');
          join(zone_, client, {room, user, username, {}}, worker_, wake_, now);
        }
        break;
      case 3:
        if (client.seat) leave(zone_, client, wake_, now);
        client.seat = {};
        break;
      case 4:
        drop(at);
        break;
      case 5:
        expire(now);
        break;
      case 6: {
        ConnectionTransaction txn(zone_, client.sid);
        if (!txn.find(client.sid)) break;
        txn.push(ItemKind::kPacket, std::string(pick(900), 'p'));
        if (pick(3) == 0) txn.takeItems();
        txn.commit();
        break;
      }
      default:
        command(client, now);
    }
  }

  void command(Client& client, Instant now) {
    if (!client.seat) return;
    SessionTransaction txn(zone_, client.seat.shard);
    if (!txn.openSeat(client.seat)) {
      return;
    }
    const std::string url(pick(300) + 1, 'u');
    switch (pick(3)) {
      case 0:
        session::apply<session::SyncPlayback>(txn, txn.seatUser(), {1.5, true, url, {}, 1.0}, now);
        break;
      case 1:
        session::apply<session::LoadMedia>(txn, txn.seatUser(), {url, "id", "title", 9.0}, now);
        break;
      default:
        session::apply(txn, txn.seatUser(), session::RequestLeadership{}, now);
    }
    if (pick(4) != 0) txn.commit(wake_);  // else it is given up
  }

  void expire(Instant now) {
    SessionTransaction txn(zone_, static_cast<std::uint32_t>(pick(zone_.shards())));
    const Ref grace = txn.shard().grace.first, away = txn.shard().away.first;
    const Ref user = grace != 0 ? grace : away;
    if (user != 0) {
      const Ref session = zone_.arena().at<UserRecord>(user)->session;
      txn.open(session, zone_.arena().at<SessionRecord>(session)->serial);
      if (grace != 0) session::graceExpired(txn, user, now);
      if (grace == 0) session::awayExpired(txn, user, now);
      txn.commit(wake_);
    } else if (const Ref idle = txn.shard().idle.first; idle != 0) {
      const auto& record = *zone_.arena().at<SessionRecord>(idle);
      if (record.watchers != 0) return;
      txn.open(idle, record.serial);
      txn.destroy(now);
      txn.commit(wake_);
    }
  }

  void drop(std::size_t at) {
    Client client = clients_[at];
    clients_.erase(clients_.begin() + static_cast<std::ptrdiff_t>(at));
    // Another process may have removed the user; then the seat is empty and only the connection goes.
    loseConnection(zone_, client, wake_, kNow.after(static_cast<std::int64_t>(clock_)));
  }

  void readMail() {
    takeMail<SessionWatcher>(zone_.arena(), zone_.worker(worker_.slot).sessionMail, [this](Ref ref) {
      auto& watcher = *zone_.arena().at<SessionWatcher>(ref);
      SessionTransaction txn(zone_, watcher.shard);
      watcher.queued.store(0);
      if (!txn.open(watcher.session, watcher.sessionSerial)) return;
      const bool isMember = std::any_of(clients_.begin(), clients_.end(), [&](const Client& client) {
        return client.seat.sessionSerial == watcher.sessionSerial;
      });
      if (isMember) {
        watcher.needed.store(txn.logEnd());
      } else {
        txn.removeWatcher(ref);
        txn.commit(wake_);
      }
    });
  }

  Zone zone_;
  WorkerId worker_;
  FixedRandom random_;
  WakeSet wake_;
  std::vector<Client> clients_;
  std::uint64_t clock_ = 0;
};

void sleepMicroseconds(long us) {
  timespec time{us / 1'000'000, us % 1'000'000 * 1000};
  nanosleep(&time, nullptr);
}

std::vector<std::pair<ConnectionRef, SeatRef>> seatsOf(const Zone& zone, std::uint32_t shard) {
  std::vector<std::pair<ConnectionRef, SeatRef>> seats;
  SessionTransaction txn(zone, shard);
  const Arena& arena = zone.arena();
  for (Ref s = txn.shard().allSessions.first; s != 0; s = arena.at<SessionRecord>(s)->all.next) {
    for (Ref u = arena.at<SessionRecord>(s)->users.first; u != 0; u = arena.at<UserRecord>(u)->inSession.next) {
      for (Ref m = arena.at<UserRecord>(u)->firstMembership; m != 0; m = arena.at<Membership>(m)->next) {
        const auto& membership = *arena.at<Membership>(m);
        seats.push_back(
            {{membership.connection, membership.connectionSerial, membership.connectionShard},
             {s, u, m, static_cast<std::uint16_t>(shard), arena.at<SessionRecord>(s)->serial, membership.serial}});
      }
    }
  }
  return seats;
}

using SessionName = std::pair<Ref, std::uint64_t>;

std::vector<std::pair<SessionName, Ref>> watchersOf(const Zone& zone, std::uint32_t shard, WorkerId worker) {
  std::vector<std::pair<SessionName, Ref>> found;
  SessionTransaction txn(zone, shard);
  const Arena& arena = zone.arena();
  for (Ref s = txn.shard().allSessions.first; s != 0; s = arena.at<SessionRecord>(s)->all.next) {
    for (Ref w = arena.at<SessionRecord>(s)->watchers; w != 0; w = arena.at<SessionWatcher>(w)->next) {
      if (arena.at<SessionWatcher>(w)->worker == worker) found.push_back({{s, arena.at<SessionRecord>(s)->serial}, w});
    }
  }
  return found;
}

// What a worker that notices the death does before anything else is checked: its seats, connections and
// watchers.
void buryProcess(const Zone& zone, WorkerId dead) {
  WakeSet wake;
  for (std::uint32_t i = 0; i < zone.shards(); ++i) {
    std::vector<Client> gone;
    {
      ConnectionTransaction txn(zone, i);
      txn.forEach([&](const ConnectionRef&, const ConnectionRecord& record) {
        if (record.owner != dead) return;
        Client client;
        client.sid = record.sid;
        gone.push_back(client);
      });
    }
    for (Client& client : gone)
      loseConnection(zone, client, wake);
  }
  for (std::uint32_t i = 0; i < zone.shards(); ++i) {
    // Seats that their connection does not know of: the process died between its two transactions.
    for (const auto& [connection, seat] : seatsOf(zone, i)) {
      ConnectionTransaction txn(zone, connection.shard);
      if (txn.open(connection) && txn.record().seat.membershipSerial == seat.membershipSerial) continue;
      SessionTransaction session(zone, i);
      if (!session.openSeat(seat)) continue;
      if (session.removeConnection(seat, kNow)) session::connectionsLost(session, session.seatUser(), kNow);
      session.commit(wake);
    }
    for (const auto& [session, watcher] : watchersOf(zone, i, dead)) {
      SessionTransaction txn(zone, i);
      if (!txn.open(session.first, session.second)) continue;
      txn.removeWatcher(watcher);
      txn.commit(wake);
    }
  }
  zone.worker(dead.slot).sessionMail = 0;
  zone.worker(dead.slot).connectionMail = 0;
}

// How many processes to kill, unless MEDIASYNC_KILLS says.
int killCount(int usual) {
  const char* wanted = std::getenv("MEDIASYNC_KILLS");
  return wanted != nullptr ? std::atoi(wanted) : usual;
}

std::size_t smallZone() {
  return Zone::minimumSize(2) + (1 << 20);
}

}  // namespace

TEST_CASE("four processes at work on the same sessions leave consistent tables and no memory behind",
          "[store][processes]") {
  ZoneSettings settings;
  settings.logLimit = Zone::kMinLog;
  TestZone z(smallZone(), 2, settings);
  std::vector<pid_t> children;
  for (std::uint16_t slot = 0; slot < kProcesses; ++slot) {
    children.push_back(fork([&] {
      Actor actor(z.zone, slot, 42);
      for (int i = 0; i < 6000; ++i)
        actor.step();
      actor.finish();
    }));
  }
  for (const pid_t child : children) {
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
  }
  CHECK(z.zone.header().repairs.load() == 0);
  CHECK(z.zone.sessionShard(0).header.transactions + z.zone.sessionShard(1).header.transactions > 10'000);
  CHECK(z.zone.connectionCount() == 0);
  CHECK(z.zone.membershipCount() == 0);
  REQUIRE_INVARIANTS(z.zone);
}

TEST_CASE("counts add up when four processes join one session at the same time", "[store][processes]") {
  TestZone z(8 << 20, 2);
  std::vector<pid_t> children;
  for (std::uint16_t slot = 0; slot < kProcesses; ++slot) {
    children.push_back(fork([&] {
      FixedRandom random(slot);
      WakeSet wake;
      for (int i = 0; i < 200; ++i) {
        Client client = connect(z.zone, random, {slot, 1});
        const std::string user = "user " + std::to_string(i % 100);  // the same users in all processes
        if (join(z.zone, client, {"room", user, "Name", {}}, {slot, 1}, wake)) _exit(4);
      }
    }));
  }
  for (const pid_t child : children) {
    int status = 0;
    waitpid(child, &status, 0);
    CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 0));
  }
  REQUIRE_INVARIANTS(z.zone);
  CHECK(z.zone.sessionCount() == 1);
  CHECK(z.zone.userCount() == 100);
  CHECK(z.zone.membershipCount() == 800);
  CHECK(z.zone.connectionCount() == 800);
  SessionTransaction txn(z.zone, "room");
  REQUIRE(txn.find("room"));
  CHECK(txn.logEnd() == 101);  // one user_joined for each, not one for each connection
  CHECK(txn.record().connectedCount == 100);
}

TEST_CASE("each worker's mailbox gets every record exactly as often as it is emptied", "[store][processes]") {
  TestZone z(4 << 20, 1);
  const Client client = connect(z.zone, z.random, {9, 1});
  auto* done = reinterpret_cast<std::atomic<std::uint32_t>*>(&z.zone.header().nextSweep);  // shared, unused here
  *done = 0;
  std::vector<pid_t> children;
  for (std::uint16_t slot = 0; slot < 3; ++slot) {
    children.push_back(fork([&] {
      WakeSet wake;
      for (int i = 0; i < 2000; ++i) {
        ConnectionTransaction txn(z.zone, client.sid);
        if (!txn.find(client.sid)) _exit(4);
        txn.readTo(txn.record().cursor + 1);
        txn.commit();
        txn.notifyOwner(wake);
      }
      done->fetch_add(1);
    }));
  }
  std::uint64_t seen = 0;
  for (bool last = false; !last;) {
    last = done->load() == 3;
    takeMail<ConnectionRecord>(z.zone.arena(), z.zone.worker(9).connectionMail, [&](Ref ref) {
      ConnectionTransaction txn(z.zone, 0U);
      txn.openQueued(ref);
      txn.clearQueued();
      seen = txn.record().cursor;
    });
  }
  for (const pid_t child : children)
    waitpid(child, nullptr, 0);
  CHECK(seen == 6000);  // the last news was not missed
}

TEST_CASE("a process killed anywhere leaves whole tables behind, hundreds of times", "[store][processes][kill]") {
  ZoneSettings settings;
  settings.logLimit = Zone::kMinLog;
  TestZone z(smallZone(), 2, settings);
  const int kills = killCount(300);
  int failures = 0;
  for (int i = 0; i < kills && failures == 0; ++i) {
    const WorkerId worker{static_cast<std::uint16_t>(i % 8), 1};
    const pid_t child = fork([&] {
      Actor actor(z.zone, worker.slot, static_cast<std::uint64_t>(i));
      for (;;)
        actor.step();
    });
    sleepMicroseconds(static_cast<long>(300 + z.random.engine()() % 5000));
    kill(child, SIGKILL);
    int status = 0;
    waitpid(child, &status, 0);
    REQUIRE(WIFSIGNALED(status));
    REQUIRE(WTERMSIG(status) == SIGKILL);  // it was not a crash of its own
    const Findings findings = checkInvariants(z.zone);
    INFO("after kill " << i << ":\n" << findings.text());
    if (!findings.ok()) ++failures;
    CHECK(findings.ok());
    buryProcess(z.zone, worker);
    const Findings buried = checkInvariants(z.zone);
    INFO("after the burial of " << i << ":\n" << buried.text());
    if (!buried.ok()) ++failures;
    CHECK(buried.ok());
  }
  CHECK(z.zone.header().repairs.load() > 10);  // some died with a lock in hand, or this proves nothing
  CHECK(z.zone.connectionCount() == 0);
  CHECK(z.zone.membershipCount() == 0);
}

TEST_CASE("processes go on while others are killed beside them", "[store][processes][kill]") {
  ZoneSettings settings;
  settings.logLimit = Zone::kMinLog;
  TestZone z(smallZone(), 2, settings);
  const int kills = killCount(60);
  const pid_t survivor = fork([&] {
    Actor actor(z.zone, 20, 5);
    for (int i = 0; i < 200 * kills; ++i)
      actor.step();
    actor.finish();
  });
  for (int i = 0; i < kills; ++i) {
    const pid_t child = fork([&] {
      Actor actor(z.zone, static_cast<std::uint16_t>(i % 8), static_cast<std::uint64_t>(i + 1000));
      for (;;)
        actor.step();
    });
    sleepMicroseconds(static_cast<long>(500 + z.random.engine()() % 5000));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    buryProcess(z.zone, {static_cast<std::uint16_t>(i % 8), 1});
  }
  int status = 0;
  REQUIRE(waitpid(survivor, &status, 0) == survivor);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  REQUIRE_INVARIANTS(z.zone);
}
