// A mutex in shared memory that survives the death of its holder: the next one to lock it is told so.
#pragma once

#include <pthread.h>

namespace mediasync::store {

// Lives in shared memory; trivially copyable in the sense that nobody copies it. init() once, by the creator.
class RobustMutex {
 public:
  void init();
  // Returns true when the previous holder died inside: what the mutex protects must be repaired before use.
  bool lock();
  void unlock();

 private:
  pthread_mutex_t mutex_;
};

// Holds the mutex for a scope.
class RobustLock {
 public:
  explicit RobustLock(RobustMutex& mutex) : mutex_(mutex), ownerDied_(mutex.lock()) {}
  ~RobustLock() { mutex_.unlock(); }
  RobustLock(const RobustLock&) = delete;
  RobustLock& operator=(const RobustLock&) = delete;
  bool ownerDied() const { return ownerDied_; }

 private:
  RobustMutex& mutex_;
  bool ownerDied_;
};

}  // namespace mediasync::store
