// The undo log makes a change to shared memory all-or-nothing, even if the process is killed half-way. Bytes are copied
// to it before they change; rolling back restores them in reverse order, and committing discards them.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <stdexcept>

#include "core/memory/arena.h"
#include "core/memory/fault_point.h"

namespace mediasync::memory {

// Thrown by a change that needs more memory than there is; its transaction rolls back.
struct OutOfSpace : std::runtime_error {
  OutOfSpace() : std::runtime_error("out of shared memory") {}
};

// A header in shared memory, followed by `capacity` bytes of entries. Used under the lock of its shard.
class UndoLog {
 public:
  static constexpr std::size_t kBytes = 32 * 1024;  // header included
  static constexpr std::size_t kEntryBytes = 16;    // of one entry, without the old content

  void init();
  bool empty() const { return used_.load(std::memory_order_relaxed) == 0; }
  // Copies the current content of [address, address + size). Throws OutOfSpace if the log is full.
  void record(const Arena&, const void* address, std::size_t size);
  // Both can be repeated: if a process dies inside, the next one starts again.
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
    std::uint32_t previous;  // start of the previous entry
  };
  static_assert(sizeof(Entry) == kEntryBytes);
  static constexpr std::uint32_t kCapacity = kBytes - 16;

  std::byte* entries() { return reinterpret_cast<std::byte*>(this) + 16; }

  std::atomic<std::uint32_t> used_;
  std::uint32_t last_;  // start of the newest entry
};

}  // namespace mediasync::memory
