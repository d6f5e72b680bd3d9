// A session in shared memory: what is created, found, changed, shown and destroyed, and that nothing is left
// behind.
#include "core/store/session_transaction.h"

#include <catch2/catch.hpp>

#include "tests/unit/store/invariants.h"

using namespace mediasync;
using namespace mediasync::store;
using namespace mediasync::store::test;
using session::Presence;

namespace {

constexpr WorkerId kW1{1, 1}, kW2{2, 1};

std::string roomOf(int i) {
  return "room " + std::to_string(i);
}

void createRoom(TestZone& z, std::string_view id, std::string_view creator = "ann") {
  SessionTransaction txn(z.zone, id);
  txn.create(id, creator, kNow);
  txn.addUser(creator, "Ann", std::nullopt, Presence::kAway, kNow);
  txn.setLeader(creator);
  txn.commit(z.wake);
}

// What worker 1 does when it has no connection of the session any more.
void forgetRoom(TestZone& z, std::string_view id) {
  takeMail<SessionWatcher>(z.zone.arena(), z.zone.worker(1).sessionMail,
                           [&](Ref ref) { z.zone.arena().at<SessionWatcher>(ref)->queued = 0; });
  unwatch(z.zone, id, kW1, z.wake);
}

// Removes a session that nobody watches as the sweep does: a part at a time.
// Returns in how many.
int destroyRoom(TestZone& z, std::string_view id) {
  Ref ref = 0;
  std::uint64_t serial = 0;
  {
    SessionTransaction txn(z.zone, id);
    REQUIRE(txn.find(id));
    ref = txn.ref();
    serial = txn.record().serial;
  }
  int parts = 0;
  for (bool done = false; !done; ++parts) {
    {
      SessionTransaction txn(z.zone, id);
      REQUIRE(txn.open(ref, serial));
      done = txn.destroy(kNow);
      txn.commit(z.wake);
      CHECK_FALSE(txn.find(id));  // from the first part on
    }
    REQUIRE_INVARIANTS(z.zone);
  }
  return parts;
}

bool exists(const TestZone& z, std::string_view id) {
  SessionTransaction txn(z.zone, id);
  return txn.find(id);
}

}  // namespace

TEST_CASE("sessions are found by their id and by nothing else", "[store][sessions]") {
  TestZone z;
  for (int i = 0; i < 300; ++i)
    createRoom(z, roomOf(i));
  for (int i = 0; i < 300; ++i)
    CHECK(exists(z, roomOf(i)));
  CHECK_FALSE(exists(z, "room 300"));
  CHECK_FALSE(exists(z, ""));
  CHECK_FALSE(exists(z, "room 1 "));
  CHECK(z.zone.sessionCount() == 300);
  CHECK(z.zone.userCount() == 300);
  REQUIRE_INVARIANTS(z.zone);
  for (int i = 0; i < 300; i += 2)
    destroyRoom(z, roomOf(i));
  for (int i = 0; i < 300; ++i)
    CHECK(exists(z, roomOf(i)) == (i % 2 == 1));
  REQUIRE_INVARIANTS(z.zone);
  for (int i = 1; i < 300; i += 2)
    destroyRoom(z, roomOf(i));
  CHECK(z.zone.sessionCount() == 0);
  CHECK(z.zone.header().heap.freePages() == z.zone.header().heap.total());
}

TEST_CASE("a session with many users is destroyed in parts, and leaves no memory behind", "[store][sessions]") {
  TestZone z;
  createRoom(z, "room");
  for (int i = 0; i < 100; ++i) {
    SessionTransaction txn(z.zone, "room");
    REQUIRE(txn.find("room"));
    txn.addUser("user " + std::to_string(i), std::string(250, 'n'), std::string(2000, 'a'), Presence::kAway, kNow);
    txn.commit(z.wake);
  }
  REQUIRE_INVARIANTS(z.zone);
  CHECK(destroyRoom(z, "room") > 1);
  CHECK(z.zone.userCount() == 0);
  CHECK(z.zone.header().heap.freePages() == z.zone.header().heap.total());
}

