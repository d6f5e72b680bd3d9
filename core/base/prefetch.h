// Prefetching. With tens of thousands of connections, the data of the next one is not in the processor's caches;
// loading it ahead of its use hides the wait.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mediasync {

// Starts to load an object into the cache. `object` may be any address, including null: it is never dereferenced.
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
