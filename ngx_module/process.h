// The module in one worker process: its runtimes, one for each zone, and how workers wake each other.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/random.h"
#include "core/worker/worker.h"
#include "ngx_module/conf.h"
#include "ngx_module/nginx.h"
#include "ngx_module/timer.h"
#include "ngx_module/zone_state.h"

namespace mediasync::ngx {

class LuaScripts;

RandomSource& systemRandom();
Instant currentTime();

// One zone in one worker process.
class Runtime final : public server::Environment {
 public:
  Runtime(const ZoneConf& conf, ngx_cycle_t* cycle);

  server::Worker& worker() { return worker_; }
  // To be called after anything was asked of the worker: sends and wakes once the events at hand have been handled.
  void settle();
  void wake();
  // The process is told to finish its work: connections go on in other processes where they can, and end where not.
  void retire();
  // The process ends.
  void stop();

  // Lua has come, or wants to be told of more.
  void useScripts(LuaScripts& scripts);
  // Questions have been answered: what waits for them goes on when the events at hand have been handled.
  void scriptsAnswered() { answersTimer_.post(); }

  // Environment
  server::Scripts* scripts() override;
  Instant now() override { return currentTime(); }
  std::int64_t wallMicroseconds() override;
  RandomSource& random() override { return systemRandom(); }
  void wakeWorker(std::uint16_t slot) override;
  bool processAlive(store::ProcessId) override;
  void log(Severity, std::string_view line) override;
  void ended(const server::Ended&) override;

 private:
  void armDeadline();
  void flush();
  void tick();
  void retireStep();

  ngx_log_t* log_;
  std::string zone_;               // its name
  LuaScripts* scripts_ = nullptr;  // before the worker, which asks for it from its first moment on
  server::Worker worker_;
  std::unique_ptr<ZoneState> state_;  // null: the zone is kept in memory alone
  Timer flushTimer_;
  Deadline deadline_;
  Tick tick_;
  Timer exitTimer_;
  Timer retireTimer_;
  Timer answersTimer_;
  bool retiring_ = false;  // the process has been told to finish
};

// Looks up the zone that Lua asks for by its name; "": the only one. nullopt: there is none, or this process serves
// nobody.
std::optional<std::string> zoneName(std::string_view wanted);

// The runtime of the zone in this process; null when this process does not serve it.
Runtime* runtimeOf(const ZoneConf*);
Runtime* runtimeOf(std::string_view zone);

// Counts a request that is answered with 403.
void countForbidden(const ZoneConf*, store::Forbidden);

}  // namespace mediasync::ngx

extern "C" {
ngx_int_t ngx_http_mediasync_init_module(ngx_cycle_t* cycle);
ngx_int_t ngx_http_mediasync_init_process(ngx_cycle_t* cycle);
void ngx_http_mediasync_exit_process(ngx_cycle_t* cycle);
}
