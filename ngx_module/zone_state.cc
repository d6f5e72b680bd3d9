#include "ngx_module/zone_state.h"

#include <unistd.h>

#include <algorithm>

#include "ngx_module/guard.h"
#include "ngx_module/process_id.h"

namespace mediasync::ngx {
namespace {

// For another process that is about to end as well, and writes for both.
constexpr int kWaits = 200;
constexpr ngx_msec_t kWait = 10;

}  // namespace

ZoneState::ZoneState(const ZoneConf& conf, ngx_cycle_t* cycle, server::Environment& env)
    : conf_(conf),
      file_(conf, cycle, onWritten, this),
      keeper_(*conf.zone, processIdOf(ngx_pid), static_cast<std::uint16_t>(ngx_process_slot), env, file_,
              conf.stateSync),
      timer_(onTimer, this, cycle->log) {
  if (keeper_.takeUp() && file_.isAhead(conf)) file_.await(conf);
  timer_.arm(1);
}

void ZoneState::onTimer(void* self) {
  auto* state = static_cast<ZoneState*>(self);
  if (state->finishing_) return state->finish();
  state->step();
}

void ZoneState::onWritten(void* self) {
  auto* state = static_cast<ZoneState*>(self);
  if (const auto ok = state->file_.result()) state->keeper_.written(*ok);
  if (!state->finishing_) state->step();
}

void ZoneState::step() {
  const bool isPending = conf_.zone->header().state.pending.load() != 0;
  if (isPending) {
    load();
  } else if (!inUse_) {
    file_.use();
    inUse_ = true;
  }
  keeper_.step();
  timer_.arm(static_cast<ngx_msec_t>(std::max<std::int64_t>(keeper_.delay(), 1)));
}

// The other NGINX has ended, or has yet to.
void ZoneState::load() {
  if (file_.isUsedByOthers() || !keeper_.takeUp()) return;
  file_.use();
  inUse_ = true;
  file_.load(conf_);
  conf_.zone->header().state.pending.store(0);
}

void ZoneState::finish() {
  if (finished_) return;
  finishing_ = true;
  if (!keeper_.finish() && ++waits_ < kWaits) {
    timer_.holdExit();
    timer_.arm(kWait);
    return;
  }
  finished_ = true;
  file_.release();
}

void ZoneState::finishNow() {
  for (finish(); !finished_; finish())
    usleep(kWait * 1000);
}

}  // namespace mediasync::ngx
