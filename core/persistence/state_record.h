// What a state file holds: a header, then frames, each a record of the shared tables as it was at one moment. A later
// frame about the same thing takes the place of an earlier one, or goes on from it.
//
//   header   magic, layout, generation, keys of the zone, and a checksum (CRC-32, as in zlib) of these
//   frame    size of what follows the checksum (4 bytes), checksum (4), kind (1), the record
//
// A file is good up to the first frame that is cut off or whose checksum is wrong, and of use when that comes after
// kSnapshotEnd.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/base/secret.h"
#include "core/base/siphash.h"
#include "core/session/state.h"
#include "core/store/byte_codec.h"
#include "core/store/records.h"
#include "core/store/saved.h"
#include "core/store/session_access.h"
#include "core/store/zone.h"

namespace mediasync::persistence {

struct StateHeader {
  std::uint64_t generation = 0;  // counts snapshots: of two files, the one with the higher number is newer
  HashKey key;                   // identities in it are hashed by it
  SecretKey secretKey;           // and secrets by this
};
inline constexpr std::size_t kStateHeaderBytes = 80;

void appendStateHeader(std::string& out, const StateHeader&);
// nullopt when it is none, or of another layout.
std::optional<StateHeader> parseStateHeader(std::string_view file);

// What a file is, by how it begins.
enum class StateFileKind {
  kOurs,          // or what a death or a file system has left of one, which may be nothing
  kOtherVersion,  // has another layout
  kForeign,       // no state file
};
StateFileKind kindOfStateFile(std::string_view beginning);

enum class FrameKind : std::uint8_t {
  kSession = 1,      // the whole of it
  kChange = 2,       // of a session: its head, its users when they have changed, the events since the frame before
  kGone = 3,         // a session has ended
  kRecovery = 4,     // where a client can come back to
  kSnapshotEnd = 5,  // all that there was has been written; changes follow
  kClock = 6,        // the wall clock was set: times in the frames before are off by so many milliseconds
};

struct Frame {
  FrameKind kind;
  std::string_view record;
};
void appendFrame(std::string& out, FrameKind, std::string_view record);
// Takes the first frame off `bytes`. nullopt, with `bytes` unchanged: it is cut off or damaged, or there is none.
std::optional<Frame> takeFrame(std::string_view& bytes);

// Appends the current session as a frame. `from`: events before it are left out.
void appendSession(std::string& out, FrameKind, const store::SessionAccess&, std::uint64_t from, bool withUsers,
                   Instant now);
void appendRecovery(std::string& out, const store::SavedRecovery&);
void appendGone(std::string& out, std::uint64_t serial);
void appendClock(std::string& out, std::int64_t shift);

// Each is false when the bytes are no such record, or one that the tables must not hold.
bool parseSession(std::string_view record, store::SavedSession&);
bool parseRecovery(std::string_view record, store::SavedRecovery&);
bool parseGone(std::string_view record, std::uint64_t& serial);
bool parseClock(std::string_view record, std::int64_t& shift);

// Times beyond it, in milliseconds, are none: sums of a few of them do not overflow.
inline constexpr std::int64_t kMostTime = std::int64_t{1} << 53;

}  // namespace mediasync::persistence
