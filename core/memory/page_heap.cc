#include "core/memory/page_heap.h"

#include "core/memory/fault_point.h"

namespace mediasync::memory {

void PageHeap::init(const Arena& arena, Ref descriptors, std::size_t firstPageOffset, std::uint32_t count) {
  mutex_.init();
  descriptors_ = descriptors;
  firstPage_ = firstPageOffset;
  count_ = count;
  for (PageIndex page = 0; page < count; ++page)
    descriptor(arena, page) = PageDescriptor{};
  rebuildAfterDeath(arena);
}

void PageHeap::push(const Arena& arena, PageIndex page) {
  descriptor(arena, page).next = head_;
  head_ = page;
  faultPoint();
  free_.store(free_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

void PageHeap::rebuildAfterDeath(const Arena& arena) {
  head_ = 0;
  faultPoint();
  free_.store(0, std::memory_order_relaxed);
  for (PageIndex page = count_ - 1; page > 0; --page) {
    if (descriptor(arena, page).state == PageState::kFree) push(arena, page);
  }
}

PageIndex PageHeap::take(const Arena& arena, ShardId owner, std::uint32_t reserve) {
  RobustLock lock(mutex_);
  if (lock.ownerDied()) rebuildAfterDeath(arena);
  const PageIndex page = head_;
  if (page == 0 || freePages() <= reserve) return 0;
  PageDescriptor& d = descriptor(arena, page);
  head_ = d.next;
  faultPoint();
  free_.store(free_.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
  faultPoint();
  d.owner = owner;
  faultPoint();
  d.notedBy = 0;
  d.state = PageState::kTaken;
  faultPoint();
  return page;
}

void PageHeap::give(const Arena& arena, PageIndex page) {
  RobustLock lock(mutex_);
  if (lock.ownerDied()) rebuildAfterDeath(arena);
  descriptor(arena, page).state = PageState::kFree;
  faultPoint();
  push(arena, page);
}

void PageHeap::reclaim(const Arena& arena, ShardId owner) {
  RobustLock lock(mutex_);
  for (PageIndex page = 1; page < count_; ++page) {
    PageDescriptor& d = descriptor(arena, page);
    if (d.owner != owner || d.state != PageState::kTaken) continue;
    d.state = PageState::kFree;
    faultPoint();
  }
  rebuildAfterDeath(arena);
}

}  // namespace mediasync::memory
