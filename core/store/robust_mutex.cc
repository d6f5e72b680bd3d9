#include "core/store/robust_mutex.h"

#include <time.h>

#include <cerrno>

#include "core/store/fault_point.h"

namespace mediasync::store {
namespace {

constexpr int kPiece = 100;  // milliseconds

std::int32_t self = 0;
RobustMutex::WhenStuck stuck = nullptr;

timespec afterPiece() {
  timespec time{};
  clock_gettime(CLOCK_REALTIME, &time);
  time.tv_nsec += kPiece * 1'000'000L;
  time.tv_sec += time.tv_nsec / 1'000'000'000L;
  time.tv_nsec %= 1'000'000'000L;
  return time;
}

}  // namespace

void RobustMutex::useAs(std::int32_t holder, WhenStuck whenStuck) {
  self = holder;
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
  holder_.store(self, std::memory_order_relaxed);
  faultPoint();
  // Consistent again right away: the repair itself is restartable, and the flag for it lies in what is protected.
  if (ownerDied) pthread_mutex_consistent(&mutex_);
  faultPoint();
  return ownerDied;
}

int RobustMutex::lockSlowly() {
  for (int waited = kPiece;; waited = waited % kPatience + kPiece) {
    const timespec until = afterPiece();
    const int result = pthread_mutex_timedlock(&mutex_, &until);
    if (result != ETIMEDOUT) return result;
    const std::int32_t holder = holder_.load(std::memory_order_relaxed);
    if (waited % kPatience == 0 && holder != 0 && stuck != nullptr) stuck(holder);
  }
}

void RobustMutex::unlock() {
  faultPoint();
  holder_.store(0, std::memory_order_relaxed);
  pthread_mutex_unlock(&mutex_);
  faultPoint();
}

}  // namespace mediasync::store
