// The log of a session: its events, with offsets that grow forever, in a chain of chunks of bounded size. A broadcast
// is one append; every reader has its own offset and reads from there to the end.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/store/records.h"
#include "core/store/memory.h"

namespace mediasync::store {

enum class Append {
  kDone,
  kBusy,  // a reader that the session waits for still needs the oldest events
  kLost,  // there is no memory and nothing to drop: readers miss the event
};

// The smallest and the largest chunk, as objects of the shard.
inline constexpr std::size_t kFirstChunk = 1024;

// Gives a new session its first chunk. Throws OutOfSpace.
void initLog(Transaction&, const SessionRecord&);

// Gives a freed log a chunk again, to guarantee room for certain events. Throws OutOfSpace.
void keepChunk(Transaction&, const SessionRecord&);

// Appends the encoded event. With `certain` it makes room for an event of up to kMaxCertainEvent bytes by any means,
// and returns kLost only if the log has no chunk. Otherwise it throws OutOfSpace if there is no memory, and returns
// kBusy if the log would exceed `limit` bytes and its oldest events are still needed (SessionWatcher::needed).
Append appendToLog(Transaction&, const SessionRecord&, std::string_view event, bool isSync, std::size_t limit,
                   bool certain);

// Frees the log, or part of it. Returns false if there is more to free in another transaction.
bool freeLog(Transaction&, const SessionRecord&);

// Bytes of the log that readers still need, as far as the session waits for them.
std::size_t neededBytes(const Arena&, const SessionRecord&);

// True if a reader at `from` needs the oldest part of the log, which is dropped next.
bool needsOldest(const Arena&, const SessionLog&, std::uint64_t from);

// True if the oldest part must be dropped before the log can take another chunk.
bool isFull(const SessionLog&, std::size_t limit);

// True if the log holds everything that a reader with all events before `from` still needs.
bool logHolds(const SessionLog&, std::uint64_t from);

// The place of an event in the log.
struct LogPlace {
  Ref chunk = 0;
  std::uint32_t offset = 0;    // in the chunk
  std::uint64_t firstSeq = 0;  // of the chunk
  std::uint64_t seq = 0;
};

// A copied part of the log.
struct LogSlice {
  std::uint64_t first = 0;  // offset of the first event copied
  std::uint64_t end = 0;    // offset after the last one
  bool lost = false;        // events from the reader's offset to `first` were dropped that nothing supersedes
};

// Copies events from `from` on to `out` (each an EventHeader and its bytes, padded to 8), until the end of the log or
// until `out` has more than `maxBytes`; at least one if there is any. Call it under the lock of the shard. `place` is
// an optional shortcut for a reader that continues from its last position: keep one per session, initially empty.
LogSlice readLog(const Arena&, const SessionLog&, std::uint64_t from, std::size_t maxBytes, std::string& out,
                 LogPlace* place = nullptr);

// Number of events in such a copy; nullopt if it is invalid.
std::optional<std::uint64_t> countEvents(std::string_view copied);
// Takes the first event off a valid copy.
struct CopiedEvent {
  std::string_view bytes;
  bool isSync = false;
};
CopiedEvent takeEvent(std::string_view& copied);

// Makes an empty log whose events before `firstSeq` are gone; the last one that nothing superseded was `lostSeq`.
void setLogStart(Transaction&, const SessionRecord&, std::uint64_t firstSeq, std::uint64_t lostSeq);

}  // namespace mediasync::store
