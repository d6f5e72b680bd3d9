#include "core/store/robust_mutex.h"

#include <cerrno>

namespace mediasync::store {

void RobustMutex::init() {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  pthread_mutex_init(&mutex_, &attributes);
  pthread_mutexattr_destroy(&attributes);
}

bool RobustMutex::lock() {
  if (pthread_mutex_lock(&mutex_) != EOWNERDEAD) return false;
  // Consistent again right away: the repair itself is restartable, and the flag for it lies in what is protected.
  pthread_mutex_consistent(&mutex_);
  return true;
}

void RobustMutex::unlock() {
  pthread_mutex_unlock(&mutex_);
}

}  // namespace mediasync::store
