#include "ngx_module/process.h"

#include <openssl/rand.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "core/base/version.h"
#include "ngx_module/connection_log.h"
#include "ngx_module/descriptor_limit.h"
#include "ngx_module/guard.h"
#include "ngx_module/handover.h"
#include "ngx_module/lua_scripts.h"
#include "ngx_module/process_id.h"
#include "ngx_module/reserve.h"
#include "ngx_module/response.h"
#include "ngx_module/state_file.h"
#include "ngx_module/zone_change.h"

namespace mediasync::ngx {
namespace {

// One eventfd for each slot of NGINX's process table that a worker may get, made in the master before it forks: all
// generations share them, and a respawned worker finds its predecessor's. Statics survive a reload.
std::vector<int> wakeDescriptors;

// Only of a worker process. Never freed by a static destructor: those run in the master and in helpers, too.
std::vector<std::unique_ptr<Runtime>>* runtimes = nullptr;

class SystemRandom final : public RandomSource {
 public:
  void fill(std::span<std::uint8_t> out) override {
    if (RAND_bytes(out.data(), static_cast<int>(out.size())) != 1) throw std::runtime_error("no random bytes");
  }
};

// Which configuration this is. Counted by the master, and inherited by the workers that it starts.
std::uint32_t cycleNumber = 0;

// Milliseconds for the events that end connections to be handled.
constexpr ngx_msec_t kExitDelay = 10;
// The interval at which a process that ends sees to the clients that it still has.
constexpr ngx_msec_t kRetireStep = 5;

std::int64_t readMicroseconds(clockid_t clock) {
  timespec ts{};
  clock_gettime(clock, &ts);
  return static_cast<std::int64_t>(ts.tv_sec) * 1'000'000 + ts.tv_nsec / 1000;
}

std::int64_t readClock(clockid_t clock) {
  return readMicroseconds(clock) / 1000;
}

void onWake(ngx_event_t* event) {
  auto* connection = static_cast<ngx_connection_t*>(event->data);
  if (connection->close) {  // the process is told to finish its work
    connection->close = 0;
    for (auto& runtime : *runtimes)
      guardedVoid(event->log, [&] { runtime->retire(); });
    return;
  }
  std::uint64_t count;
  while (read(connection->fd, &count, sizeof count) > 0) {
  }
  for (auto& runtime : *runtimes)
    guardedVoid(event->log, [&] { runtime->wake(); });
}

ngx_int_t listenForWakes(ngx_cycle_t* cycle) {
  const auto slot = static_cast<size_t>(ngx_process_slot);
  // Without a descriptor that the others know, the tick has to do; this one still tells when the process is to end.
  const int fd = slot < wakeDescriptors.size() ? wakeDescriptors[slot] : eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  ngx_connection_t* connection = fd == -1 ? nullptr : ngx_get_connection(fd, cycle->log);
  if (connection == nullptr) return NGX_ERROR;
  connection->read->handler = onWake;
  connection->read->log = cycle->log;
  connection->read->channel = 1;  // not a client's: the exit does not report it as left open
  connection->idle = 1;           // told when the process begins to exit
  return ngx_add_event(connection->read, NGX_READ_EVENT, 0) == NGX_ERROR ? NGX_ERROR : NGX_OK;
}

bool servesClients() {
  return ngx_process == NGX_PROCESS_WORKER || ngx_process == NGX_PROCESS_SINGLE;
}

// All who need the lock wait for it. What it has left half done is put right by the next one.
void endStuckHolder(std::int32_t pid) {
  if (!isStopped(pid)) return;
  ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, 0,
                "worker process %P stands still and holds a lock that others wait for, it is killed",
                static_cast<ngx_pid_t>(pid));
  kill(pid, SIGKILL);
}

MainConf* mainConfOf(ngx_cycle_t* cycle) {
  if (cycle->conf_ctx[ngx_http_module.index] == nullptr) return nullptr;  // no http block
  return static_cast<MainConf*>(ngx_http_cycle_get_module_main_conf(cycle, ngx_http_mediasync_module));
}

}  // namespace

RandomSource& systemRandom() {
  static SystemRandom random;
  return random;
}

Instant currentTime() {
  return {readClock(CLOCK_REALTIME), readClock(CLOCK_MONOTONIC)};
}

