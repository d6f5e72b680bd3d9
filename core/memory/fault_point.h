// Fault points, at which a test can kill a process: at every step of a change to shared memory. They compile to nothing
// unless MEDIASYNC_FAULT_POINTS is defined, as it is only in test builds.
#pragma once

namespace mediasync::memory {

#ifdef MEDIASYNC_FAULT_POINTS

// Called at each point that the process passes, with its place in the source. The call keeps the compiler from moving
// writes to shared memory across the point.
using FaultHook = void (*)(const char* file, int line);
inline FaultHook faultHook = nullptr;

inline void faultPoint(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  if (faultHook != nullptr) faultHook(file, line);
}

#else

inline void faultPoint() {}

#endif

}  // namespace mediasync::memory
