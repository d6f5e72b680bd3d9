// What makes a change to shared memory all-or-nothing, also when the process is killed half-way: before bytes are
// changed, their old content is written down here. Rolling back restores them in reverse order; committing forgets
// them.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <stdexcept>

#include "core/memory/arena.h"
#include "core/memory/fault_point.h"

namespace mediasync::memory {

// Thrown by a change that needs more than there is; the transaction it belongs to rolls back.
struct OutOfSpace : std::runtime_error {
  OutOfSpace() : std::runtime_error("out of shared memory") {}
};

// Header in shared memory, followed by `capacity` bytes of entries. Used under the lock of the shard it belongs to.
class UndoLog {
 public:
  static constexpr std::size_t kBytes = 32 * 1024;  // header included
  static constexpr std::size_t kEntryBytes = 16;    // of one entry, before the old content

  void init();
  bool empty() const { return used_.load(std::memory_order_relaxed) == 0; }
  // Notes the current content of [address, address + size). Throws OutOfSpace when the log is full.
  void record(const Arena&, const void* address, std::size_t size);
  // Both are safe to repeat: a process may die inside and the next one starts again.
  void rollback(const Arena&);
  void commit() {
    std::atomic_signal_fence(std::memory_order_seq_cst);
    faultPoint();
    used_.store(0, std::memory_order_release);
    faultPoint();
  }

 private:
  struct Entry {
    std::uint64_t offset;
    std::uint32_t size;
    std::uint32_t previous;  // where the entry before this one starts
  };
  static_assert(sizeof(Entry) == kEntryBytes);
  static constexpr std::uint32_t kCapacity = kBytes - 16;

  std::byte* entries() { return reinterpret_cast<std::byte*>(this) + 16; }

  std::atomic<std::uint32_t> used_;
  std::uint32_t last_;  // where the newest entry starts
};

}  // namespace mediasync::memory