Runtime::Runtime(const ZoneConf& conf, ngx_cycle_t* cycle)
    : log_(cycle->log),
      zone_(view(conf.name)),
      worker_(*conf.zone, static_cast<std::uint16_t>(ngx_process_slot), processIdOf(ngx_pid), *this, cycleNumber),
      flushTimer_([](void* self) { static_cast<Runtime*>(self)->flush(); }, this, log_),
      deadline_(
          [](void* self) {
            auto* runtime = static_cast<Runtime*>(self);
            runtime->worker_.runDeadlines();
            runtime->settle();
          },
          this, log_),
      tick_([](void* self) { static_cast<Runtime*>(self)->tick(); }, this, log_),
      exitTimer_([](void*) {}, this, log_),
      retireTimer_([](void* self) { static_cast<Runtime*>(self)->retireStep(); }, this, log_),
      answersTimer_(
          [](void* self) {
            auto* runtime = static_cast<Runtime*>(self);
            runtime->worker_.retries().scriptsAnswered();
            runtime->settle();
          },
          this, log_) {
  if (conf.statePath.len > 0) state_ = std::make_unique<ZoneState>(conf, cycle, *this);
  tick_.begin();
  if (LuaScripts* scripts = LuaScripts::find(view(conf.name))) useScripts(*scripts);
}

void Runtime::useScripts(LuaScripts& scripts) {
  scripts_ = &scripts;
  scripts.serve(*this);
  worker_.hooks().listenToNotices();
}

void Runtime::log(Severity severity, std::string_view line) {
  constexpr ngx_uint_t kLevels[] = {NGX_LOG_WARN, NGX_LOG_ERR, NGX_LOG_ALERT};
  const ngx_uint_t level = kLevels[static_cast<std::size_t>(severity)];
  const ngx_str_t text = ngxString(line);
  const ngx_str_t name = ngxString(zone_);
  ngx_log_error(level, log_, 0, "mediasync_zone \"%V\" %V", &name, &text);
}

void Runtime::ended(const server::Ended& connection) {
  logEnd(connection);
}

server::Scripts* Runtime::scripts() {
  return scripts_;
}

void Runtime::settle() {
  flushTimer_.post();
}

void Runtime::flush() {
  worker_.flush();
  if (state_) state_->changed();
  armDeadline();
}

void Runtime::armDeadline() {
  const std::int64_t next = worker_.nextDeadline();
  if (next == std::numeric_limits<std::int64_t>::max()) return;
  if (worker_.stopped() && worker_.hasWaitingPosts()) deadline_.holdExit();
  deadline_.set(next, now().mono);
}

void Runtime::tick() {
  if (worker_.stopped()) return;
  worker_.tick(tick_.next(worker_.tickDelay(), now().mono));
  armDeadline();
}

void Runtime::wake() {
  worker_.wake();
  settle();
}

void Runtime::retire() {
  if (std::exchange(retiring_, true)) return;
  retireTimer_.holdExit();
  retireStep();
}

void Runtime::retireStep() {
  bool goesOn = worker_.isOutdated();
  if (goesOn) guardedVoid(log_, [&] { goesOn = worker_.reload().retire(); });
  settle();
  if (goesOn) return retireTimer_.arm(kRetireStep);
  // The ends of connections and polls are posted events, and NGINX exits at once when no timer holds it.
  exitTimer_.holdExit();
  exitTimer_.arm(kExitDelay);
  worker_.stop();
  if (scripts_ != nullptr) scripts_->release();
  if (state_) state_->finish();
}

void Runtime::stop() {
  worker_.stop();
  if (state_) state_->finishNow();
}

void Runtime::wakeWorker(std::uint16_t slot) {
  if (slot >= wakeDescriptors.size()) return;  // that worker's tick will see to it
  const std::uint64_t one = 1;
  // Fails only when the counter is full, and then the worker is awake anyway.
  [[maybe_unused]] const ssize_t written = write(wakeDescriptors[slot], &one, sizeof one);
}

std::int64_t Runtime::wallMicroseconds() {
  return readMicroseconds(CLOCK_REALTIME);
}

bool Runtime::processAlive(store::ProcessId process) {
  return isAlive(process);
}

std::optional<std::string> zoneName(std::string_view wanted) {
  const MainConf* conf = servesClients() ? mainConfOf(const_cast<ngx_cycle_t*>(ngx_cycle)) : nullptr;
  if (conf == nullptr || (wanted.empty() && conf->zones.nelts != 1)) return std::nullopt;
  for (ngx_uint_t i = 0; i < conf->zones.nelts; ++i) {
    const std::string_view name = view(static_cast<ZoneConf**>(conf->zones.elts)[i]->name);
    if (wanted.empty() || name == wanted) return std::string(name);
  }
  return std::nullopt;
}

Runtime* runtimeOf(std::string_view zone) {
  if (runtimes == nullptr) return nullptr;
  const MainConf* conf = mainConfOf(const_cast<ngx_cycle_t*>(ngx_cycle));
  for (ngx_uint_t i = 0; i < conf->zones.nelts; ++i) {
    const ZoneConf* known = static_cast<ZoneConf**>(conf->zones.elts)[i];
    if (view(known->name) == zone) return runtimeOf(known);
  }
  return nullptr;
}

