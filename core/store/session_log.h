// The log of a session: what happened, with offsets that grow for ever, in a chain of chunks of bounded size. A
// broadcast is one append; every reader has an offset of its own and reads from there to the end.
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
  kBusy,  // a reader that is worth waiting for still needs what would have to go
  kLost,  // there is no memory, and nothing in the log to make room of: its readers miss the event
};

// The smallest and the largest chunk, as objects of the shard.
inline constexpr std::size_t kFirstChunk = 1024;

// Gives a new session its first chunk. Throws OutOfSpace.
void initLog(Transaction&, const SessionRecord&);

// A log that was freed gets a chunk again, so that there is room for what must be told. Throws OutOfSpace.
void keepChunk(Transaction&, const SessionRecord&);

// Appends the encoded event. `certain`: room is made whatever it takes, for an event of up to kMaxCertainEvent bytes;
// kLost is the answer only where the log has no chunk.
// Otherwise throws OutOfSpace when there is no memory, and answers kBusy when the log would grow over `limit` bytes and
// its oldest events are still needed (SessionWatcher::needed).
Append appendToLog(Transaction&, const SessionRecord&, std::string_view event, bool isSync, std::size_t limit,
                   bool certain);

// Frees the log, or a part of it: false when there is more to free in another transaction.
bool freeLog(Transaction&, const SessionRecord&);

// Bytes of the log that some reader worth waiting for still needs.
std::size_t neededBytes(const Arena&, const SessionRecord&);

// Whether who reads on from `from` needs the oldest part of the log, which is the next to go.
bool needsOldest(const Arena&, const SessionLog&, std::uint64_t from);

// Whether its oldest part has to go before it can take another chunk.
bool isFull(const SessionLog&, std::size_t limit);

// Whether a reader that has everything before `from` finds all that is left for it to know.
bool logHolds(const SessionLog&, std::uint64_t from);

// What a reader finds from its offset on.
// Of an event in the log.
struct LogPlace {
  Ref chunk = 0;
  std::uint32_t offset = 0;    // in the chunk
  std::uint64_t firstSeq = 0;  // of the chunk
  std::uint64_t seq = 0;
};

struct LogSlice {
  std::uint64_t first = 0;  // offset of the first event copied
  std::uint64_t end = 0;    // offset after the last one
  bool lost = false;        // events between the reader's offset and `first` are gone that nothing supersedes
};

// Copies events from `from` on to `out` (each an EventHeader and its bytes, padded to 8), until the end of the log or
// until `out` holds more than `maxBytes`; at least one if there is any. Under the lock of the shard.
// `place` spares a reader who goes on from where it left off the way there: one for each session, empty at first.
LogSlice readLog(const Arena&, const SessionLog&, std::uint64_t from, std::size_t maxBytes, std::string& out,
                 LogPlace* place = nullptr);

// How many events such a copy holds; nullopt when it is none.
std::optional<std::uint64_t> countEvents(std::string_view copied);
// Takes the first one off such a copy, which is known to be one.
struct CopiedEvent {
  std::string_view bytes;
  bool isSync = false;
};
CopiedEvent takeEvent(std::string_view& copied);

// A log without an event, as it is when those before `firstSeq` are gone, up to `lostSeq` such as nothing supersedes.
void setLogStart(Transaction&, const SessionRecord&, std::uint64_t firstSeq, std::uint64_t lostSeq);

}  // namespace mediasync::store
