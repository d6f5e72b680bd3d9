// A zone in memory that forked processes share, and what is needed to make one.
#pragma once

#include <sys/mman.h>

#include <cstdint>
#include <cstring>
#include <map>
#include <random>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/session/rules.h"
#include "core/store/connection_table.h"
#include "core/memory/mailbox.h"
#include "core/store/session_transaction.h"
#include "core/store/zone.h"

namespace mediasync::store::test {

// Random bytes that are the same in every run.
class FixedRandom final : public RandomSource {
 public:
  explicit FixedRandom(std::uint64_t seed = 1) : engine_(seed) {}
  void fill(std::span<std::uint8_t> out) override {
    for (std::uint8_t& byte : out)
      byte = static_cast<std::uint8_t>(engine_());
  }
  std::mt19937_64& engine() { return engine_; }
  RandomId id() {
    RandomId id;
    fill(id);
    return id;
  }

 private:
  std::mt19937_64 engine_;
};

// Pages that child processes share with this one.
class SharedMemory {
 public:
  explicit SharedMemory(std::size_t size) : size_(size) {
    void* made = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (made == MAP_FAILED) throw std::bad_alloc();
    base_ = static_cast<std::byte*>(made);
  }
  ~SharedMemory() { munmap(base_, size_); }
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;
  std::span<std::byte> span() const { return {base_, size_}; }

 private:
  std::byte* base_ = nullptr;
  std::size_t size_;
};

struct TestZone {
  explicit TestZone(std::size_t size = 4 << 20, std::uint32_t shards = 2, ZoneSettings settings = {})
      : memory(size), zone(Zone::create(memory.span(), shards, settings, random).value()) {}

