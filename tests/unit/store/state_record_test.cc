#include "core/store/state_record.h"

#include <catch2/catch.hpp>

#include "core/server/environment.h"
#include "core/store/state_image.h"
#include "core/store/state_journal.h"
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
    StateJournal journal(zone.zone);
    appendStateHeader(file, {7, zone.zone.header().key, zone.zone.header().secretKey});
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
      session::syncPlayback(txn, txn.seatUser(), {static_cast<double>(i), false, "url", "id", 1.0}, kNow);
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
    session::syncPlayback(txn, txn.seatUser(), {10.0 + i, false, {}, {}, 1.0}, kNow);
    txn.commit(zone.wake);
  }

  TestZone zone;
  std::vector<Client> clients;
  std::string file;
  std::vector<std::size_t> ends;  // of the snapshot, and of each change
};

double positionIn(const StateImage& image) {
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
    const auto image = StateImage::read(std::string_view(sample.file).substr(0, size));
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
    const auto image = StateImage::read(std::string_view(sample.file).substr(0, sample.ends[i]));
    REQUIRE(positionIn(*image) == positions[i]);
  }
}

TEST_CASE("a byte that is wrong ends a state file before it", "[store][state]") {
  const Sample sample;
  for (std::size_t at = 0; at < sample.file.size(); ++at) {
    std::string bad = sample.file;
    bad[at] = static_cast<char>(bad[at] ^ 0x20);
    CAPTURE(at);
    const auto image = StateImage::read(bad);
    REQUIRE(image.has_value() == (at >= sample.ends[0]));
    if (image) REQUIRE(image->goodBytes() <= at);
  }
}

TEST_CASE("zeros behind a state file, as a file system may leave them, are no part of it", "[store][state]") {
  Sample sample;
  const std::size_t size = sample.file.size();
  sample.file.append(4096, '\0');
  REQUIRE(StateImage::read(sample.file)->goodBytes() == size);
}

TEST_CASE("records with a right checksum and a wrong content are refused", "[store][state]") {
  Sample sample;
  const auto with = [&](FrameKind kind, std::string_view record) {
    std::string file = sample.file;
    appendFrame(file, kind, record);
    return StateImage::read(file)->goodBytes() == file.size();
  };
  CHECK_FALSE(with(FrameKind::kSession, "short"));
  CHECK_FALSE(with(FrameKind::kGone, "1234567"));
  CHECK_FALSE(with(FrameKind::kRecovery, ""));
  CHECK_FALSE(with(static_cast<FrameKind>(9), "what?"));
  CHECK(with(FrameKind::kGone, std::string(8, '\0')));
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
  appendStateHeader(file, {1, before.zone.header().key, before.zone.header().secretKey});
  StateJournal journal(before.zone);
  journal.beginSnapshot();
  journal.takeSnapshot(file, changes, 1 << 20, kNow.after(1'000));
  const auto image = StateImage::read(file);
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