TEST_CASE("references to what is gone are refused, also when the place is used again", "[store][sessions]") {
  TestZone z;
  Client ann = connect(z.zone, z.random, kW1);
  REQUIRE_FALSE(join(z.zone, ann, {"room", "ann", "Ann", {}}, kW1, z.wake));
  const SeatRef seat = ann.seat;
  const auto isSeated = [&] {
    SessionTransaction txn(z.zone, seat.shard);
    return txn.openSeat(seat);
  };
  CHECK(isSeated());
  leave(z.zone, ann, z.wake);
  CHECK_FALSE(isSeated());
  REQUIRE_FALSE(join(z.zone, ann, {"room", "ann", "Ann", {}}, kW1, z.wake));
  CHECK_FALSE(isSeated());  // another seat, likely in the same place
  leave(z.zone, ann, z.wake);
  forgetRoom(z, "room");
  destroyRoom(z, "room");
  createRoom(z, "room");
  SessionTransaction txn(z.zone, seat.shard);
  CHECK_FALSE(txn.open(seat.session, seat.sessionSerial));
  CHECK_FALSE(txn.openSeat(SeatRef{}));
}

TEST_CASE("nobody comes back to a session that is being taken apart", "[store][sessions]") {
  TestZone z;
  createRoom(z, "room");
  LostSeat lost;
  for (int i = 0; i < 40; ++i) {
    SessionTransaction txn(z.zone, "room");
    REQUIRE(txn.find("room"));
    const auto user = txn.addUser("user " + std::to_string(i), "name", std::nullopt, Presence::kAway, kNow);
    const SeatRef seat = txn.addConnection(user, {1, 1, 0});
    REQUIRE(txn.openSeat(seat));
    lost = txn.lostSeat();
    txn.removeConnection(seat, kNow);
    txn.commit(z.wake);
  }
  SessionTransaction txn(z.zone, "room");
  CHECK(txn.openUser(lost));
  REQUIRE_FALSE(txn.destroy(kNow));  // the user is still there
  CHECK_FALSE(txn.openUser(lost));
}

TEST_CASE("users of one id in different sessions are different users", "[store][sessions]") {
  TestZone z(4 << 20, 1);
  createRoom(z, "a", "ann");
  createRoom(z, "b", "bob");
  SessionTransaction txn(z.zone, "a");
  REQUIRE(txn.find("a"));
  CHECK(txn.findUser("ann") != 0);
  CHECK(txn.findUser("bob") == 0);
}

TEST_CASE("users are listed in the order of joining whatever happens to their presence", "[store][sessions]") {
  TestZone z;
  createRoom(z, "room", "u0");
  for (int i = 1; i < 6; ++i) {
    SessionTransaction txn(z.zone, "room");
    REQUIRE(txn.find("room"));
    txn.addUser("u" + std::to_string(i), "n", std::nullopt, Presence::kAway, kNow.after(i));
    txn.commit(z.wake);
  }
  {
    SessionTransaction txn(z.zone, "room");
    REQUIRE(txn.find("room"));
    txn.setPresence(txn.findUser("u3"), Presence::kGrace, kNow.after(10));
    txn.setPresence(txn.findUser("u0"), Presence::kGrace, kNow.after(10));
    txn.removeUser(txn.findUser("u2"), kNow);
    txn.setPresence(txn.findUser("u3"), Presence::kAway, kNow.after(20));
    txn.commit(z.wake);
  }
  SessionTransaction txn(z.zone, "room");
  REQUIRE(txn.find("room"));
  std::string order;
  for (auto user = txn.firstUser(); user != 0; user = txn.nextUser(user))
    order += txn.user(user).id;
  CHECK(order == "u0u1u3u4u5");
  // In the queues of time: the one who has waited longest first.
  const auto& away = *z.zone.arena().at<UserRecord>(txn.shard().away.first);
  CHECK(textOf(z.zone.arena(), away.id) == "u1");
  const auto& last = *z.zone.arena().at<UserRecord>(txn.shard().away.last);
  CHECK(textOf(z.zone.arena(), last.id) == "u3");
  const auto& grace = *z.zone.arena().at<UserRecord>(txn.shard().grace.first);
  CHECK(textOf(z.zone.arena(), grace.id) == "u0");
}

