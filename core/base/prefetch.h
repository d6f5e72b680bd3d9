// With tens of thousands of connections, what belongs to the next one is not in the processor's caches. Asking for it
// before it is needed lets work go on meanwhile.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mediasync {

// Starts to load an object into the cache. Any address may be given, null too: none is read.
inline void prefetch(const void* object, std::size_t size) {
  constexpr std::size_t kCacheLine = 64;
  const auto at = reinterpret_cast<std::uintptr_t>(object);
  for (std::size_t offset = 0; offset < size; offset += kCacheLine)
    __builtin_prefetch(reinterpret_cast<const void*>(at + offset));
}

template <class T>
void prefetch(const T* object) {
  prefetch(object, sizeof(T));
}

}  // namespace mediasync
