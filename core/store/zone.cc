#include "core/store/zone.h"

#include <algorithm>
#include <bit>

#include "core/store/described_bytes.h"
#include "core/store/reserve.h"
#include "core/store/saved.h"

namespace mediasync::store {
namespace {

// Changes whenever a record changes in a way that its size and the descriptions of its fields do not tell, so that
// tables of another build are never misread.
constexpr std::uint64_t kLayout = 13;
constexpr std::uint64_t kMagic =
    0x6d656469'61730000ULL ^ (kLayout << 48) ^ (sizeof(ZoneHeader) << 32) ^ (sizeof(SessionRecord) << 20) ^
    (sizeof(ConnectionRecord) << 8) ^ sizeof(UserRecord) ^
    layoutOf<SavedHead<session::Views>>(layoutOf<SavedProfile<session::Views>>(layoutOfEvents()));

constexpr std::uint32_t kSmallestHeap = 64;  // pages
constexpr std::size_t kSerialStart = 5;      // random bytes of the six that tell a shard's serials apart

// Buckets for each page of memory: a session takes about a third of a page, a user or a connection about a tenth.
constexpr std::uint32_t kSessionBucketsPerPage = 2;
constexpr std::uint32_t kUserBucketsPerPage = 8;
constexpr std::uint32_t kConnectionBucketsPerPage = 8;
// And buckets of tokens for the clients who make them.
constexpr std::uint32_t kClientsPerPage = 1;

std::size_t alignTo(std::size_t offset, std::size_t alignment) {
  return (offset + alignment - 1) / alignment * alignment;
}

// The layout of a zone of `size` bytes.
struct Layout {
  std::size_t sessionShards = 0;
  std::size_t connectionShards = 0;
  std::size_t counters = 0;
  std::size_t undoLogs = 0;
  std::size_t sessionBuckets = 0;
  std::size_t userBuckets = 0;
  std::size_t connectionBuckets = 0;
  std::size_t recoveryBuckets = 0;
  std::size_t clients = 0;
  std::size_t descriptors = 0;
  std::size_t pages = 0;
  std::uint32_t sessionBucketsPerShard = 0;
  std::uint32_t userBucketsPerShard = 0;
  std::uint32_t connectionBucketsPerShard = 0;
  std::uint32_t clientSets = 0;
  std::uint32_t pageCount = 0;
  std::uint32_t counterBlocks = 0;
};

std::uint32_t bucketsPerShard(std::size_t pages, std::uint32_t perPage, std::uint32_t shards) {
  return std::bit_ceil(static_cast<std::uint32_t>(pages * perPage / shards) + 1);
}

// In a small zone, slots share them: its operator has few workers, and better uses for its memory.
std::uint32_t counterBlocksFor(std::size_t size) {
  constexpr std::size_t kLeast = 4, kMost = 64, kMemoryPerBlock = 256 * 1024;
  return static_cast<std::uint32_t>(std::clamp(std::bit_floor(size / kMemoryPerBlock), kLeast, kMost));
}

Layout layoutFor(std::size_t size, std::uint32_t shards) {
  Layout layout;
  const std::size_t roughPages = size / kPageSize;
  std::size_t at = alignTo(sizeof(ZoneHeader), 64);
  auto reserve = [&at](std::size_t bytes) {
    const std::size_t start = at;
    at = alignTo(at + bytes, 64);
    return start;
  };
  layout.sessionBucketsPerShard = bucketsPerShard(roughPages, kSessionBucketsPerPage, shards);
  layout.userBucketsPerShard = bucketsPerShard(roughPages, kUserBucketsPerPage, shards);
  layout.connectionBucketsPerShard = bucketsPerShard(roughPages, kConnectionBucketsPerPage, shards);
  layout.clientSets = bucketsPerShard(roughPages, kClientsPerPage, ClientTable::kWays);
  layout.sessionShards = reserve(shards * sizeof(SessionShard));
  layout.connectionShards = reserve(shards * sizeof(ConnectionShard));
  layout.counterBlocks = counterBlocksFor(size);
  layout.counters = reserve(layout.counterBlocks * sizeof(WorkerCounters));
  layout.undoLogs = reserve(2 * shards * UndoLog::kBytes);
  layout.sessionBuckets = reserve(shards * layout.sessionBucketsPerShard * sizeof(Ref));
  layout.userBuckets = reserve(shards * layout.userBucketsPerShard * sizeof(Ref));
  layout.connectionBuckets = reserve(shards * layout.connectionBucketsPerShard * sizeof(Ref));
  layout.recoveryBuckets = reserve(shards * layout.connectionBucketsPerShard * sizeof(Ref));
  layout.clients = reserve(ClientTable::bytesFor(layout.clientSets));
  layout.descriptors = reserve((roughPages + 1) * sizeof(memory::PageDescriptor));
  layout.pages = alignTo(at, kPageSize);
  if (layout.pages < size) layout.pageCount = static_cast<std::uint32_t>((size - layout.pages) / kPageSize);
  return layout;
}

void initSessionShard(const Region& region, SessionShard& shard, const Layout& layout, std::uint32_t index) {
  initShard(region, shard.header, static_cast<ShardId>(1 + index), layout.undoLogs + index * UndoLog::kBytes,
            pagesForConnections(layout.pageCount), pagesForReplies(layout.pageCount));
  shard.bucketMask = layout.sessionBucketsPerShard - 1;
  shard.userBucketMask = layout.userBucketsPerShard - 1;
  shard.sessionBuckets =
      static_cast<Ref>((layout.sessionBuckets + index * layout.sessionBucketsPerShard * sizeof(Ref)) / 8);
  shard.userBuckets = static_cast<Ref>((layout.userBuckets + index * layout.userBucketsPerShard * sizeof(Ref)) / 8);
}

void initConnectionShard(const Region& region, ConnectionShard& shard, const Layout& layout, std::uint32_t index,
                         std::uint32_t shards) {
  initShard(region, shard.header, static_cast<ShardId>(1 + shards + index),
            layout.undoLogs + (shards + index) * UndoLog::kBytes, 0, 0);
  shard.bucketMask = layout.connectionBucketsPerShard - 1;
  shard.buckets =
      static_cast<Ref>((layout.connectionBuckets + index * layout.connectionBucketsPerShard * sizeof(Ref)) / 8);
  shard.recoveryMask = shard.bucketMask;
  shard.recoveryBuckets =
      static_cast<Ref>((layout.recoveryBuckets + index * layout.connectionBucketsPerShard * sizeof(Ref)) / 8);
}

template <class Shards, class Field>
std::uint32_t sum(std::uint32_t count, Shards shardAt, Field field) {
  std::uint32_t total = 0;
  for (std::uint32_t i = 0; i < count; ++i)
    total += (shardAt(i).*field).load(std::memory_order_relaxed);
  return total;
}

}  // namespace

Zone::Zone(std::span<std::byte> memory, const ZoneSettings& settings)
    : header_(reinterpret_cast<ZoneHeader*>(memory.data())), settings_(settings) {
  region_.arena = Arena(memory.data(), memory.size());
  region_.heap = &header_->heap;
  region_.repairs = &header_->repairs;
}

std::size_t Zone::minimumSize(std::uint32_t shards) {
  std::size_t fixed = layoutFor(0, shards).pages;
  fixed += counterBlocksFor(2 * fixed) * sizeof(WorkerCounters);
  const std::size_t tables = fixed + fixed / 16 + kSmallestHeap * (kPageSize + 256);
  const std::size_t clients = tables / kPageSize * 2 * kClientsPerPage * sizeof(ClientBucket);
  return alignTo(tables + clients, kPageSize);
}

std::optional<Zone> Zone::create(std::span<std::byte> memory, std::uint32_t shards, const ZoneSettings& settings,
                                 RandomSource& random) {
  const Layout layout = layoutFor(memory.size(), shards);
  if (layout.pageCount < kSmallestHeap) return std::nullopt;
  std::memset(memory.data(), 0, layout.pages);
  Zone zone(memory, settings);
  ZoneHeader& header = *zone.header_;
  header.size = memory.size();
  header.shards = shards;
  header.census.init();
  header.clients.init(static_cast<Ref>(layout.clients / 8), layout.clientSets);
  random.fill({reinterpret_cast<std::uint8_t*>(&header.key), sizeof header.key});
  random.fill(header.secretKey);
  random.fill({reinterpret_cast<std::uint8_t*>(&header.state.zone), sizeof header.state.zone});
  header.sessionShards = layout.sessionShards;
  header.connectionShards = layout.connectionShards;
  header.counters = layout.counters;
  header.counterBlocks = layout.counterBlocks;
  header.heap.init(zone.arena(), static_cast<Ref>(layout.descriptors / 8), layout.pages, layout.pageCount);
  for (std::uint32_t i = 0; i < shards; ++i) {
    initSessionShard(zone.region_, zone.sessionShard(i), layout, i);
    // Offsets that clients have from before a restart are not to be taken for those of another session.
    std::uint64_t start = 0;
    random.fill({reinterpret_cast<std::uint8_t*>(&start), kSerialStart});
    zone.sessionShard(i).header.nextSerial += start;
    initConnectionShard(zone.region_, zone.connectionShard(i), layout, i, shards);
  }
  header.magic = kMagic;
  return zone;
}

std::optional<Zone> Zone::attach(std::span<std::byte> memory, const ZoneSettings& settings) {
  if (memory.size() < sizeof(ZoneHeader)) return std::nullopt;
  Zone zone(memory, settings);
  if (zone.header_->magic != kMagic || zone.header_->size != memory.size()) return std::nullopt;
  return zone;
}

bool Zone::admitSession(const Rate& rate, Instant now) const {
  TokenBucket before = header_->newSessions.load();
  TokenBucket after;
  do {
    after = before;
    if (!after.take(rate, now.mono)) return false;
  } while (!header_->newSessions.compare_exchange_weak(before, after));
  return true;
}

bool Zone::admitClient(std::uint64_t client, const Rate& rate, Instant now) const {
  return !rate || client == 0 || header_->clients.take(arena(), client, rate, now.mono);
}

void Zone::chargeClient(std::uint64_t client, const Rate& rate, std::uint64_t tokens, Instant now) const {
  if (rate && client != 0 && tokens != 0) header_->clients.charge(arena(), client, rate, tokens, now.mono);
}

std::uint32_t Zone::sessionCount() const {
  return sum(
      shards(), [this](std::uint32_t i) -> SessionShard& { return sessionShard(i); }, &SessionShard::sessions);
}
std::uint32_t Zone::userCount() const {
  return sum(
      shards(), [this](std::uint32_t i) -> SessionShard& { return sessionShard(i); }, &SessionShard::users);
}
std::uint32_t Zone::membershipCount() const {
  return sum(
      shards(), [this](std::uint32_t i) -> SessionShard& { return sessionShard(i); }, &SessionShard::memberships);
}
std::uint32_t Zone::connectionCount() const {
  return sum(
      shards(), [this](std::uint32_t i) -> ConnectionShard& { return connectionShard(i); },
      &ConnectionShard::connections);
}
std::uint32_t Zone::connectionCount(Transport transport, bool isOld) const {
  std::uint32_t total = 0;
  for (std::uint32_t i = 0; i < shards(); ++i)
    total += connectionShard(i).kinds[kindOf(transport, isOld)].load(std::memory_order_relaxed);
  return total;
}
std::uint32_t Zone::recoveryCount() const {
  return sum(
      shards(), [this](std::uint32_t i) -> ConnectionShard& { return connectionShard(i); },
      &ConnectionShard::recoveries);
}

}  // namespace mediasync::store
