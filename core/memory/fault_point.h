// Where a process may be made to die by a test: at every step of a change to shared memory. Nothing at all unless
// MEDIASYNC_FAULT_POINTS is defined, as it is in builds of the tests alone.
#pragma once

namespace mediasync::memory {

#ifdef MEDIASYNC_FAULT_POINTS

// Called at each point that this process passes, with the place in the source. The call keeps the compiler from moving
// what is written to shared memory from one side of the point to the other.
using FaultHook = void (*)(const char* file, int line);
inline FaultHook faultHook = nullptr;

inline void faultPoint(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  if (faultHook != nullptr) faultHook(file, line);
}

#else

inline void faultPoint() {}

#endif

}  // namespace mediasync::memory
