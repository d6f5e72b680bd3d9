// Addresses inside one region of shared memory. Records refer to each other by Ref, never by pointer, so that each
// process may map the region anywhere.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mediasync::memory {

// An offset from the start of the region, in units of 8 bytes. 0 means none.
using Ref = std::uint32_t;

class Arena {
 public:
  Arena() = default;
  Arena(void* base, std::size_t size) : base_(static_cast<std::byte*>(base)), size_(size) {}

  std::size_t size() const { return size_; }
  std::byte* bytes(Ref ref) const { return base_ + static_cast<std::size_t>(ref) * 8; }
  template <class T>
  T* at(Ref ref) const {
    return reinterpret_cast<T*>(bytes(ref));
  }
  Ref refOf(const void* address) const {
    return static_cast<Ref>((static_cast<const std::byte*>(address) - base_) / 8);
  }
  std::size_t offsetOf(const void* address) const {
    return static_cast<std::size_t>(static_cast<const std::byte*>(address) - base_);
  }
  std::byte* atOffset(std::size_t offset) const { return base_ + offset; }

 private:
  std::byte* base_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace mediasync::memory
