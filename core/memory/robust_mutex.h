// A mutex in shared memory that survives the death of its holder: the next one to lock it is told so. And one that
// lives, and does not go on: the others can do something about it.
#pragma once

#include <pthread.h>

#include <cstdint>

namespace mediasync::memory {

// Lives in shared memory; trivially copyable in the sense that nobody copies it. init() once, by the creator.
class RobustMutex {
 public:
  void init();
  // Returns true when the previous holder died inside: what the mutex protects must be repaired before use.
  bool lock();
  void unlock();

  // Says what this process does from now on when another one has kept the lock for all of kPatience: `whenStuck`
  // gets the thread that holds it. It is called again and again until the lock is free.
  using WhenStuck = void (*)(std::int32_t holder);
  static void onStuck(WhenStuck whenStuck);
  // Milliseconds. They are counted in pieces, so that a machine that stood still as a whole has waited for one alone.
  static constexpr int kPatience = 2'000;

 private:
  int lockSlowly();
  std::int32_t holder() const;

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

}  // namespace mediasync::memory