Runtime* runtimeOf(const ZoneConf* zone) {
  if (runtimes == nullptr || zone == nullptr || zone->index >= runtimes->size()) return nullptr;
  return (*runtimes)[zone->index].get();
}

void countForbidden(const ZoneConf* zone, store::Forbidden why) {
  if (Runtime* runtime = runtimeOf(zone)) runtime->worker().counters().forbidden.add(why);
}

}  // namespace mediasync::ngx

using namespace mediasync::ngx;

ngx_int_t ngx_http_mediasync_init_module(ngx_cycle_t* cycle) {
  MainConf* conf = mainConfOf(cycle);
  if (ngx_test_config) return NGX_OK;
  reportGoneZones(cycle);
  closeOtherStates(conf == nullptr ? nullptr : &conf->zones);
  if (conf == nullptr || conf->zones.nelts == 0) return NGX_OK;
  // Two generations of workers and NGINX's helpers, with room to spare; later configurations may add.
  const auto* core = reinterpret_cast<ngx_core_conf_t*>(ngx_get_conf(cycle->conf_ctx, ngx_core_module));
  const size_t wanted =
      std::min<size_t>(4 * static_cast<size_t>(core->worker_processes) + 8, mediasync::store::kMaxWorkers);
  if (++cycleNumber == 1) ngx_log_error(NGX_LOG_NOTICE, cycle->log, 0, "mediasync %s", mediasync::kVersion);
  for (ngx_uint_t i = 0; i < conf->zones.nelts; ++i) {
    ZoneConf& zone = *static_cast<ZoneConf**>(conf->zones.elts)[i];
    useState(zone, *core);
    zone.zone->header().cycle.store(cycleNumber);
  }
  raiseDescriptorLimit(static_cast<size_t>(core->worker_processes), cycle->log);
  return guarded(cycle->log, static_cast<ngx_int_t>(NGX_ERROR), [&]() -> ngx_int_t {
    makeHandoverSockets(wanted, cycle->log);
    while (wakeDescriptors.size() < wanted) {
      const int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
      if (fd == -1) {
        ngx_log_error(NGX_LOG_WARN, cycle->log, ngx_errno, "eventfd() failed, workers wake each other more slowly");
        return NGX_OK;
      }
      wakeDescriptors.push_back(fd);
    }
    return NGX_OK;
  });
}

ngx_int_t ngx_http_mediasync_init_process(ngx_cycle_t* cycle) {
  MainConf* conf = mainConfOf(cycle);
  if (!servesClients() || conf == nullptr || conf->zones.nelts == 0) return NGX_OK;
  if (static_cast<size_t>(ngx_process_slot) >= mediasync::store::kMaxWorkers) {
    ngx_log_error(NGX_LOG_ALERT, cycle->log, 0,
                  "mediasync: process slot %i is too high, this worker serves no sessions", ngx_process_slot);
    return NGX_OK;
  }
  const auto* core = reinterpret_cast<ngx_core_conf_t*>(ngx_get_conf(cycle->conf_ctx, ngx_core_module));
  return guarded(cycle->log, static_cast<ngx_int_t>(NGX_ERROR), [&]() -> ngx_int_t {
    // One message for each process of the next configuration, and those of a few helpers.
    reserveDescriptors(static_cast<size_t>(core->worker_processes) + 4, cycle->log);
    mediasync::store::RobustMutex::onStuck(endStuckHolder);
    runtimes = new std::vector<std::unique_ptr<Runtime>>();
    for (ngx_uint_t i = 0; i < conf->zones.nelts; ++i) {
      const ZoneConf* zone = static_cast<ZoneConf**>(conf->zones.elts)[i];
      runtimes->push_back(std::make_unique<Runtime>(*zone, cycle));
    }
    if (listenForWakes(cycle) != NGX_OK) return NGX_ERROR;
    if (!listenForHandovers(cycle)) return NGX_OK;
    for (auto& runtime : *runtimes)
      runtime->worker().reload().takeHandovers();
    return NGX_OK;
  });
}

namespace {

// NGINX has done so already when a process ends by TERM, before the ends of our connections were written.
void flushLogs(ngx_cycle_t* cycle) {
  for (ngx_list_part_t* part = &cycle->open_files.part; part != nullptr; part = part->next) {
    auto* files = static_cast<ngx_open_file_t*>(part->elts);
    for (ngx_uint_t i = 0; i < part->nelts; ++i) {
      if (files[i].flush != nullptr) files[i].flush(&files[i], cycle->log);
    }
  }
}

}  // namespace

void ngx_http_mediasync_exit_process(ngx_cycle_t* cycle) {
  if (runtimes == nullptr) return;
  for (auto& runtime : *runtimes)
    guardedVoid(cycle->log, [&] { runtime->stop(); });
  declineHandovers(cycle->log);
  flushLogs(cycle);
}
