// A part of the shared tables under one lock, with its own memory and its own undo log. Every change is a Transaction:
// it takes effect as a whole or not at all, even if it is abandoned, runs out of space, or its process is killed.
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

// The smallest class that holds `size` bytes; kNoClass if none does.
std::uint8_t sizeClassOf(std::size_t size);

// A text in shared memory. `ref` is 0 if there is none, which differs from an empty text.
struct SharedText {
  Ref ref;
  std::uint32_t size;
};

// The start of every shard, in shared memory.
struct ShardHeader {
  RobustMutex mutex;
  ShardId id;
  std::uint32_t reserve;      // pages of the heap that newcomers in this shard must leave free
  std::uint32_t textReserve;  // pages that rewritten texts of existing records must leave free
  Ref undo;
  struct Lists {
    std::array<PageIndex, kSizeClasses.size()> roomy;  // pages with room, by size class
    std::uint32_t pages;                               // held by this shard
  } lists;
  std::uint32_t transactions;  // number of transactions so far; never 0 during one
  std::uint64_t nextSerial;    // never reused: distinguishes a record from its successor in the same place
};

// Addresses that transactions and readers need. One per process.
struct Region {
  Arena arena;
  PageHeap* heap = nullptr;
  // Counts holders that died with a lock. A process that sees it change must look for lost wake-ups.
  std::atomic<std::uint32_t>* repairs = nullptr;
};

class Transaction {
 public:
  // The release of one object uses at most this many bytes of the undo log: for the descriptors of its page and of two
  // neighbours, each noted once. The header's lists are noted once for all.
  static constexpr std::size_t kReleaseNotes = 3 * (sizeof(PageDescriptor) + UndoLog::kEntryBytes);

  // Locks the shard, and repairs it if its last holder died.
  Transaction(const Region&, ShardHeader&);
  // Rolls back unless committed, and unlocks.
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  const Arena& arena() const { return region_.arena; }
  ShardHeader& header() { return shard_; }

  // The only way to a writable record: notes its bytes in the undo log first.
  template <class T>
  T& edit(const T& record) {
    undo_.record(region_.arena, &record, sizeof(T));
    return const_cast<T&>(record);
  }
  template <class T>
  T& edit(Ref ref) {
    return edit(*region_.arena.at<T>(ref));
  }
  // Notes bytes that are not a record.
  void note(const void* address, std::size_t size) { undo_.record(region_.arena, address, size); }

  // Allocates `size` bytes with unspecified content. Throws OutOfSpace.
  Ref allocate(std::size_t size);
  // The same, but returns 0 if there is no memory.
  Ref tryAllocate(std::size_t size);
  // Allocates a zeroed record. Throws OutOfSpace.
  template <class T>
  T& create() {
    static_assert(std::is_trivially_destructible_v<T>);
    const Ref ref = allocate(sizeof(T));
    return *new (region_.arena.bytes(ref)) T{};
  }
  // Frees the memory when the transaction commits; until then its content stays.
  void release(Ref ref) {
    if (ref != 0) released_.push_back(ref);
  }

  // Allocates and copies a text. Throws OutOfSpace.
  SharedText store(std::string_view text);
  // Replaces a record's text; `field` may be empty. It may use memory that newcomers must leave free. Throws
  // OutOfSpace, but never for a text that fits in the old one's memory.
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
  std::vector<PageIndex> taken_;    // by this transaction
  std::vector<PageIndex> emptied_;  // returned to the heap after the commit
  bool listsNoted_ = false;
  bool committed_ = false;
};

// True if `ref`, which may be stale, is an object of T's size that the shard holds. Call it under the shard's lock.
bool isObject(const Region&, const ShardHeader&, Ref ref, std::size_t size);
template <class T>
bool isObject(const Region& region, const ShardHeader& shard, Ref ref) {
  return isObject(region, shard, ref, sizeof(T));
}

// Locks the shard for reading, after repairing it if its last holder died.
class ShardLock {
 public:
  ShardLock(const Region&, ShardHeader&);

 private:
  RobustLock lock_;
};

inline std::string_view textOf(const Arena& arena, const SharedText& text) {
  return {reinterpret_cast<const char*>(arena.bytes(text.ref)), text.ref == 0 ? 0 : text.size};
}

// `undoOffset` is the place of kBytes for the undo log. New records leave `reserve` pages of the heap free, rewritten
// texts `textReserve`.
void initShard(const Region&, ShardHeader&, ShardId, std::size_t undoOffset, std::uint32_t reserve,
               std::uint32_t textReserve);

}  // namespace mediasync::memory
