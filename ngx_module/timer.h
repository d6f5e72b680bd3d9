// Times at which the event loop calls back.
#pragma once

#include <cstdint>

#include "ngx_module/nginx.h"

namespace mediasync::ngx {

// An event of ours that is no connection's.
class Timer {
 public:
  using Callback = void (*)(void*);
  Timer(Callback callback, void* context, ngx_log_t* log);
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // Calls back after `ms` milliseconds, in place of an earlier time that was set.
  void arm(ngx_msec_t ms);
  // Does not call back any more.
  void disarm();
  // Calls back when the events at hand have been handled.
  void post();
  bool armed() const { return event_.timer_set; }
  // A process that is told to finish its work stays until this timer has run out.
  void holdExit() { event_.cancelable = 0; }

 private:
  static void handle(ngx_event_t* event);

  ngx_event_t event_{};
  Callback callback_;
  void* context_;
};

// Calls back at the earliest of the times that it was told since it last did. Times are monotonic, in milliseconds.
class Deadline {
 public:
  Deadline(Timer::Callback callback, void* context, ngx_log_t* log) : timer_(callback, context, log) {}
  void set(std::int64_t time, std::int64_t now);
  void holdExit() { timer_.holdExit(); }

 private:
  Timer timer_;
  std::int64_t time_ = 0;  // while the timer is armed
};

// Calls back again and again.
class Tick {
 public:
  Tick(Timer::Callback callback, void* context, ngx_log_t* log) : timer_(callback, context, log) {}
  void begin() { timer_.arm(1); }
  // The next callback comes after `delay`. Returns how much later than it should this one has come.
  std::int64_t next(std::int64_t delay, std::int64_t now);

 private:
  Timer timer_;
  std::int64_t due_ = 0;  // 0: now
};

}  // namespace mediasync::ngx
