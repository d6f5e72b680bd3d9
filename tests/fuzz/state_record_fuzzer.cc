// The state file, which may have been cut off, damaged, or written by anybody. What is taken for a frame is one whose
// checksum is right, to the byte; records of any content are read within their bounds.
//
// Input: a digit; 0: a file. Otherwise the kind of a record, and the record.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/persistence/state_record.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/require.h"

using namespace mediasync::persistence;
using namespace mediasync::store;

namespace {

void readRecord(const Frame& frame) {
  SavedSession session;
  SavedRecovery recovery;
  std::uint64_t serial = 0;
  switch (frame.kind) {
    case FrameKind::kSession:
    case FrameKind::kChange:
      if (parseSession(frame.record, session)) FUZZ_REQUIRE(session.events.size() <= frame.record.size());
      return;
    case FrameKind::kRecovery:
      parseRecovery(frame.record, recovery);
      return;
    case FrameKind::kGone:
      if (parseGone(frame.record, serial)) {
        std::string again;
        appendGone(again, serial);
        std::string_view rest = again;
        const auto same = takeFrame(rest);
        FUZZ_REQUIRE(same && same->kind == FrameKind::kGone && frame.record.starts_with(same->record));
      }
      return;
    default:
      return;
  }
}

void readFile(std::string_view file) {
  if (const auto header = parseStateHeader(file)) {
    std::string again;
    appendStateHeader(again, *header);
    FUZZ_REQUIRE(again.size() == kStateHeaderBytes && parseStateHeader(again)->generation == header->generation);
  }
  std::string_view rest = file.substr(std::min(file.size(), kStateHeaderBytes));
  for (std::size_t before = rest.size(); const auto frame = takeFrame(rest); before = rest.size()) {
    FUZZ_REQUIRE(rest.size() < before && frame->record.size() < before);
    readRecord(*frame);
  }
}

// A frame comes back as it was written; cut, or with any of its bytes changed, it does not come back.
void checkFrame(FrameKind kind, std::string_view record) {
  std::string file;
  appendFrame(file, kind, record);
  std::string_view rest = file;
  const auto frame = takeFrame(rest);
  FUZZ_REQUIRE(frame && frame->kind == kind && frame->record == record && rest.empty());
  readRecord(*frame);
  std::string_view cut = std::string_view(file).substr(0, file.size() - 1);
  FUZZ_REQUIRE(!takeFrame(cut) && cut.size() == file.size() - 1);
  std::string changed = file;
  char& byte = changed[record.size() * 7 % file.size()];
  byte = static_cast<char>(byte ^ 0x10);
  std::string_view damaged = changed;
  FUZZ_REQUIRE(!takeFrame(damaged));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  mediasync::fuzz::Input input(data, size);
  const std::uint32_t kind = input.below(6);
  if (kind == 0) {
    readFile(input.rest());
  } else {
    checkFrame(static_cast<FrameKind>(kind), input.rest());
  }
  return 0;
}
