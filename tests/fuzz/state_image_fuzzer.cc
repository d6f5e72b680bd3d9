// State files with right checksums and any content. What is read from one makes tables that are whole, hold texts that
// can be sent, and are written to a file that is read again without a loss.
//
// Input: records, each a kind as a digit, its size as two bytes, and its bytes; or with the kind 0 a session of a few
// names and numbers, which may be near the ends of their ranges.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/utf8.h"
#include "core/persistence/state_image.h"
#include "core/persistence/state_journal.h"
#include "core/persistence/state_record.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/require.h"
#include "tests/unit/store/invariants.h"
#include "tests/unit/persistence/saved_record.h"

using namespace mediasync;
using namespace mediasync::persistence;
using namespace mediasync::store;
using namespace mediasync::store::test;

namespace {

constexpr std::uint64_t kNumbers[] = {
    0, 1, 2, 3, 1ull << 53, (1ull << 53) + 1, INT64_MAX, 1ull << 63, UINT64_MAX - 1, UINT64_MAX};
constexpr std::string_view kTexts[] = {"", "a", "b", "ann", "\xff", "\xed\xa0\x80", "\xf0\x9f\x8e\xac", "\"\\\n"};

std::uint64_t number(fuzz::Input& input) {
  return kNumbers[input.below(std::size(kNumbers))];
}
std::int64_t time(fuzz::Input& input) {
  return static_cast<std::int64_t>(number(input));
}
std::string text(fuzz::Input& input) {
  return std::string(kTexts[input.below(std::size(kTexts))]);
}

std::string madeUp(fuzz::Input& input) {
  SavedSession session;
  session.serial = number(input);
  session.id = text(input);
  session.creatorId = text(input);
  session.leaderId = text(input);
  if (input.below(2) == 1) session.mediaTitle = text(input);
  session.clock.setAt.wall = time(input);
  if (input.below(2) == 1) session.idleSince = time(input);
  session.lostSeq = number(input);
  session.formerSerial = number(input);
  session.formerEnd = number(input);
  session.firstSeq = session.endSeq = number(input);
  session.hasUsers = input.below(2) == 1;
  for (std::uint32_t i = input.below(4); i > 0; --i) {
    SavedUser& user = session.users.emplace_back();
    user.serial = number(input);
    user.id = text(input);
    user.username = text(input);
    user.absentSince = time(input);
    user.presence = static_cast<session::Presence>(input.below(4));
  }
  return recordOf(session);
}

std::string fileOf(fuzz::Input& input) {
  std::string file;
  appendStateHeader(file, {1, {}, {}});
  while (!input.atEnd()) {
    const std::uint32_t kind = input.below(8);
    if (kind == 0) {
      appendFrame(file, static_cast<FrameKind>(1 + input.below(2)), madeUp(input));
      continue;
    }
    const std::size_t size = input.byte() * 256u + input.byte();
    appendFrame(file, static_cast<FrameKind>(kind), input.bytes(size));
  }
  appendFrame(file, FrameKind::kSnapshotEnd, {});
  return file;
}

void requireTexts(const Zone& zone) {
  const Arena& arena = zone.arena();
  const auto isText = [&](const SharedText& text) { return text.ref == 0 || isValidUtf8(textOf(arena, text)); };
  for (std::uint32_t shard = 0; shard < zone.shards(); ++shard) {
    for (Ref s = zone.sessionShard(shard).allSessions.first; s != 0; s = arena.at<SessionRecord>(s)->all.next) {
      const auto& session = *arena.at<SessionRecord>(s);
      eachText(session, [&](const SharedText& text) { FUZZ_REQUIRE(isText(text)); });
      for (Ref u = session.users.first; u != 0; u = arena.at<UserRecord>(u)->inSession.next) {
        eachText(*arena.at<UserRecord>(u), [&](const SharedText& text) { FUZZ_REQUIRE(isText(text)); });
      }
    }
  }
}

void requireWhole(const Zone& zone) {
  const auto findings = checkInvariants(zone);
  FUZZ_REQUIRE(findings.ok());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const auto image = StateImage::read(fileOf(input));
  if (!image) return 0;
  TestZone zone(Zone::minimumSize(2), 2);
  zone.zone.header().state.enabled = 1;
  image->restoreTo(zone.zone, kNow);
  requireWhole(zone.zone);
  requireTexts(zone.zone);

  std::string again, changes;
  appendStateHeader(again, {2, {}, {}});
  StateJournal journal(zone.zone);
  journal.beginSnapshot();
  while (journal.takeSnapshot(again, changes, 64 * 1024, kNow)) {
  }
  const auto second = StateImage::read(again);
  FUZZ_REQUIRE(second && second->refused() == 0 && second->goodBytes() == again.size());
  TestZone next(Zone::minimumSize(2) * 2, 2);
  const auto restored = second->restoreTo(next.zone, kNow);
  FUZZ_REQUIRE(restored.sessions == zone.zone.sessionCount() && restored.users == zone.zone.userCount());
  requireWhole(next.zone);
  return 0;
}
