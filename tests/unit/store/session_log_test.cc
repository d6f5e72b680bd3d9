// The log of a session: offsets, slices, what is thrown away and what is waited for.
#include "core/store/session_log.h"

#include <catch2/catch.hpp>
#include <limits>

#include "core/store/event_codec.h"
#include "core/store/session_feed.h"
#include "tests/unit/store/invariants.h"

using namespace mediasync;
using namespace mediasync::store;
using namespace mediasync::store::test;

namespace {

constexpr std::size_t kLimit = 16 * 1024;
constexpr std::uint64_t kNoReader = std::numeric_limits<std::uint64_t>::max();

// A session whose log is worked on directly. The events are texts that begin with their offset.
struct Log : TestZone {
  Ref session = 0;
  Ref watcher = 0;

  explicit Log(std::size_t size = 4 << 20) : TestZone(size, 1) {
    SessionTransaction txn(zone, "room");
    txn.create("room", "ann", kNow);
    txn.setLeader("ann");
    txn.addWatch({1, 1});
    watcher = txn.record().watchers;
    session = txn.ref();
    txn.commit(wake);
  }
  const SessionRecord& record() { return *zone.arena().at<SessionRecord>(session); }
  const SessionLog& log() { return record().log; }
  void readersHave(std::uint64_t offset) { zone.arena().at<SessionWatcher>(watcher)->needed = offset; }

  std::string textOf(std::uint64_t seq, std::size_t size) {
    std::string text = std::to_string(seq) + ":";
    while (text.size() < size)
      text.push_back(static_cast<char>('a' + seq % 26));
    return text;
  }
  Append append(std::size_t size, bool isSync = false, bool certain = false, std::size_t limit = kLimit) {
    Transaction txn(zone.region(), zone.sessionShard(0).header);
    const Append result = appendToLog(txn, record(), textOf(log().nextSeq, size), isSync, limit, certain);
    if (result == Append::kDone) txn.commit();
    return result;
  }

  struct Read {
    LogSlice slice;
    std::vector<std::string> texts;
  };
  Read read(std::uint64_t from, std::size_t maxBytes = 1 << 20) {
    std::string raw;
    Read result{readLog(zone.arena(), log(), from, maxBytes, raw), {}};
    std::size_t at = 0;
    while (at < raw.size()) {
      EventHeader header;
      std::memcpy(&header, raw.data() + at, sizeof header);
      result.texts.push_back(raw.substr(at + sizeof header, header.size));
      at += sizeof header + (header.size + 7) / 8 * 8;
    }
    CHECK(at == raw.size());
    CHECK(result.slice.end - result.slice.first == result.texts.size());
    return result;
  }
};

}  // namespace

TEST_CASE("offsets begin at 1 and grow by one with each event", "[store][log]") {
  Log log;
  CHECK(log.log().firstSeq == 1);
  CHECK(log.log().nextSeq == 1);
  for (std::uint64_t i = 1; i <= 200; ++i) {
    REQUIRE(log.append(10 + i % 90) == Append::kDone);
    REQUIRE(log.log().nextSeq == i + 1);
  }
  CHECK(log.log().firstSeq == 1);  // well below the limit: nothing goes
  REQUIRE_INVARIANTS(log.zone);
}

TEST_CASE("a reader gets exactly what follows its offset, wherever that lies", "[store][log]") {
  Log log;
  std::vector<std::size_t> sizes;
  for (std::uint64_t i = 1; i <= 150; ++i) {
    sizes.push_back(5 + log.random.engine()() % 600);
    REQUIRE(log.append(sizes.back(), false, false, 1 << 20) == Append::kDone);
  }
  for (std::uint64_t from = 1; from <= 151; ++from) {
    for (const std::size_t maxBytes : {std::size_t{1}, std::size_t{3000}, std::size_t{1 << 20}}) {
      const auto read = log.read(from, maxBytes);
      CHECK_FALSE(read.slice.lost);
      CHECK(read.slice.first == from);
      if (maxBytes == 1) CHECK(read.texts.size() == (from == 151 ? 0 : 1));  // at least one, if there is any
      if (maxBytes == 1 << 20) CHECK(read.slice.end == 151);
      for (std::size_t i = 0; i < read.texts.size(); ++i) {
        CHECK(read.texts[i] == log.textOf(from + i, sizes[from + i - 1]));
      }
    }
  }
}

