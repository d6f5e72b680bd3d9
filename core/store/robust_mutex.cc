#include "core/store/robust_mutex.h"

#include <cerrno>

#include "core/store/fault_point.h"

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
  faultPoint();
  const bool ownerDied = pthread_mutex_lock(&mutex_) == EOWNERDEAD;
  faultPoint();
  // Consistent again right away: the repair itself is restartable, and the flag for it lies in what is protected.
  if (ownerDied) pthread_mutex_consistent(&mutex_);
  faultPoint();
  return ownerDied;
}

void RobustMutex::unlock() {
  faultPoint();
  pthread_mutex_unlock(&mutex_);
  faultPoint();
}

}  // namespace mediasync::store
