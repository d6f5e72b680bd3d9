#include "core/memory/undo_log.h"

#include <cstring>

namespace mediasync::memory {

void UndoLog::init() {
  used_.store(0);
  last_ = 0;
}

void UndoLog::record(const Arena& arena, const void* address, std::size_t size) {
  const std::uint32_t used = used_.load(std::memory_order_relaxed);
  const std::size_t need = sizeof(Entry) + (size + 7) / 8 * 8;
  if (used + need > kCapacity) throw OutOfSpace();
  Entry entry{arena.offsetOf(address), static_cast<std::uint32_t>(size), last_};
  std::memcpy(entries() + used, &entry, sizeof entry);
  faultPoint();
  std::memcpy(entries() + used + sizeof entry, address, size);
  faultPoint();
  std::atomic_signal_fence(std::memory_order_seq_cst);
  last_ = used;
  faultPoint();
  // The old bytes must be in place before the count covers them, and the count before anything is changed. A dead
  // process has executed a prefix of its instructions, so the order of the instructions is all it takes.
  std::atomic_signal_fence(std::memory_order_seq_cst);
  used_.store(used + static_cast<std::uint32_t>(need), std::memory_order_release);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  faultPoint();
}

void UndoLog::rollback(const Arena& arena) {
  std::uint32_t at = used_.load(std::memory_order_acquire);
  while (at > 0) {
    // `last_` may already name an entry that was being written when the process died; the count does not cover it.
    Entry entry;
    std::uint32_t start = last_;
    std::memcpy(&entry, entries() + start, sizeof entry);
    if (start >= at) {
      last_ = entry.previous;
      faultPoint();
      continue;
    }
    std::memcpy(arena.atOffset(entry.offset), entries() + start + sizeof entry, entry.size);
    faultPoint();
    at = start;
    std::atomic_signal_fence(std::memory_order_seq_cst);
    used_.store(at, std::memory_order_release);
    faultPoint();
    last_ = entry.previous;
    faultPoint();
  }
}

}  // namespace mediasync::memory
