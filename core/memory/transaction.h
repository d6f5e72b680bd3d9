// A part of the shared tables under one lock, with its own memory and its own undo log. Every change is a Transaction:
// it takes effect whole or not at all, whether it is given up, runs out of space, or its process is killed inside.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>
#include <vector>

#include "core/memory/arena.h"
#include "core/memory/page_heap.h"
#include "core/memory/robust_mutex.h"
#include "core/memory/undo_log.h"

namespace mediasync::memory {

inline constexpr std::array<std::uint16_t, 14> kSizeClasses{32,  48,  64,  96,  128,  192,  256,
                                                            320, 384, 512, 768, 1024, 2048, 4096};
static_assert(kPageSize / kSizeClasses[0] <= ObjectMap::kMost);
inline constexpr std::size_t kMaxObject = kPageSize;
inline constexpr std::uint8_t kNoClass = 0xff;

// The smallest class that holds `size` bytes; kNoClass when none does.
std::uint8_t sizeClassOf(std::size_t size);

// A text in shared memory. `ref` is 0 when there is none (which is not the same as an empty text).
struct SharedText {
  Ref ref;
  std::uint32_t size;
};

// What every shard starts with, in shared memory.
struct ShardHeader {
  RobustMutex mutex;
  ShardId id;
  std::uint32_t reserve;      // pages of the heap that are not for newcomers in this shard
  std::uint32_t textReserve;  // likewise for other texts of what is there
  Ref undo;
  struct Lists {
    std::array<PageIndex, kSizeClasses.size()> roomy;  // pages with room, by size class
    std::uint32_t pages;                               // held by this shard
  } lists;
  std::uint32_t transactions;  // how many there have been; never 0 while one is under way
  std::uint64_t nextSerial;    // never reused: tells a record from its successor in the same place
};

// What transactions and readers need: where things are. One for each process.
struct Region {
  Arena arena;
  PageHeap* heap = nullptr;
  // Counts the holders that died with a lock in hand; whoever sees it change looks for lost wake-ups.
  std::atomic<std::uint32_t>* repairs = nullptr;
};

class Transaction {
 public:
  // At most so many bytes of the undo log are used by the release of one object: the descriptors of its page and of
  // two neighbours, each noted once. The header's lists are noted once for all.
  static constexpr std::size_t kReleaseNotes = 3 * (sizeof(PageDescriptor) + UndoLog::kEntryBytes);

  // Locks the shard and repairs it when its last holder died.
  Transaction(const Region&, ShardHeader&);
  // Rolls back unless committed, and unlocks.
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  const Arena& arena() const { return region_.arena; }
  ShardHeader& header() { return shard_; }

  // The only way to a writable record: its bytes are noted first.
  template <class T>
  T& edit(const T& record) {
    undo_.record(region_.arena, &record, sizeof(T));
    return const_cast<T&>(record);
  }
  template <class T>
  T& edit(Ref ref) {
    return edit(*region_.arena.at<T>(ref));
  }
  // Notes bytes that are not one record.
  void note(const void* address, std::size_t size) { undo_.record(region_.arena, address, size); }

  // Memory of `size` bytes, content unspecified. Throws OutOfSpace.
  Ref allocate(std::size_t size);
  // The same, 0 when there is no memory.
  Ref tryAllocate(std::size_t size);
  // A zeroed record. Throws OutOfSpace.
  template <class T>
  T& create() {
    static_assert(std::is_trivially_destructible_v<T>);
    const Ref ref = allocate(sizeof(T));
    return *new (region_.arena.bytes(ref)) T{};
  }
  // The memory is handed back when the transaction commits; until then its content stays.
  void release(Ref ref) {
    if (ref != 0) released_.push_back(ref);
  }

  // Throws OutOfSpace.
  SharedText store(std::string_view text);
  // Gives a text of a record another content; `field` may be empty. When all memory for newcomers is taken there is
  // still some for this. Throws OutOfSpace, but never for a content that fits where the old one is.
  void rewrite(const SharedText& field, std::string_view text);
  void release(const SharedText& text) { release(text.ref); }

  std::uint64_t newSerial() { return ++edit(shard_.nextSerial); }

  void commit();

 private:
  ShardHeader::Lists& editLists();
  PageDescriptor& editPage(PageIndex page);
  Ref takeFrom(PageIndex page, std::uint8_t sizeClass);
  bool addPage(std::uint8_t sizeClass, std::uint32_t reserve);
  void freeObject(Ref ref);
  std::uint8_t classOf(Ref object) const;
  Ref tryAllocate(std::size_t size, std::uint32_t reserve);
  void link(PageIndex page, std::uint8_t sizeClass);
  void unlink(PageIndex page);
  void rollback();

  const Region& region_;
  ShardHeader& shard_;
  UndoLog& undo_;
  std::vector<Ref> released_;
  std::vector<PageIndex> taken_;    // new in this transaction
  std::vector<PageIndex> emptied_;  // go back to the heap after the commit
  bool listsNoted_ = false;
  bool committed_ = false;
};

// Whether `ref`, which may be stale, is an object of T's size that the shard holds. Under its lock.
bool isObject(const Region&, const ShardHeader&, Ref ref, std::size_t size);
template <class T>
bool isObject(const Region& region, const ShardHeader& shard, Ref ref) {
  return isObject(region, shard, ref, sizeof(T));
}

// Locks the shard for reading, and repairs it first when its last holder died.
class ShardLock {
 public:
  ShardLock(const Region&, ShardHeader&);

 private:
  RobustLock lock_;
};

inline std::string_view textOf(const Arena& arena, const SharedText& text) {
  return {reinterpret_cast<const char*>(arena.bytes(text.ref)), text.ref == 0 ? 0 : text.size};
}

// `undoOffset` is where kBytes for the undo log lie.
// `reserve` pages of the heap are left for others, `textReserve` when a text is rewritten.
void initShard(const Region&, ShardHeader&, ShardId, std::size_t undoOffset, std::uint32_t reserve,
               std::uint32_t textReserve);

}  // namespace mediasync::memory
