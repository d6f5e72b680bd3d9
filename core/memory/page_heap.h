// The pages of the zone, shared by all shards: a shard takes pages as needed and returns empty ones, so that memory
// flows to where it is used.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>

#include "core/memory/arena.h"
#include "core/memory/robust_mutex.h"

namespace mediasync::memory {

inline constexpr std::size_t kPageSize = 4096;
using PageIndex = std::uint32_t;  // 0 means none: the first page is never handed out
using ShardId = std::uint16_t;

enum class PageState : std::uint8_t {
  kFree,   // in the heap's free list
  kTaken,  // belongs to a shard that does not use it yet, or no longer does
  kInUse,  // holds objects of a shard
};

// The set of allocated objects of a page.
class ObjectMap {
 public:
  static constexpr std::uint32_t kMost = 128;

  bool has(std::uint32_t object) const { return (words_[object / 64] >> object % 64 & 1) != 0; }
  void add(std::uint32_t object) { words_[object / 64] |= 1ULL << object % 64; }
  void remove(std::uint32_t object) { words_[object / 64] &= ~(1ULL << object % 64); }
  std::uint32_t count() const { return static_cast<std::uint32_t>(std::popcount(words_[0]) + std::popcount(words_[1])); }
  // kMost if all are allocated.
  std::uint32_t firstFree() const {
    const int first = std::countr_one(words_[0]);
    return static_cast<std::uint32_t>(first < 64 ? first : 64 + std::countr_one(words_[1]));
  }

 private:
  std::array<std::uint64_t, 2> words_;
};

// One per page, stored apart from the pages.
struct PageDescriptor {
  ObjectMap used;
  PageIndex next;      // free list of the heap, or the shard's list of pages with room
  PageIndex previous;
  ShardId owner;
  PageState state;
  std::uint8_t sizeClass;
  std::uint32_t notedBy;  // the shard's latest transaction that noted this record in its undo log
};

class PageHeap {
 public:
  // Adds `count` pages from `firstPage` on; `descriptors` are their records. Both must be in the arena.
  void init(const Arena&, Ref descriptors, std::size_t firstPageOffset, std::uint32_t count);

  // Takes a page for the shard, in state kTaken. Returns 0 if only the `reserve` meant for others is left.
  PageIndex take(const Arena&, ShardId owner, std::uint32_t reserve);
  // Returns a page in state kTaken to the heap.
  void give(const Arena&, PageIndex);
  // Returns every page that `owner` took and does not use, the remains of a dead process.
  void reclaim(const Arena&, ShardId owner);

  PageDescriptor& descriptor(const Arena& arena, PageIndex page) const {
    return arena.at<PageDescriptor>(descriptors_)[page];
  }
  std::byte* page(const Arena& arena, PageIndex index) const {
    return arena.atOffset(firstPage_ + static_cast<std::size_t>(index) * kPageSize);
  }
  PageIndex pageOf(const Arena& arena, const void* object) const {
    return static_cast<PageIndex>((arena.offsetOf(object) - firstPage_) / kPageSize);
  }
  std::uint32_t total() const { return count_ - 1; }
  std::uint32_t freePages() const { return free_.load(std::memory_order_relaxed); }

 private:
  void rebuildAfterDeath(const Arena&);
  void push(const Arena&, PageIndex);

  RobustMutex mutex_;
  Ref descriptors_;
  PageIndex head_;
  std::uint32_t count_;
  std::atomic<std::uint32_t> free_;
  std::uint64_t firstPage_;  // offset in the arena
};

}  // namespace mediasync::memory
