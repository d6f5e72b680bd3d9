#include "core/memory/robust_mutex.h"

#include <linux/futex.h>
#include <time.h>

#include <cerrno>
#include <cstdint>

#include "core/memory/fault_point.h"

namespace mediasync::memory {
namespace {

constexpr int kPiece = 100;  // milliseconds

RobustMutex::WhenStuck stuck = nullptr;

timespec afterPiece() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  time.tv_nsec += kPiece * 1'000'000L;
  time.tv_sec += time.tv_nsec / 1'000'000'000L;
  time.tv_nsec %= 1'000'000'000L;
  return time;
}

}  // namespace

void RobustMutex::onStuck(WhenStuck whenStuck) {
  stuck = whenStuck;
}

void RobustMutex::init() {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  pthread_mutex_init(&mutex_, &attributes);
  pthread_mutexattr_destroy(&attributes);
}

bool RobustMutex::lock() {
  faultPoint();
  int result = pthread_mutex_trylock(&mutex_);
  if (result == EBUSY) result = lockSlowly();
  const bool ownerDied = result == EOWNERDEAD;
  faultPoint();
  // Consistent again right away: the repair itself is restartable, and the flag for it lies in what is protected.
  if (ownerDied) pthread_mutex_consistent(&mutex_);
  faultPoint();
  return ownerDied;
}

int RobustMutex::lockSlowly() {
  std::int32_t before = 0;
  for (int waited = 0;;) {
    const timespec until = afterPiece();
    const int result = pthread_mutex_clocklock(&mutex_, CLOCK_MONOTONIC, &until);
    if (result != ETIMEDOUT) return result;
    const std::int32_t now = holder();
    waited = now != 0 && now == before ? waited + kPiece : kPiece;
    before = now;
    if (waited < kPatience) continue;
    waited = 0;
    if (stuck != nullptr) stuck(now);
  }
}

// The kernel, which sees to a holder that dies, asks the same word; so there is no moment at which a thread has the
// lock and is not named in it.
std::int32_t RobustMutex::holder() const {
  const int word = __atomic_load_n(&mutex_.__data.__lock, __ATOMIC_RELAXED);
  return static_cast<std::int32_t>(static_cast<std::uint32_t>(word) & FUTEX_TID_MASK);
}

void RobustMutex::unlock() {
  faultPoint();
  pthread_mutex_unlock(&mutex_);
  faultPoint();
}

}  // namespace mediasync::memory
