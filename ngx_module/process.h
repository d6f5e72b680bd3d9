// The module in one worker process: its runtimes, one for each zone, and how workers wake each other.
#pragma once

#include <memory>

#include "core/base/random.h"
#include "core/server/worker.h"
#include "ngx_module/conf.h"
#include "ngx_module/nginx.h"

namespace mediasync::ngx {

RandomSource& systemRandom();
Instant currentTime();

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
  // Calls back when the events at hand have been handled.
  void post();
  bool armed() const { return event_.timer_set; }
  // A process that is told to finish its work stays until this timer has run out.
  void holdExit() { event_.cancelable = 0; }

 private:
  static void handle(ngx_event_t* event);

  ngx_event_t event_{};
  ngx_connection_t dummy_{};  // what NGINX's debug log expects behind an event
  Callback callback_;
  void* context_;
};

// One zone in one worker process.
class Runtime final : public server::Environment {
 public:
  Runtime(const store::Zone& zone, ngx_cycle_t* cycle);

  server::Worker& worker() { return worker_; }
  // To be called after anything was asked of the worker: sends and wakes once the events at hand have been handled.
  void settle();
  void wake();
  // The process is told to finish its work: connections go on in other processes where they can, and end where not.
  void retire();
  // The process ends.
  void stop();

  // Environment
  Instant now() override { return currentTime(); }
  RandomSource& random() override { return systemRandom(); }
  void wakeWorker(std::uint16_t slot) override;
  bool processAlive(std::int32_t pid) override;

 private:
  void armDeadline();
  void flush();
  void tick();
  void retireStep();

  ngx_log_t* log_;
  server::Worker worker_;
  Timer flushTimer_;
  Timer deadlineTimer_;
  Timer tickTimer_;
  Timer exitTimer_;
  Timer retireTimer_;
  std::int64_t armedFor_ = 0;
  std::int64_t retireUntil_ = 0;  // monotonic; 0: the process has not been told to finish
};

// The runtime of the zone in this process; null when this process does not serve it.
Runtime* runtimeOf(const ZoneConf*);
Runtime* runtimeOf(std::string_view zone);

}  // namespace mediasync::ngx

extern "C" {
ngx_int_t ngx_http_mediasync_init_module(ngx_cycle_t* cycle);
ngx_int_t ngx_http_mediasync_init_process(ngx_cycle_t* cycle);
void ngx_http_mediasync_exit_process(ngx_cycle_t* cycle);
}
