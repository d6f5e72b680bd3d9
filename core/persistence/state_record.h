// The format of a state file: a header, then frames, each a record of the shared tables at one moment. A later frame
// about the same item replaces an earlier one, or continues it.
//
//   header   magic, layout, generation, keys of the zone, and a checksum (CRC-32, as in zlib) of these
//   frame    size of the part after the checksum (4 bytes), checksum (4), kind (1), the record
//
// A file is valid up to the first frame that is truncated or has a wrong checksum, and usable if that comes after
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
  HashKey key;                   // hashes the file's identities
  SecretKey secretKey;           // hashes the file's secrets
};
inline constexpr std::size_t kStateHeaderBytes = 80;

void appendStateHeader(std::string& out, const StateHeader&);
// Returns nullopt if it is not a state file, or has another layout.
std::optional<StateHeader> parseStateHeader(std::string_view file);

// The kind of a file, by its beginning.
enum class StateFileKind {
  kOurs,          // ours, or truncated by a death or a file system, perhaps to nothing
  kOtherVersion,  // a state file of another layout
  kForeign,       // not a state file
};
StateFileKind kindOfStateFile(std::string_view beginning);

enum class FrameKind : std::uint8_t {
  kSession = 1,      // a whole session
  kChange = 2,       // changes of a session: its head, its users if they have changed, the events since the last frame
  kGone = 3,         // a session has ended
  kRecovery = 4,     // a connection that can be recovered
  kSnapshotEnd = 5,  // the snapshot is complete; changes follow
  kClock = 6,        // the wall clock was set: times in earlier frames are off by so many milliseconds
};

struct Frame {
  FrameKind kind;
  std::string_view record;
};
void appendFrame(std::string& out, FrameKind, std::string_view record);
// Takes the first frame off `bytes`. Returns nullopt, with `bytes` unchanged, if it is truncated, damaged or absent.
std::optional<Frame> takeFrame(std::string_view& bytes);

// Appends the current session as a frame, without the events before `from`.
void appendSession(std::string& out, FrameKind, const store::SessionAccess&, std::uint64_t from, bool withUsers,
                   Instant now);
void appendRecovery(std::string& out, const store::SavedRecovery&);
void appendGone(std::string& out, std::uint64_t serial);
void appendClock(std::string& out, std::int64_t shift);

// Each returns false if the bytes are not such a record, or one that the tables must not hold.
bool parseSession(std::string_view record, store::SavedSession&);
bool parseRecovery(std::string_view record, store::SavedRecovery&);
bool parseGone(std::string_view record, std::uint64_t& serial);
bool parseClock(std::string_view record, std::int64_t& shift);

// The largest valid time, in milliseconds: sums of a few such times do not overflow.
inline constexpr std::int64_t kMostTime = std::int64_t{1} << 53;

}  // namespace mediasync::persistence