TEST_CASE("graces that begin later do not stand in the way of those that have begun", "[store][sessions]") {
  TestZone z;
  createRoom(z, "room", "u0");
  constexpr std::int64_t kLate = 15'000;
  for (int i = 1; i < 100; ++i) {  // some are sent away, others go
    SessionTransaction txn(z.zone, "room");
    REQUIRE(txn.find("room"));
    const auto user = txn.addUser("u" + std::to_string(i), "n", std::nullopt, Presence::kConnected, kNow.after(i));
    txn.setPresence(user, Presence::kGrace, kNow.after(i % 3 == 0 ? i + kLate : i));
    txn.commit(z.wake);
  }
  REQUIRE_INVARIANTS(z.zone);
  SessionTransaction txn(z.zone, "room");
  REQUIRE(txn.find("room"));
  std::size_t queued = 0;
  for (const Queue* queue : {&txn.shard().grace, &txn.shard().lateGrace}) {
    std::int64_t before = 0;
    for (Ref ref = queue->first; ref != 0; ++queued) {
      const auto& user = *z.zone.arena().at<UserRecord>(ref);
      CHECK(user.absentSince >= before);
      before = user.absentSince;
      ref = user.inQueue.next;
    }
  }
  CHECK(queued == 99);
  CHECK(txn.shard().lateGrace.first != 0);
  while (txn.firstUser() != 0)
    txn.removeUser(txn.firstUser(), kNow);
  txn.commit(z.wake);
  CHECK(txn.shard().grace.first == 0);
  CHECK(txn.shard().lateGrace.first == 0);
}

TEST_CASE("who comes back unnoticed to a session whose log has gone finds one that can be told things",
          "[store][sessions]") {
  TestZone z;
  Client ann = connect(z.zone, z.random, kW1);
  REQUIRE_FALSE(join(z.zone, ann, {"room", "ann", "Ann", {}}, kW1, z.wake));
  loseConnection(z.zone, ann, z.wake);
  {
    SessionTransaction txn(z.zone, "room");
    REQUIRE(txn.find("room"));
    txn.dropLog();
    txn.commit(z.wake);
  }
  REQUIRE_INVARIANTS(z.zone);
  Client back = connect(z.zone, z.random, kW1);
  REQUIRE_FALSE(join(z.zone, back, {"room", "ann", "Ann", {}}, kW1, z.wake));
  REQUIRE_INVARIANTS(z.zone);
}

TEST_CASE("connections come and go: the last one of a user, the last one of a session", "[store][sessions]") {
  TestZone z;
  Client tab1 = connect(z.zone, z.random, kW1), tab2 = connect(z.zone, z.random, kW2);
  REQUIRE_FALSE(join(z.zone, tab1, {"room", "ann", "Ann", {}}, kW1, z.wake));
  REQUIRE_FALSE(join(z.zone, tab2, {"room", "ann", "Ann", {}}, kW2, z.wake));
  REQUIRE_INVARIANTS(z.zone);
  CHECK(z.zone.membershipCount() == 2);
  const auto session = [&]() -> const SessionRecord& { return *z.zone.arena().at<SessionRecord>(tab1.seat.session); };
  CHECK_FALSE(session().idle);
  loseConnection(z.zone, tab1, z.wake);
  CHECK(session().connectedCount == 1);
  CHECK_FALSE(session().idle);
  REQUIRE_INVARIANTS(z.zone);
  loseConnection(z.zone, tab2, z.wake, kNow.after(50));
  CHECK(session().connectedCount == 0);
  CHECK(session().userCount == 1);
  CHECK(session().idle);
  CHECK(session().idleSince == kNow.mono + 50);
  REQUIRE_INVARIANTS(z.zone);
}

