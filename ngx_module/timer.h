#pragma once

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

}  // namespace mediasync::ngx
