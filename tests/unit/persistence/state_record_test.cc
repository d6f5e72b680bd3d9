#include "core/persistence/state_record.h"

#include <catch2/catch.hpp>
#include <cstdint>
#include <functional>

#include "core/context/environment.h"
#include "core/persistence/state_image.h"
#include "core/persistence/state_journal.h"
#include "tests/unit/persistence/saved_record.h"
#include "tests/unit/store/invariants.h"

using namespace mediasync;
using namespace mediasync::store;
using namespace mediasync::store::test;

namespace {

constexpr WorkerId kWorker{0, 1};

// A snapshot of two sessions, and three changes.
struct Sample {
  Sample() {
    zone.zone.header().state.enabled = 1;
    mediasync::persistence::StateJournal journal(zone.zone);
    mediasync::persistence::appendStateHeader(file, {7, zone.zone.header().key, zone.zone.header().secretKey});
    std::string changes;
    for (const char* session : {"one", "two"}) {
      clients.push_back(connect(zone.zone, zone.random, kWorker));
      join(zone.zone, clients.back(), {session, "ann", "Ann", "face"}, kWorker, zone.wake);
    }
    journal.beginSnapshot();
    while (journal.takeSnapshot(file, changes, 100, kNow)) {
    }
    ends.push_back(file.size());
    for (int i = 1; i <= 3; ++i) {
      SessionTransaction txn(zone.zone, clients[0].seat.shard);
      REQUIRE(txn.openSeat(clients[0].seat));
      session::apply<session::SyncPlayback>(txn, txn.seatUser(), {static_cast<double>(i), false, "url", "id", 1.0}, kNow);
      txn.commit(zone.wake);
    }
    for (int i = 1; i <= 3; ++i) {
      changed(i);
      journal.takeChanges(file, 1'000'000, kNow);
      ends.push_back(file.size());
    }
  }
  void changed(int i) {
    SessionTransaction txn(zone.zone, clients[0].seat.shard);
    REQUIRE(txn.openSeat(clients[0].seat));
    session::apply<session::SyncPlayback>(txn, txn.seatUser(), {10.0 + i, false, {}, {}, 1.0}, kNow);
    txn.commit(zone.wake);
  }

  TestZone zone;
  std::vector<Client> clients;
  std::string file;
  std::vector<std::size_t> ends;  // of the snapshot, and of each change
};

double positionIn(const mediasync::persistence::StateImage& image) {
  TestZone zone;
  image.restoreTo(zone.zone, kNow);
  REQUIRE_INVARIANTS(zone.zone);
  SessionTransaction txn(zone.zone, "one");
  REQUIRE(txn.find("one"));
  return txn.clock().position;
}

}  // namespace

TEST_CASE("a state file that is cut off anywhere is good up to there", "[store][state]") {
  const Sample sample;
  for (std::size_t size = 0; size <= sample.file.size(); ++size) {
    const auto image = mediasync::persistence::StateImage::read(std::string_view(sample.file).substr(0, size));
    CAPTURE(size);
    REQUIRE(image.has_value() == (size >= sample.ends[0]));
    if (!image) continue;
    std::size_t good = sample.ends[0];
    for (const std::size_t end : sample.ends)
      if (end <= size) good = end;
    REQUIRE(image->goodBytes() == good);
  }
  const double positions[] = {0, 11, 12, 13};
  for (std::size_t i = 0; i < sample.ends.size(); ++i) {
    const auto image = mediasync::persistence::StateImage::read(std::string_view(sample.file).substr(0, sample.ends[i]));
    REQUIRE(positionIn(*image) == positions[i]);
  }
}

TEST_CASE("a byte that is wrong ends a state file before it", "[store][state]") {
  const Sample sample;
  for (std::size_t at = 0; at < sample.file.size(); ++at) {
    std::string bad = sample.file;
    bad[at] = static_cast<char>(bad[at] ^ 0x20);
    CAPTURE(at);
    const auto image = mediasync::persistence::StateImage::read(bad);
    REQUIRE(image.has_value() == (at >= sample.ends[0]));
    if (image) REQUIRE(image->goodBytes() <= at);
  }
}

TEST_CASE("zeros behind a state file, as a file system may leave them, are no part of it", "[store][state]") {
  Sample sample;
  const std::size_t size = sample.file.size();
  sample.file.append(4096, '\0');
  REQUIRE(mediasync::persistence::StateImage::read(sample.file)->goodBytes() == size);
}