TEST_CASE("a user who leaves takes all its connections along", "[store][sessions]") {
  TestZone z;
  std::vector<Client> tabs;
  for (int i = 0; i < 64; ++i) {
    tabs.push_back(connect(z.zone, z.random, kW1));
    REQUIRE_FALSE(join(z.zone, tabs.back(), {"room", "ann", "Ann", {}}, kW1, z.wake));
  }
  Client bob = connect(z.zone, z.random, kW1);
  REQUIRE_FALSE(join(z.zone, bob, {"room", "bob", "Bob", {}}, kW1, z.wake));
  CHECK(join(z.zone, bob = connect(z.zone, z.random, kW1), {"room", "ann", "Ann", {}}, kW1, z.wake) ==
        session::kTooManyConnections);
  leave(z.zone, tabs[30], z.wake);
  CHECK(z.zone.membershipCount() == 1);
  CHECK(z.zone.userCount() == 1);
  for (const Client& tab : tabs) {
    SessionTransaction txn(z.zone, tab.seat.shard);
    CHECK_FALSE(txn.openSeat(tab.seat));
  }
  REQUIRE_INVARIANTS(z.zone);
}

TEST_CASE("a commit posts the session once to each worker that watches it", "[store][sessions]") {
  TestZone z;
  Client ann = connect(z.zone, z.random, kW1), bob = connect(z.zone, z.random, kW2);
  REQUIRE_FALSE(join(z.zone, ann, {"room", "ann", "Ann", {}}, kW1, z.wake));
  REQUIRE_FALSE(join(z.zone, bob, {"room", "bob", "Bob", {}}, kW2, z.wake));
  const auto mail = [&](std::uint16_t slot) {
    int count = 0;
    takeMail<SessionWatcher>(z.zone.arena(), z.zone.worker(slot).sessionMail, [&](Ref ref) {
      z.zone.arena().at<SessionWatcher>(ref)->queued = 0;
      ++count;
    });
    return count;
  };
  mail(1), mail(2);
  z.wake.reset();
  const auto change = [&](bool commit, bool emit) {
    SessionTransaction txn(z.zone, "room");
    REQUIRE(txn.find("room"));
    if (emit)
      REQUIRE_FALSE(session::apply<session::SyncPlayback>(txn, txn.findUser("ann"), {1, true, {}, {}, 1.0}, kNow));
    if (!emit) session::noteActivity(txn, txn.findUser("ann"), kNow);
    if (commit) txn.commit(z.wake);
  };
  change(false, true);
  CHECK(z.wake.none());
  CHECK(mail(1) + mail(2) == 0);
  change(true, false);
  CHECK(z.wake.none());  // nothing to send: nobody is woken
  change(true, true);
  change(true, true);
  CHECK(z.wake.count() == 2);
  CHECK(mail(1) == 1);
  CHECK(mail(2) == 1);
}

TEST_CASE("a watcher that is queued is kept until its worker has looked, another one goes at once",
          "[store][sessions]") {
  TestZone z;
  Client ann = connect(z.zone, z.random, kW1);
  REQUIRE_FALSE(join(z.zone, ann, {"room", "ann", "Ann", {}}, kW1, z.wake));  // the join has posted it
  const auto& session = *z.zone.arena().at<SessionRecord>(ann.seat.session);
  loseConnection(z.zone, ann, z.wake);
  unwatch(z.zone, "room", kW1, z.wake);
  REQUIRE(session.watchers != 0);
  const Ref watcher = z.zone.worker(1).sessionMail.load();
  CHECK(watcher == session.watchers);
  {
    SessionTransaction txn(z.zone, "room");
    REQUIRE(txn.find("room"));
    z.zone.arena().at<SessionWatcher>(watcher)->queued = 0;
    z.zone.worker(1).sessionMail = 0;
    txn.removeWatcher(watcher);
    txn.commit(z.wake);
  }
  CHECK(session.watchers == 0);
  {
    SessionTransaction txn(z.zone, "room");
    REQUIRE(txn.find("room"));
    txn.addWatch(kW1);
    txn.commit(z.wake);
  }
  {
    SessionTransaction txn(z.zone, "room");
    REQUIRE(txn.find("room"));
    txn.dropWatch(kW1);
    txn.commit(z.wake);
  }
  CHECK(session.watchers == 0);
  REQUIRE_INVARIANTS(z.zone);
}

