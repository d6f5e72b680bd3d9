#include "core/store/session_log.h"

#include <algorithm>
#include <limits>

#include "core/store/event_codec.h"

namespace mediasync::store {
namespace {

// Chunks freed in one transaction: bounded, so that the undo log is.
constexpr int kChunksAtOnce = 64;

std::size_t padded(std::size_t size) {
  return (size + 7) / 8 * 8;
}

std::byte* eventsOf(const Arena& arena, Ref chunk) {
  return arena.bytes(chunk) + sizeof(LogChunk);
}

// A user has left, and another leads: both fit into one chunk, so that the second does not cost the first.
static_assert(sizeof(LogChunk) + 2 * (sizeof(EventHeader) + kMaxCertainEvent) <= kFirstChunk);
static_assert(sizeof(LogChunk) + sizeof(EventHeader) + kMaxEncodedEvent <= kMaxObject);

// The offset that every reader worth waiting for has reached.
std::uint64_t neededFrom(const Arena& arena, const SessionRecord& session) {
  std::uint64_t needed = std::numeric_limits<std::uint64_t>::max();
  for (Ref ref = session.watchers; ref != 0; ref = arena.at<SessionWatcher>(ref)->next) {
    needed = std::min(needed, arena.at<SessionWatcher>(ref)->needed.load(std::memory_order_acquire));
  }
  return needed;
}

// The newest event of the chunk that nothing supersedes, 0 when there is none.
std::uint64_t lastEssential(const Arena& arena, const SessionLog& log, const LogChunk& chunk, Ref ref) {
  std::uint64_t essential = 0;
  const std::byte* at = eventsOf(arena, ref);
  for (std::uint32_t i = 0; i < chunk.count; ++i) {
    EventHeader header;
    std::memcpy(&header, at, sizeof header);
    const std::uint64_t seq = chunk.firstSeq + i;
    if (header.isSync == 0 || seq == log.lastSyncSeq) essential = seq;
    at += sizeof header + padded(header.size);
  }
  return essential;
}

LogPlace startOf(const Arena& arena, Ref chunk) {
  if (chunk == 0) return {};
  const std::uint64_t first = arena.at<LogChunk>(chunk)->firstSeq;
  return {chunk, 0, first, first};
}

// The place to look for an event: where `known` left off if its chunk has not changed, else as late as possible.
// Numbers of events do not come twice, so that a chunk in the same place that begins with the same one is the same.
LogPlace placeOf(const Arena& arena, const SessionLog& log, std::uint64_t from, const LogPlace* known) {
  const LogPlace last = startOf(arena, log.lastChunk);
  if (from < last.seq) return startOf(arena, log.firstChunk);
  const bool isKnown =
      known != nullptr && known->chunk == last.chunk && known->firstSeq == last.firstSeq && known->seq <= from;
  return isKnown ? *known : last;
}

// Takes the oldest chunk out of the chain and returns it; its memory is still there.
Ref detachOldest(Transaction& txn, SessionLog& log) {
  const Ref oldest = log.firstChunk;
  const LogChunk& chunk = *txn.arena().at<LogChunk>(oldest);
  log.lostSeq = std::max(log.lostSeq, lastEssential(txn.arena(), log, chunk, oldest));
  log.firstSeq = chunk.firstSeq + chunk.count;
  log.firstChunk = chunk.next;
  if (log.firstChunk == 0) log.lastChunk = 0;
  log.bytes -= static_cast<std::uint32_t>(sizeof(LogChunk)) + chunk.capacity;
  return oldest;
}

void attachNewest(Transaction& txn, SessionLog& log, Ref ref, std::size_t objectSize) {
  LogChunk& chunk = *txn.arena().at<LogChunk>(ref);
  chunk = LogChunk{0, static_cast<std::uint32_t>(objectSize - sizeof(LogChunk)), 0, 0, log.nextSeq};
  if (log.lastChunk != 0) {
    txn.edit<LogChunk>(log.lastChunk).next = ref;
  } else {
    log.firstChunk = ref;
  }
  log.lastChunk = ref;
  log.bytes += static_cast<std::uint32_t>(objectSize);
}

// Chunks double from the first one's size to a page, so that a quiet session stays small.
std::size_t nextChunkSize(const Arena& arena, const SessionLog& log, std::size_t need) {
  std::size_t size = kFirstChunk;
  if (log.lastChunk != 0) {
    size = std::min<std::size_t>(2 * (arena.at<LogChunk>(log.lastChunk)->capacity + sizeof(LogChunk)), kMaxObject);
  }
  while (size < need)
    size *= 2;
  return size;
}

// No memory for another chunk: the oldest one is used again. Its content is noted, since it will be overwritten.
void recycleOldest(Transaction& txn, SessionLog& log) {
  const Ref oldest = detachOldest(txn, log);
  const LogChunk& chunk = *txn.arena().at<LogChunk>(oldest);
  const std::size_t size = sizeof(LogChunk) + chunk.capacity;
  txn.note(&chunk, size);
  attachNewest(txn, log, oldest, size);
}

bool oldestIsDone(const Arena& arena, const SessionRecord& session) {
  const LogChunk& chunk = *arena.at<LogChunk>(session.log.firstChunk);
  return chunk.firstSeq + chunk.count <= neededFrom(arena, session);
}

// Makes the last chunk one with room for `need` bytes.
Append makeRoom(Transaction& txn, const SessionRecord& session, SessionLog& log, std::size_t need, std::size_t limit,
                bool certain) {
  const Arena& arena = txn.arena();
  const std::size_t size = nextChunkSize(arena, log, need + sizeof(LogChunk));
  for (int i = 0; i < kChunksAtOnce && log.firstChunk != 0 && log.bytes + size > limit; ++i) {
    if (!certain && !oldestIsDone(arena, session)) return Append::kBusy;
    txn.release(detachOldest(txn, log));
  }
  if (const Ref ref = txn.tryAllocate(size); ref != 0) {
    attachNewest(txn, log, ref, size);
    return Append::kDone;
  }
  if (log.firstChunk == 0) {
    if (!certain) throw OutOfSpace();
    return Append::kLost;  // of one that nobody could need so far
  }
  const bool fits = need <= arena.at<LogChunk>(log.firstChunk)->capacity;
  if (!fits) throw OutOfSpace();
  if (!certain && !oldestIsDone(arena, session)) return Append::kBusy;
  recycleOldest(txn, log);
  return Append::kDone;
}

}  // namespace

void initLog(Transaction& txn, const SessionRecord& session) {
  SessionLog& log = txn.edit(session.log);
  log = SessionLog{};
  log.firstSeq = log.nextSeq = 1;
  attachNewest(txn, log, txn.allocate(kFirstChunk), kFirstChunk);
}

void keepChunk(Transaction& txn, const SessionRecord& session) {
  if (session.log.firstChunk == 0) attachNewest(txn, txn.edit(session.log), txn.allocate(kFirstChunk), kFirstChunk);
}

Append appendToLog(Transaction& txn, const SessionRecord& session, std::string_view event, bool isSync,
                   std::size_t limit, bool certain) {
  SessionLog& log = txn.edit(session.log);
  const std::size_t need = sizeof(EventHeader) + padded(event.size());
  const LogChunk* last = log.lastChunk != 0 ? txn.arena().at<LogChunk>(log.lastChunk) : nullptr;
  if (last == nullptr || last->used + need > last->capacity) {
    const Append made = makeRoom(txn, session, log, need, limit, certain);
    if (made == Append::kLost) {
      log.lostSeq = log.nextSeq++;
      log.firstSeq = log.nextSeq;
    }
    if (made != Append::kDone) return made;
  }
  LogChunk& chunk = txn.edit<LogChunk>(log.lastChunk);
  std::byte* at = eventsOf(txn.arena(), log.lastChunk) + chunk.used;
  const EventHeader header{static_cast<std::uint32_t>(event.size()), isSync ? 1U : 0U};
  std::memcpy(at, &header, sizeof header);
  std::memcpy(at + sizeof header, event.data(), event.size());
  chunk.used += static_cast<std::uint32_t>(need);
  ++chunk.count;
  if (isSync) log.lastSyncSeq = log.nextSeq;
  ++log.nextSeq;
  return Append::kDone;
}

bool freeLog(Transaction& txn, const SessionRecord& session) {
  SessionLog& log = txn.edit(session.log);
  for (int i = 0; i < kChunksAtOnce && log.firstChunk != 0; ++i)
    txn.release(detachOldest(txn, log));
  return log.firstChunk == 0;
}

std::size_t neededBytes(const Arena& arena, const SessionRecord& session) {
  const std::uint64_t needed = neededFrom(arena, session);
  std::size_t done = 0;
  for (Ref ref = session.log.firstChunk; ref != 0; ref = arena.at<LogChunk>(ref)->next) {
    const LogChunk& chunk = *arena.at<LogChunk>(ref);
    if (chunk.firstSeq + chunk.count > needed) break;
    done += sizeof(LogChunk) + chunk.capacity;
  }
  return session.log.bytes - done;
}

bool needsOldest(const Arena& arena, const SessionLog& log, std::uint64_t from) {
  if (log.firstChunk == 0) return false;
  const LogChunk& oldest = *arena.at<LogChunk>(log.firstChunk);
  return from < oldest.firstSeq + oldest.count;
}

bool isFull(const SessionLog& log, std::size_t limit) {
  return log.bytes + kMaxObject > limit;
}

bool logHolds(const SessionLog& log, std::uint64_t from) {
  return from <= log.nextSeq && log.lostSeq < from;
}

LogSlice readLog(const Arena& arena, const SessionLog& log, std::uint64_t from, std::size_t maxBytes, std::string& out,
                 LogPlace* place) {
  LogSlice slice;
  slice.lost = log.lostSeq >= from;
  slice.first = std::max(from, log.firstSeq);
  slice.end = slice.first;
  LogPlace at = placeOf(arena, log, slice.first, place);
  for (; at.chunk != 0 && out.size() <= maxBytes; at = startOf(arena, arena.at<LogChunk>(at.chunk)->next)) {
    const LogChunk& chunk = *arena.at<LogChunk>(at.chunk);
    const std::uint64_t end = chunk.firstSeq + chunk.count;
    while (at.seq < end && out.size() <= maxBytes) {
      const std::byte* event = eventsOf(arena, at.chunk) + at.offset;
      EventHeader header;
      std::memcpy(&header, event, sizeof header);
      const std::size_t size = sizeof header + padded(header.size);
      if (at.seq == slice.end) {
        out.append(reinterpret_cast<const char*>(event), size);
        ++slice.end;
      }
      ++at.seq;
      at.offset += static_cast<std::uint32_t>(size);
    }
    if (place != nullptr) *place = at;
  }
  return slice;
}

std::optional<std::uint64_t> countEvents(std::string_view copied) {
  std::uint64_t count = 0;
  for (; !copied.empty(); ++count) {
    EventHeader header;
    if (copied.size() < sizeof header) return std::nullopt;
    std::memcpy(&header, copied.data(), sizeof header);
    if (header.size > kMaxEncodedEvent || sizeof header + padded(header.size) > copied.size()) return std::nullopt;
    copied.remove_prefix(sizeof header + padded(header.size));
  }
  return count;
}

CopiedEvent takeEvent(std::string_view& copied) {
  EventHeader header;
  std::memcpy(&header, copied.data(), sizeof header);
  const CopiedEvent event{copied.substr(sizeof header, header.size), header.isSync != 0};
  copied.remove_prefix(sizeof header + padded(header.size));
  return event;
}

void setLogStart(Transaction& txn, const SessionRecord& session, std::uint64_t firstSeq, std::uint64_t lostSeq) {
  SessionLog& log = txn.edit(session.log);
  log.firstSeq = log.nextSeq = firstSeq;
  log.lostSeq = std::min(lostSeq, firstSeq - 1);
  txn.edit<LogChunk>(log.firstChunk).firstSeq = firstSeq;
}

}  // namespace mediasync::store