TEST_CASE("a record with a right checksum and an impossible content is left out, and what follows is not",
          "[store][state]") {
  Sample sample;
  const auto with = [&](mediasync::persistence::FrameKind kind, std::string_view record) {
    std::string file = sample.file;
    appendFrame(file, kind, record);
    const std::size_t end = file.size();
    file.append(sample.file.substr(sample.ends[2]));  // the last change once more
    const auto image = mediasync::persistence::StateImage::read(file);
    REQUIRE(positionIn(*image) == 13);
    return image->goodBytes() > end && image->refused() == 0;
  };
  CHECK_FALSE(with(mediasync::persistence::FrameKind::kSession, "short"));
  CHECK_FALSE(with(mediasync::persistence::FrameKind::kGone, "1234567"));
  CHECK_FALSE(with(mediasync::persistence::FrameKind::kRecovery, ""));
  CHECK_FALSE(with(mediasync::persistence::FrameKind::kClock, "1"));
  CHECK_FALSE(with(mediasync::persistence::FrameKind::kClock, "12345678"));
  CHECK_FALSE(with(static_cast<mediasync::persistence::FrameKind>(9), "what?"));  // and the file ends before it
  CHECK(with(mediasync::persistence::FrameKind::kGone, std::string(8, '\0')));

  // A session as the file has it, with one thing changed.
  SavedSession sound;
  {
    std::string_view rest = std::string_view(sample.file).substr(mediasync::persistence::kStateHeaderBytes);
    const auto frame = mediasync::persistence::takeFrame(rest);
    REQUIRE(frame->kind == mediasync::persistence::FrameKind::kSession);
    REQUIRE(mediasync::persistence::parseSession(frame->record, sound));
    REQUIRE(recordOf(sound) == frame->record);
  }
  sound.serial = 77;
  sound.id = "another";
  const auto changed = [&](const std::function<void(SavedSession&)>& change) {
    SavedSession session = sound;
    change(session);
    return with(mediasync::persistence::FrameKind::kSession, recordOf(session));
  };
  CHECK(changed([](SavedSession&) {}));
  CHECK_FALSE(changed([](SavedSession& s) { s.serial = 0; }));
  CHECK_FALSE(changed([](SavedSession& s) { s.users.push_back(s.users[0]); }));
  CHECK_FALSE(changed([](SavedSession& s) {
    s.users.push_back(s.users[0]);
    s.users[1].serial = 78;
  }));
  CHECK_FALSE(changed([](SavedSession& s) {
    s.users.push_back(s.users[0]);
    s.users[1].id = "bob";
  }));
  CHECK_FALSE(changed([](SavedSession& s) { s.users[0].serial = 0; }));
  CHECK_FALSE(changed([](SavedSession& s) { s.users[0].absentSince = INT64_MIN; }));
  for (const char* text : {"\xff", "\xc0\x80", "\xed\xa0\x80"}) {
    CHECK_FALSE(changed([&](SavedSession& s) { s.id = text; }));
    CHECK_FALSE(changed([&](SavedSession& s) { s.leaderId = text; }));
    CHECK_FALSE(changed([&](SavedSession& s) { s.mediaTitle = text; }));
    CHECK_FALSE(changed([&](SavedSession& s) { s.users[0].username = text; }));
    CHECK_FALSE(changed([&](SavedSession& s) { s.users[0].avatar = text; }));
  }
  for (const std::uint64_t far : {UINT64_MAX, UINT64_MAX / 2}) {
    CHECK_FALSE(changed([&](SavedSession& s) { s.formerEnd = far; }));
    CHECK_FALSE(changed([&](SavedSession& s) { s.lostSeq = far; }));
    CHECK_FALSE(changed([&](SavedSession& s) {
      s.endSeq = far;
      s.firstSeq = far - 1;
    }));
    CHECK_FALSE(changed([&](SavedSession& s) {
      s.events.clear();
      s.firstSeq = s.endSeq = far;
    }));
  }
  for (const std::int64_t time : {INT64_MIN, INT64_MAX})
    CHECK_FALSE(changed([&](SavedSession& s) { s.idleSince = time; }));
  CHECK_FALSE(changed([](SavedSession& s) { s.clock.setAt.wall = INT64_MAX; }));
  CHECK_FALSE(changed([](SavedSession& s) { s.clock.position = -1; }));
  CHECK_FALSE(changed([](SavedSession& s) { s.id.clear(); }));

  // What is known under one name does not get another one.
  SavedSession renamed;
  std::string_view rest = std::string_view(sample.file).substr(mediasync::persistence::kStateHeaderBytes);
  REQUIRE(mediasync::persistence::parseSession(mediasync::persistence::takeFrame(rest)->record, renamed));
  renamed.id = "elsewhere";
  CHECK_FALSE(with(mediasync::persistence::FrameKind::kSession, recordOf(renamed)));
  CHECK_FALSE(with(mediasync::persistence::FrameKind::kChange, recordOf(renamed)));
}