TEST_CASE("a snapshot says of what has yet to begin when it does", "[store][sessions]") {
  TestZone z;
  Client ann = connect(z.zone, z.random, kW1);
  REQUIRE_FALSE(join(z.zone, ann, {"room", "ann", "Ann", {}}, kW1, z.wake));
  SessionTransaction txn(z.zone, "room");
  REQUIRE(txn.find("room"));
  session::SyncPlayback command{20, true, {}, {}, 2.0};
  command.executeAt = kNow.wall + 3'000;
  REQUIRE_FALSE(session::apply<session::SyncPlayback>(txn, txn.findUser("ann"), command, kNow));
  Snapshot before, after;
  txn.copyTo(before, kNow.after(1'000));
  CHECK(before.view.playback.position == 20);
  CHECK(before.view.playback.lastUpdateTime == kNow.wall + 3'000);
  txn.copyTo(after, kNow.after(4'000));
  CHECK(after.view.playback.position == 22);
  CHECK(after.view.playback.lastUpdateTime == kNow.wall + 4'000);
  txn.commit(z.wake);
}

TEST_CASE("a snapshot is a copy: complete, and untouched by what comes later", "[store][sessions]") {
  TestZone z;
  const std::string longId(128, 'L');
  Client ann = connect(z.zone, z.random, kW1), bob = connect(z.zone, z.random, kW1);
  REQUIRE_FALSE(join(z.zone, ann, {"room", longId, "Ann", "pic"}, kW1, z.wake));
  REQUIRE_FALSE(join(z.zone, bob, {"room", "bob", "Bob", {}}, kW1, z.wake, kNow.after(7)));
  Snapshot snapshot;
  {
    SessionTransaction txn(z.zone, "room");
    REQUIRE(txn.find("room"));
    REQUIRE_FALSE(
        session::apply<session::LoadMedia>(txn, txn.findUser(longId), {"url", "id", "title", 100.0}, kNow.after(10)));
    REQUIRE_FALSE(
        session::apply<session::SyncPlayback>(txn, txn.findUser(longId), {20, true, {}, {}, 2.0}, kNow.after(20)));
    txn.copyTo(snapshot, kNow.after(1020));
    txn.commit(z.wake);
  }
  leave(z.zone, ann, z.wake);
  forgetRoom(z, "room");
  destroyRoom(z, "room");
  const session::SessionView& view = snapshot.view;
  CHECK(view.id == "room");
  CHECK(view.creatorId == longId);
  CHECK(view.leaderId == longId);
  CHECK(view.createdAt == kNow.wall);
  CHECK(view.lastActivity == kNow.wall + 20);
  CHECK(view.userCount == 2);
  CHECK(view.connectedCount == 2);
  CHECK(view.playback.mediaUrl == "url");
  CHECK(view.playback.mediaId == "id");
  CHECK(view.playback.mediaTitle == "title");
  CHECK(view.playback.mediaDuration == 100.0);
  CHECK(view.playback.position == 22.0);
  CHECK(view.playback.playbackRate == 2.0);
  CHECK(view.playback.isPlaying);
  CHECK(view.playback.lastUpdateTime == kNow.wall + 1020);
  REQUIRE(view.users.size() == 2);
  CHECK(view.users[0].id == longId);
  CHECK(view.users[0].username == "Ann");
  CHECK(view.users[0].avatar == "pic");
  CHECK(view.users[0].isLeader);
  CHECK(view.users[0].isConnected);
  CHECK(view.users[1].id == "bob");
  CHECK(view.users[1].avatar == std::nullopt);
  CHECK(view.users[1].joinedAt == kNow.wall + 7);
  CHECK_FALSE(view.users[1].isLeader);
}

TEST_CASE("a snapshot of a session with the longest texts is complete", "[store][sessions]") {
  TestZone z;
  const std::string url(2048, 'u'), id(256, 'i'), title(512, 't'), room(128, 'r'), user(128, 'x');
  Client ann = connect(z.zone, z.random, kW1);
  REQUIRE_FALSE(join(z.zone, ann, {room, user, std::string(256, 'n'), std::string(2048, 'a')}, kW1, z.wake));
  Snapshot snapshot;
  SessionTransaction txn(z.zone, room);
  REQUIRE(txn.find(room));
  REQUIRE_FALSE(session::apply<session::LoadMedia>(txn, txn.findUser(user), {url, id, title, 1.0}, kNow));
  txn.copyTo(snapshot, kNow);
  CHECK(snapshot.view.playback.mediaUrl == url);
  CHECK(snapshot.view.playback.mediaTitle == title);
  CHECK(snapshot.view.users[0].avatar == std::string(2048, 'a'));
  CHECK(snapshot.view.id == room);
}

TEST_CASE("setMedia may be given the texts it replaces", "[store][sessions]") {
  TestZone z;
  createRoom(z, "room");
  SessionTransaction txn(z.zone, "room");
  REQUIRE(txn.find("room"));
  txn.setMedia({"url", "id", "title"});
  session::Media media = txn.media();
  std::swap(media.mediaUrl, media.mediaId);
  txn.setMedia(media);
  CHECK(txn.media().mediaUrl == "id");
  CHECK(txn.media().mediaId == "url");
  txn.setMedia({std::nullopt, "", std::nullopt});
  CHECK(txn.media().mediaUrl == std::nullopt);
  CHECK(txn.media().mediaId == "");
}

TEST_CASE("a command that must wait throws Busy and leaves every byte as it was", "[store][sessions]") {
  ZoneSettings settings;
  settings.logLimit = Zone::kMinLog;
  TestZone z(4 << 20, 1, settings);
  Client ann = connect(z.zone, z.random, kW1);
  REQUIRE_FALSE(join(z.zone, ann, {"room", "ann", "Ann", {}}, kW1, z.wake));
  const auto sync = [&] {
    SessionTransaction txn(z.zone, "room");
    if (!txn.find("room")) return;
    if (!session::apply<session::SyncPlayback>(txn, txn.findUser("ann"), {1, true, "url", {}, 1.0}, kNow))
      txn.commit(z.wake);
  };
  const auto fill = [&] {
    for (int i = 0; i < 2000; ++i)
      sync();
  };
  CHECK_THROWS_AS(fill(), Busy);  // the reader has read nothing
  const auto before = meaningfulBytes(z.zone, z.memory.span());
  CHECK_THROWS_AS(sync(), Busy);
  CHECK(differenceOf(meaningfulBytes(z.zone, z.memory.span()), before) == "none");
  loseConnection(z.zone, ann, z.wake);
  {
    SessionTransaction txn(z.zone, "room");
    REQUIRE(txn.find("room"));
    CHECK_NOTHROW(session::graceExpired(txn, txn.findUser("ann"), kNow));  // does not wait
    txn.commit(z.wake);
  }
  REQUIRE_INVARIANTS(z.zone);
}

TEST_CASE("in a full zone joins are refused whole, and departures still work", "[store][sessions]") {
  TestZone z(Zone::minimumSize(1), 1);
  std::vector<Client> clients;
  const std::uint32_t pages = z.zone.header().heap.freePages();
  const auto fill = [&] {
    for (int i = 0;; ++i) {
      clients.push_back(connect(z.zone, z.random, kW1));
      const std::string user = "user " + std::to_string(i);
      if (join(z.zone, clients.back(), {roomOf(i / 5), user, "Name", {}}, kW1, z.wake)) return;
    }
  };
  CHECK_THROWS_AS(fill(), OutOfSpace);
  CHECK(z.zone.header().heap.freePages() < 20);  // but for what is reserved for connections
  CHECK(clients.size() > 50);
  REQUIRE_INVARIANTS(z.zone);
  for (Client& client : clients)
    CHECK_NOTHROW(loseConnection(z.zone, client, z.wake));
  REQUIRE_INVARIANTS(z.zone);
  CHECK(z.zone.membershipCount() == 0);
  for (int i = 0; exists(z, roomOf(i)); ++i) {
    forgetRoom(z, roomOf(i));
    destroyRoom(z, roomOf(i));
  }
  CHECK(z.zone.sessionCount() == 0);
  CHECK(z.zone.header().heap.freePages() == pages);
}

// What the shard may have, down to the smallest piece.
void takeAllMemory(TestZone& z, ShardHeader& shard) {
  for (auto size = mediasync::memory::kSizeClasses.rbegin(); size != mediasync::memory::kSizeClasses.rend(); ++size) {
    for (bool more = true; more;) {
      Transaction txn(z.zone.region(), shard);
      more = txn.tryAllocate(*size) != 0;
      txn.commit();
    }
  }
}

TEST_CASE("leadership moves in a zone without any memory left", "[store][sessions]") {
  TestZone z(Zone::minimumSize(1), 1);
  Client ann = connect(z.zone, z.random, kW1), bob = connect(z.zone, z.random, kW1);
  REQUIRE_FALSE(join(z.zone, ann, {"room", "ann", "Ann", {}}, kW1, z.wake));
  REQUIRE_FALSE(join(z.zone, bob, {"room", std::string(100, 'b'), "Bob", {}}, kW1, z.wake));
  takeAllMemory(z, z.zone.sessionShard(0).header);
  const bool isLost = GENERATE(true, false);
  CAPTURE(isLost);
  if (isLost) {
    loseConnection(z.zone, ann, z.wake);
    SessionTransaction txn(z.zone, "room");
    REQUIRE(txn.find("room"));
    CHECK_NOTHROW(session::graceExpired(txn, txn.findUser("ann"), kNow));
    CHECK(txn.leaderId() == std::string(100, 'b'));
    CHECK_NOTHROW(txn.commit(z.wake));
  } else {
    CHECK_NOTHROW(leave(z.zone, ann, z.wake));
    SessionTransaction txn(z.zone, "room");
    REQUIRE(txn.find("room"));
    CHECK(txn.findUser("ann") == 0);
    CHECK(txn.leaderId() == std::string(100, 'b'));
  }
}
TEST_CASE("in a full zone a session loads media from what newcomers leave, and then where the old texts were",
          "[store][sessions]") {
  TestZone z(Zone::minimumSize(1), 1);
  Client ann = connect(z.zone, z.random, kW1);
  REQUIRE_FALSE(join(z.zone, ann, {"room", "ann", "Ann", {}}, kW1, z.wake));
  const auto load = [&](const std::string& url) {
    SessionTransaction txn(z.zone, "room");
    if (!txn.find("room") || session::apply<session::LoadMedia>(txn, txn.findUser("ann"), {url, {}, {}, {}}, kNow))
      return;
    txn.commit(z.wake);
  };
  const auto isLoaded = [&](const std::string& url) {
    SessionTransaction txn(z.zone, "room");
    return txn.find("room") && txn.media().mediaUrl == url;
  };
  forgetRoom(z, "room");  // nobody has to read its log
  takeAllMemory(z, z.zone.sessionShard(0).header);
  REQUIRE_NOTHROW(load(std::string(200, 'a')));  // what newcomers leave
  takeAllMemory(z, z.zone.connectionShard(0).header);
  takeAllMemory(z, z.zone.sessionShard(0).header);
  for (const std::size_t size : {192U, 256U, 1U, 100U, 256U}) {
    INFO(size);
    REQUIRE_NOTHROW(load(std::string(size, 'b')));
    CHECK(isLoaded(std::string(size, 'b')));
  }
  CHECK_THROWS_AS(load(std::string(257, 'c')), OutOfSpace);
  CHECK(isLoaded(std::string(256, 'b')));
}