TEST_CASE("a reader that knows where it left off reads the same", "[store][log]") {
  Log log;
  LogPlace place;
  std::uint64_t at = 1;
  std::uint32_t random = 1;
  for (int i = 0; i < 3000; ++i) {
    random = random * 1664525 + 1013904223;
    for (std::uint32_t n = random >> 29; n > 0; --n)
      log.append(20 + (random >> 8) % 300, n % 2 == 0, true);
    if ((random >> 20) % 4 == 0) continue;  // falls behind, perhaps until what it knew is gone
    const std::size_t most = (random >> 16) % 3 == 0 ? 100 : 1 << 20;
    std::string known;
    std::string searched;
    const LogSlice slice = readLog(log.zone.arena(), log.log(), at, most, known, &place);
    const LogSlice expected = readLog(log.zone.arena(), log.log(), at, most, searched);
    REQUIRE(known == searched);
    REQUIRE(slice.first == expected.first);
    REQUIRE(slice.end == expected.end);
    REQUIRE(slice.lost == expected.lost);
    at = (random >> 12) % 8 == 0 && slice.end > 3 ? slice.end - 2 : slice.end;  // some go back
  }
}

TEST_CASE("a log over its limit loses its oldest events, and stays within the limit", "[store][log]") {
  Log log;
  log.readersHave(kNoReader);
  for (int i = 0; i < 3000; ++i) {
    REQUIRE(log.append(100) == Append::kDone);
    REQUIRE(log.log().bytes <= kLimit);
  }
  CHECK(log.log().firstSeq > 2800);
  CHECK(log.log().firstSeq < 3000);
  CHECK(log.read(1).slice.lost);
  CHECK(log.read(log.log().firstSeq - 1).slice.lost);
  CHECK_FALSE(log.read(log.log().firstSeq).slice.lost);
  CHECK(log.read(1).slice.first == log.log().firstSeq);
  REQUIRE_INVARIANTS(log.zone);
}

TEST_CASE("events that a reader still needs stay: the writer is told to wait", "[store][log]") {
  Log log;
  log.readersHave(1);
  Append result = Append::kDone;
  while (result == Append::kDone)
    result = log.append(100);
  CHECK(result == Append::kBusy);
  CHECK(log.log().firstSeq == 1);
  const auto before = meaningfulBytes(log.zone, log.memory.span());
  CHECK(log.append(100) == Append::kBusy);
  CHECK(differenceOf(meaningfulBytes(log.zone, log.memory.span()), before) == "none");

  SECTION("a reader that has read the oldest chunk makes room") {
    log.readersHave(log.log().nextSeq);
    CHECK(log.append(100) == Append::kDone);
    CHECK_FALSE(log.read(log.log().firstSeq).slice.lost);
  }
  SECTION("only whole chunks go, and only when all of them has been read") {
    const Arena& arena = log.zone.arena();
    const std::size_t size = arena.at<LogChunk>(log.log().lastChunk)->capacity + sizeof(LogChunk);
    std::size_t bytes = log.log().bytes;
    std::uint64_t end = 0;  // of what has to go to make room for one more chunk
    for (Ref ref = log.log().firstChunk; bytes + size > kLimit; ref = arena.at<LogChunk>(ref)->next) {
      end = arena.at<LogChunk>(ref)->firstSeq + arena.at<LogChunk>(ref)->count;
      bytes -= arena.at<LogChunk>(ref)->capacity + sizeof(LogChunk);
    }
    log.readersHave(end - 1);
    CHECK(log.append(100) == Append::kBusy);
    log.readersHave(end);
    CHECK(log.append(100) == Append::kDone);
    CHECK(log.log().firstSeq == end);
  }
  SECTION("a certain event does not wait") {
    const std::uint64_t next = log.log().nextSeq;
    CHECK(log.append(100, false, true) == Append::kDone);
    CHECK(log.log().nextSeq == next + 1);
    CHECK(log.log().bytes <= kLimit);
  }
  REQUIRE_INVARIANTS(log.zone);
}

TEST_CASE("of several watchers the slowest one counts", "[store][log]") {
  Log log;
  Ref other = 0;
  {
    SessionTransaction txn(log.zone, "room");
    REQUIRE(txn.find("room"));
    txn.addWatch({2, 1});
    other = txn.record().watchers;
    txn.commit(log.wake);
  }
  log.readersHave(kNoReader);
  log.zone.arena().at<SessionWatcher>(other)->needed = 1;
  Append result = Append::kDone;
  for (int i = 0; i < 1000 && result == Append::kDone; ++i)
    result = log.append(100);
  CHECK(result == Append::kBusy);
}

