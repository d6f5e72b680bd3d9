#include "core/memory/transaction.h"

#include <algorithm>
#include <utility>

#include "core/memory/fault_point.h"

namespace mediasync::memory {
namespace {

std::uint32_t objectsPerPage(std::uint8_t sizeClass) {
  return static_cast<std::uint32_t>(kPageSize / kSizeClasses[sizeClass]);
}

bool isFull(const PageDescriptor& d) {
  return d.used.count() == objectsPerPage(d.sizeClass);
}

std::uint32_t objectAt(const PageDescriptor& d, std::size_t offset) {
  return static_cast<std::uint32_t>(offset / kSizeClasses[d.sizeClass]);
}

// Repairs after a dead holder: its change is undone, the pages it had just taken or given up go back.
void repair(const Region& region, ShardHeader& shard) {
  region.arena.at<UndoLog>(shard.undo)->rollback(region.arena);
  faultPoint();
  region.heap->reclaim(region.arena, shard.id);
  region.repairs->fetch_add(1);
  faultPoint();
}

}  // namespace

std::uint8_t sizeClassOf(std::size_t size) {
  for (std::uint8_t i = 0; i < kSizeClasses.size(); ++i) {
    if (size <= kSizeClasses[i]) return i;
  }
  return kNoClass;
}

void initShard(const Region& region, ShardHeader& shard, ShardId id, std::size_t undoOffset, std::uint32_t reserve,
               std::uint32_t textReserve) {
  shard.mutex.init();
  shard.id = id;
  shard.reserve = reserve;
  shard.textReserve = textReserve;
  shard.nextSerial = static_cast<std::uint64_t>(id) << 48;  // no two shards give the same serial
  shard.undo = static_cast<Ref>(undoOffset / 8);
  region.arena.at<UndoLog>(shard.undo)->init();
}

bool isObject(const Region& region, const ShardHeader& shard, Ref ref, std::size_t size) {
  const std::byte* object = region.arena.bytes(ref);
  const PageIndex page = region.heap->pageOf(region.arena, object);
  if (ref == 0 || page == 0 || page > region.heap->total()) return false;
  const PageDescriptor& d = region.heap->descriptor(region.arena, page);
  if (d.state != PageState::kInUse || d.owner != shard.id || d.sizeClass != sizeClassOf(size)) return false;
  const auto offset = static_cast<std::size_t>(object - region.heap->page(region.arena, page));
  return offset % kSizeClasses[d.sizeClass] == 0 && d.used.has(objectAt(d, offset));
}

ShardLock::ShardLock(const Region& region, ShardHeader& shard) : lock_(shard.mutex) {
  if (lock_.ownerDied()) repair(region, shard);
}

Transaction::Transaction(const Region& region, ShardHeader& shard)
    : region_(region), shard_(shard), undo_(*region.arena.at<UndoLog>(shard.undo)) {
  if (shard_.mutex.lock()) repair(region_, shard_);
  if (++shard_.transactions == 0) ++shard_.transactions;
  faultPoint();
}

// Noted once in a transaction, however many pages come and go.
ShardHeader::Lists& Transaction::editLists() {
  if (!std::exchange(listsNoted_, true)) undo_.record(region_.arena, &shard_.lists, sizeof shard_.lists);
  return shard_.lists;
}

// Notes a page once, however many of its objects come and go.
PageDescriptor& Transaction::editPage(PageIndex page) {
  PageDescriptor& d = region_.heap->descriptor(region_.arena, page);
  if (d.notedBy != shard_.transactions) {
    undo_.record(region_.arena, &d, sizeof d);
    d.notedBy = shard_.transactions;
    faultPoint();
  }
  return d;
}

Transaction::~Transaction() {
  if (!committed_) rollback();
  shard_.mutex.unlock();
}

void Transaction::rollback() {
  undo_.rollback(region_.arena);
  faultPoint();
  for (const PageIndex page : taken_)
    region_.heap->give(region_.arena, page);
}

void Transaction::commit() {
  for (const Ref ref : released_)
    freeObject(ref);
  faultPoint();
  undo_.commit();
  committed_ = true;
  for (const PageIndex page : emptied_)
    region_.heap->give(region_.arena, page);
}

Ref Transaction::allocate(std::size_t size) {
  const Ref ref = tryAllocate(size);
  if (ref == 0) throw OutOfSpace();
  return ref;
}

Ref Transaction::tryAllocate(std::size_t size) {
  return tryAllocate(size, shard_.reserve);
}

Ref Transaction::tryAllocate(std::size_t size, std::uint32_t reserve) {
  const std::uint8_t sizeClass = sizeClassOf(size);
  if (sizeClass == kNoClass) return 0;
  if (shard_.lists.roomy[sizeClass] == 0 && !addPage(sizeClass, reserve)) return 0;
  return takeFrom(shard_.lists.roomy[sizeClass], sizeClass);
}

Ref Transaction::takeFrom(PageIndex page, std::uint8_t sizeClass) {
  PageDescriptor& d = editPage(page);
  const std::uint32_t slot = d.used.firstFree();
  d.used.add(slot);
  faultPoint();
  if (isFull(d)) unlink(page);
  return region_.arena.refOf(region_.heap->page(region_.arena, page) +
                             static_cast<std::size_t>(slot) * kSizeClasses[sizeClass]);
}

bool Transaction::addPage(std::uint8_t sizeClass, std::uint32_t reserve) {
  const PageIndex page = region_.heap->take(region_.arena, shard_.id, reserve);
  if (page == 0) return false;
  taken_.push_back(page);
  PageDescriptor& d = editPage(page);
  d.used = {};
  faultPoint();
  d.state = PageState::kInUse;
  faultPoint();
  d.sizeClass = sizeClass;
  link(page, sizeClass);
  ++editLists().pages;
  faultPoint();
  return true;
}

void Transaction::freeObject(Ref ref) {
  const std::byte* object = region_.arena.bytes(ref);
  const PageIndex page = region_.heap->pageOf(region_.arena, object);
  PageDescriptor& d = editPage(page);
  const bool wasFull = isFull(d);
  const std::size_t offset = static_cast<std::size_t>(object - region_.heap->page(region_.arena, page));
  d.used.remove(objectAt(d, offset));
  faultPoint();
  if (d.used.count() == 0) {
    if (!wasFull) unlink(page);
    d.state = PageState::kTaken;
    faultPoint();
    --editLists().pages;
    faultPoint();
    emptied_.push_back(page);
  } else if (wasFull) {
    link(page, d.sizeClass);
  }
}

void Transaction::link(PageIndex page, std::uint8_t sizeClass) {
  PageIndex& head = editLists().roomy[sizeClass];
  PageDescriptor& d = editPage(page);
  d.next = head;
  d.previous = 0;
  faultPoint();
  if (head != 0) editPage(head).previous = page;
  faultPoint();
  head = page;
  faultPoint();
}

void Transaction::unlink(PageIndex page) {
  const PageDescriptor& d = region_.heap->descriptor(region_.arena, page);
  if (d.next != 0) editPage(d.next).previous = d.previous;
  faultPoint();
  if (d.previous != 0) {
    editPage(d.previous).next = d.next;
  } else {
    editLists().roomy[d.sizeClass] = d.next;
  }
  faultPoint();
}

std::uint8_t Transaction::classOf(Ref object) const {
  const PageIndex page = region_.heap->pageOf(region_.arena, region_.arena.bytes(object));
  return region_.heap->descriptor(region_.arena, page).sizeClass;
}

void Transaction::rewrite(const SharedText& field, std::string_view text) {
  const bool fits = field.ref != 0 && sizeClassOf(text.size()) <= classOf(field.ref);
  const bool stays = fits && sizeClassOf(text.size()) == classOf(field.ref);
  Ref ref = stays ? field.ref : tryAllocate(text.size(), shard_.textReserve);
  if (ref == 0 && !fits) throw OutOfSpace();
  if (ref == 0) ref = field.ref;
  if (ref == field.ref) {
    note(region_.arena.bytes(ref), field.size);
  } else {
    release(field);
  }
  faultPoint();
  edit(field) = {ref, static_cast<std::uint32_t>(text.size())};
  faultPoint();
  std::copy(text.begin(), text.end(), reinterpret_cast<char*>(region_.arena.bytes(ref)));
  faultPoint();
}

SharedText Transaction::store(std::string_view text) {
  const Ref ref = allocate(text.empty() ? 1 : text.size());
  std::copy(text.begin(), text.end(), reinterpret_cast<char*>(region_.arena.bytes(ref)));
  return {ref, static_cast<std::uint32_t>(text.size())};
}

}  // namespace mediasync::memory