TEST_CASE("what a file begins with tells what it is", "[store][state]") {
  const Sample sample;
  const auto kind = [](std::string_view bytes) { return mediasync::persistence::kindOfStateFile(bytes); };
  for (std::size_t size = 0; size < 200; ++size)
    CHECK(kind(std::string_view(sample.file).substr(0, size)) == mediasync::persistence::StateFileKind::kOurs);
  CHECK(kind(std::string(4096, '\0')) == mediasync::persistence::StateFileKind::kOurs);
  CHECK(kind("m") == mediasync::persistence::StateFileKind::kOurs);
  CHECK(kind("n") == mediasync::persistence::StateFileKind::kForeign);
  CHECK(kind("a letter to grandmother") == mediasync::persistence::StateFileKind::kForeign);
  std::string other = sample.file;
  ++other[16];
  CHECK(kind(other) == mediasync::persistence::StateFileKind::kOtherVersion);
}

TEST_CASE("a clock that was set while sessions were kept does not change how long anything has lasted",
          "[store][state]") {
  const std::int64_t step = GENERATE(48 * 3'600'000, -3'600'000);
  TestZone before;
  before.zone.header().state.enabled = 1;
  Client client = connect(before.zone, before.random, kWorker);
  join(before.zone, client, {"room", "ann", "Ann", {}}, kWorker, before.wake);
  {
    SessionTransaction txn(before.zone, "room");
    REQUIRE(txn.find("room"));
    txn.setClock({10, 2.0, -1, kNow, true});
    txn.commit(before.wake);
  }
  loseConnection(before.zone, client, before.wake, kNow.after(1'000));
  std::string file, changes;
  mediasync::persistence::appendStateHeader(file, {1, before.zone.header().key, before.zone.header().secretKey});
  mediasync::persistence::StateJournal journal(before.zone);
  journal.beginSnapshot();
  const bool isAfter = GENERATE(false, true);  // whether the session was written after the clock was set
  Instant now = kNow.after(60'000);
  if (isAfter) mediasync::persistence::appendClock(file, step);
  if (isAfter) now.wall += step;
  journal.takeSnapshot(file, changes, 1 << 20, now);
  if (!isAfter) mediasync::persistence::appendClock(file, step);
  TestZone after;
  const Instant later{kNow.wall + 61'000 + step, 500'000};
  mediasync::persistence::StateImage::read(file)->restoreTo(after.zone, later);
  SessionTransaction txn(after.zone, "room");
  REQUIRE(txn.find("room"));
  CHECK(txn.record().idleSince == later.mono - 60'000);
  CHECK(txn.clock().positionAt(later) == 10 + 2 * 61.0);
}

TEST_CASE("times keep their distance to the wall clock", "[store][state]") {
  TestZone before;
  before.zone.header().state.enabled = 1;
  Client client = connect(before.zone, before.random, kWorker);
  join(before.zone, client, {"room", "ann", "Ann", {}}, kWorker, before.wake);
  {
    SessionTransaction txn(before.zone, "room");
    REQUIRE(txn.find("room"));
    txn.setClock({10, 2.0, -1, kNow, true});
    txn.commit(before.wake);
  }
  std::string file, changes;
  mediasync::persistence::appendStateHeader(file, {1, before.zone.header().key, before.zone.header().secretKey});
  mediasync::persistence::StateJournal journal(before.zone);
  journal.beginSnapshot();
  journal.takeSnapshot(file, changes, 1 << 20, kNow.after(1'000));
  const auto image = mediasync::persistence::StateImage::read(file);
  REQUIRE(image);
  TestZone after;
  const Instant later{kNow.wall + 3'000, 77};
  image->restoreTo(after.zone, later);
  SessionTransaction txn(after.zone, "room");
  REQUIRE(txn.find("room"));
  CHECK(txn.clock().positionAt(later) == 16.0);
  CHECK(txn.record().createdAt == kNow.wall);
  SECTION("a clock that was set back does not make the film run backwards") {
    TestZone early;
    image->restoreTo(early.zone, {kNow.wall - 60'000, 77});
    SessionTransaction other(early.zone, "room");
    REQUIRE(other.find("room"));
    CHECK(other.clock().positionAt({kNow.wall - 60'000, 77}) == 10.0);
  }
}