  FixedRandom random;
  SharedMemory memory;
  Zone zone;
  WakeSet wake;
};

inline constexpr Instant kNow{1'640'995'200'123, 1'000'000};

// ---- a seat in a session, as the server takes one: the connection, then the session

struct Client {
  RandomId sid{};
  ConnectionRef connection;
  SeatRef seat;
};

inline Client connect(const Zone& zone, FixedRandom& random, WorkerId worker) {
  Client client;
  client.sid = random.id();
  ConnectionTransaction txn(zone, client.sid);
  txn.create(client.sid, worker, Transport::kWebSocket, kNow);
  txn.commit();
  client.connection = txn.ref();
  return client;
}

inline session::Refusal join(const Zone& zone, Client& client, const session::JoinSession& command, WorkerId worker,
                             WakeSet& wake, Instant now = kNow) {
  ConnectionTransaction txn(zone, client.sid);
  if (!txn.find(client.sid)) return session::kNotInSession;
  {
    SessionTransaction session(zone, command.sessionId);
    if (!session.find(command.sessionId)) session.create(command.sessionId, command.userId, now);
    session::UserRef user = 0;
    if (const auto refusal = session::join(session, command, {}, now, &user)) return refusal;
    client.seat = session.addConnection(user, txn.ref());
    session.addWatch(worker);
    session.commit(wake);
  }
  txn.seat(client.seat, 0, Origin::kOwner);
  txn.commit();
  return {};
}

// The connection goes away; the user is lost when it was the last one.
inline void loseConnection(const Zone& zone, Client& client, WakeSet& wake, Instant now = kNow) {
  ConnectionTransaction txn(zone, client.sid);
  if (!txn.find(client.sid)) return;
  if (const SeatRef seat = txn.record().seat) {
    SessionTransaction session(zone, seat.shard);
    if (session.openSeat(seat)) {
      if (session.removeConnection(seat, now)) session::connectionsLost(session, session.seatUser(), now);
      session.commit(wake);
    }
  }
  txn.destroy();
  txn.commit();
}

inline void leave(const Zone& zone, Client& client, WakeSet& wake, Instant now = kNow) {
  ConnectionTransaction txn(zone, client.sid);
  if (!txn.find(client.sid) || !txn.record().seat) return;
  const SeatRef seat = txn.record().seat;
  {
    SessionTransaction session(zone, seat.shard);
    if (session.openSeat(seat)) {
      session::leave(session, session.seatUser(), now);
      session.commit(wake);
    }
  }
  txn.endSeat();
  txn.commit();
}

// The worker holds no connection of the session any more.
inline void unwatch(const Zone& zone, std::string_view sessionId, WorkerId worker, WakeSet& wake) {
  SessionTransaction session(zone, sessionId);
  if (!session.find(sessionId)) return;
  session.dropWatch(worker);
  session.commit(wake);
}

// ---- what a transaction that never happened may not have changed

// Every byte of the region but those that an aborted transaction may leave different: undo logs, the count of
// transactions, locks, the order of free pages, and memory that no object holds.
struct Image {
  std::vector<std::byte> bytes;
  friend bool operator==(const Image&, const Image&) = default;
};

// Where two images differ first; for messages (printing the images themselves would take minutes).
inline std::string differenceOf(const Image& a, const Image& b) {
  for (std::size_t i = 0; i < a.bytes.size() && i < b.bytes.size(); ++i) {
    if (a.bytes[i] != b.bytes[i]) return "offset " + std::to_string(i);
  }
  return a == b ? "none" : "size";
}

inline Image meaningfulBytes(const Zone& zone, std::span<const std::byte> memory) {
  Image image;
  std::vector<std::byte>& bytes = image.bytes;
  bytes.assign(memory.begin(), memory.end());
  const Arena& arena = zone.arena();
  const auto clear = [&](const void* address, std::size_t size) {
    std::memset(bytes.data() + arena.offsetOf(address), 0, size);
  };
  const auto clearShard = [&](const ShardHeader& shard) {
    clear(&shard.mutex, sizeof shard.mutex);
    clear(&shard.transactions, sizeof shard.transactions);
    clear(arena.bytes(shard.undo), UndoLog::kBytes);
  };
  for (std::uint32_t i = 0; i < zone.shards(); ++i) {
    clearShard(zone.sessionShard(i).header);
    clearShard(zone.connectionShard(i).header);
  }
  const PageHeap& heap = zone.header().heap;
  const std::uint32_t free = heap.freePages();
  clear(&heap, sizeof heap);
  std::memcpy(bytes.data() + arena.offsetOf(&heap), &free, sizeof free);
  for (memory::PageIndex page = 0; page <= heap.total(); ++page) {
    const memory::PageDescriptor& d = heap.descriptor(arena, page);
    if (d.state != memory::PageState::kInUse) {
      const memory::PageState state = d.state;
      clear(&d, sizeof d);
      std::memcpy(bytes.data() + arena.offsetOf(&d.state), &state, sizeof state);
      clear(heap.page(arena, page), kPageSize);
      continue;
    }
    clear(&d.notedBy, sizeof d.notedBy);
    const std::size_t size = memory::kSizeClasses[d.sizeClass];
    for (std::size_t slot = 0; slot < kPageSize / size; ++slot) {
      if (!d.used.has(static_cast<std::uint32_t>(slot))) clear(heap.page(arena, page) + slot * size, size);
    }
  }
  // What lies behind a text, or the last event of a log chunk, is not noted, and nobody reads it.
  const auto clearBehind = [&](const SharedText& text) {
    if (text.ref == 0) return;
    const memory::PageIndex page = heap.pageOf(arena, arena.bytes(text.ref));
    clear(arena.bytes(text.ref) + text.size, memory::kSizeClasses[heap.descriptor(arena, page).sizeClass] - text.size);
  };
  for (std::uint32_t i = 0; i < zone.shards(); ++i) {
    for (Ref s = zone.sessionShard(i).allSessions.first; s != 0; s = arena.at<SessionRecord>(s)->all.next) {
      const auto& session = *arena.at<SessionRecord>(s);
      for (const SharedText* text : {&session.mediaUrl, &session.mediaId, &session.mediaTitle})
        clearBehind(*text);
      for (Ref u = session.users.first; u != 0; u = arena.at<UserRecord>(u)->inSession.next) {
        clearBehind(arena.at<UserRecord>(u)->username);
        clearBehind(arena.at<UserRecord>(u)->avatar);
      }
      for (Ref c = arena.at<SessionRecord>(s)->log.firstChunk; c != 0; c = arena.at<LogChunk>(c)->next) {
        const auto& chunk = *arena.at<LogChunk>(c);
        clear(arena.bytes(c) + sizeof chunk + chunk.used, chunk.capacity - chunk.used);
      }
    }
  }
  return image;
}

}  // namespace mediasync::store::test