TEST_CASE("what a worker begins to need is kept until it tells all its needs", "[store][log]") {
  constexpr WorkerId kWorker{1, 1};
  Log log;
  const SessionFeed feed(log.zone, 0, log.session, log.record().serial);
  const auto appends = [&log] {
    for (int i = 0; i < 1000; ++i) {
      if (log.append(100) != Append::kDone) return false;
    }
    return true;
  };
  feed.publish(kWorker, {5, 5, 0}, kNow.mono);
  feed.need(kWorker, 3);
  feed.need(kWorker, 4);  // it already does
  feed.need({2, 1}, 1);   // which does not watch the session
  CHECK(log.zone.arena().at<SessionWatcher>(log.watcher)->needed == 3);
  CHECK_FALSE(appends());
  CHECK(log.log().firstSeq <= 3);
  feed.publish(kWorker, {kNoReader, kNoReader, 0}, kNow.mono);
  CHECK(appends());
}

TEST_CASE("superseded playback_sync events are no loss; anything else is", "[store][log]") {
  Log log;
  log.readersHave(kNoReader);
  SECTION("only syncs were dropped") {
    for (int i = 0; i < 1000; ++i)
      REQUIRE(log.append(100, true) == Append::kDone);
    REQUIRE(log.log().firstSeq > 1);
    CHECK_FALSE(log.read(1).slice.lost);
    CHECK(log.log().lastSyncSeq == 1000);
  }
  SECTION("the newest sync was dropped") {
    REQUIRE(log.append(100, true) == Append::kDone);
    for (int i = 0; i < 1000; ++i)
      REQUIRE(log.append(100, false) == Append::kDone);
    CHECK(log.read(1).slice.lost);
  }
  SECTION("one other event among them was dropped") {
    for (int i = 1; i <= 1000; ++i)
      REQUIRE(log.append(100, i != 50) == Append::kDone);
    CHECK(log.log().lostSeq == 50);
    CHECK(log.read(50).slice.lost);
    CHECK_FALSE(log.read(51).slice.lost);  // this reader has it already
  }
}

TEST_CASE("a certain event finds room in a full zone, again and again, and commands do not", "[store][log]") {
  Log log(Zone::minimumSize(1));
  log.readersHave(kNoReader);
  for (int i = 0; i < 20; ++i)
    REQUIRE(log.append(200) == Append::kDone);
  std::vector<Ref> filler;
  for (const std::size_t size : {4096U, 2048U, 1024U, 512U}) {
    for (bool more = true; more;) {
      Transaction txn(log.zone.region(), log.zone.sessionShard(0).header);
      const Ref ref = txn.tryAllocate(size);
      more = ref != 0;
      if (more) filler.push_back(ref);
      txn.commit();
    }
  }
  log.readersHave(1);  // somebody needs it all: still
  for (int i = 0; i < 200; ++i) {
    const std::uint64_t seq = log.log().nextSeq;
    REQUIRE(log.append(kMaxCertainEvent, false, true) == Append::kDone);
    const auto read = log.read(seq);
    REQUIRE(read.texts.size() == 1);
    REQUIRE(read.texts[0] == log.textOf(seq, kMaxCertainEvent));
  }
  Append result = Append::kDone;
  for (int i = 0; i < 100 && result == Append::kDone; ++i)
    result = log.append(200);
  CHECK(result == Append::kBusy);
  for (const Ref ref : filler) {
    Transaction txn(log.zone.region(), log.zone.sessionShard(0).header);
    txn.release(ref);
    txn.commit();
  }
  REQUIRE_INVARIANTS(log.zone);
}

TEST_CASE("a recycled chunk that is rolled back holds its old events again", "[store][log]") {
  Log log(Zone::minimumSize(1));
  log.readersHave(kNoReader);
  for (int i = 0; i < 20; ++i)
    REQUIRE(log.append(200) == Append::kDone);
  for (const std::size_t size : {4096U, 2048U, 1024U, 512U}) {
    for (bool more = true; more;) {
      Transaction txn(log.zone.region(), log.zone.sessionShard(0).header);
      more = txn.tryAllocate(size) != 0;
      txn.commit();
    }
  }
  const auto before = meaningfulBytes(log.zone, log.memory.span());
  {
    Transaction txn(log.zone.region(), log.zone.sessionShard(0).header);
    for (int i = 0; i < 12; ++i) {
      REQUIRE(appendToLog(txn, log.record(), std::string(400, 'x'), false, kLimit, true) == Append::kDone);
    }
  }
  CHECK(differenceOf(meaningfulBytes(log.zone, log.memory.span()), before) == "none");
}

TEST_CASE("events of the largest size fit, and push out older ones", "[store][log]") {
  Log log;
  log.readersHave(kNoReader);
  for (int i = 0; i < 20; ++i)
    REQUIRE(log.append(3600) == Append::kDone);
  const auto read = log.read(log.log().firstSeq);
  CHECK(read.texts.size() >= 3);
  for (const auto& text : read.texts)
    CHECK(text.size() == 3600);
  REQUIRE_INVARIANTS(log.zone);
}
