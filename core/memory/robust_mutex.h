// A mutex in shared memory that survives the death of its holder: the next process that locks it learns of the death.
// If the holder lives and hangs, the others can react.
#pragma once

#include <pthread.h>

#include <cstdint>

namespace mediasync::memory {

// Lives in shared memory; trivially copyable, but must not be copied. The creator calls init() once.
class RobustMutex {
 public:
  void init();
  // Returns true if the previous holder died inside: repair the protected data before use.
  bool lock();
  void unlock();

  // Sets this process's reaction when another one has held the lock for kPatience: `whenStuck` gets the id of the
  // holding thread. It is called repeatedly until the lock is free.
  using WhenStuck = void (*)(std::int32_t holder);
  static void onStuck(WhenStuck whenStuck);
  // Milliseconds, counted in pieces: a machine that was suspended as a whole counts as one piece.
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
