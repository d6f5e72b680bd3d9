#include "ngx_module/zone_state.h"

#include <unistd.h>

#include <algorithm>

#include "ngx_module/guard.h"
#include "ngx_module/process_id.h"
#include "ngx_module/state_file.h"

namespace mediasync::ngx {
namespace {

// For another process that is about to end as well, and writes for both.
constexpr int kWaits = 200;
constexpr ngx_msec_t kWait = 10;
// Until the file is looked at again which others use.
constexpr ngx_msec_t kFileWait = 100;

}  // namespace

ZoneState::ZoneState(const ZoneConf& conf, ngx_cycle_t* cycle, store::Process& env)
    : conf_(conf),
      log_(cycle->log),
      file_(conf, cycle, onWritten, this),
      keeper_(*conf.zone, processIdOf(ngx_pid), static_cast<std::uint16_t>(ngx_process_slot), env, file_,
              conf.stateSync, conf.stateEpoch),
      timer_(onTimer, this, cycle->log) {
  // An upgrade of the binary was taken back: before any client is served by what the tables held before it.
  const bool isBack = keeper_.hasBegun() && keeper_.takeUp() && (file_.isUsedByOthers() || keeper_.isBehind());
  if (isBack) awaitOthers(conf, log_);
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

bool ZoneState::isPending() const {
  return conf_.zone->header().state.pending.load() != 0;
}

void ZoneState::step() {
  if (!keeper_.isInForce()) return leave();
  if (!file_.use()) return timer_.arm(kFileWait);
  if (isPending() && keeper_.takeUp()) load();
  keeper_.step();
  timer_.arm(static_cast<ngx_msec_t>(std::max<std::int64_t>(keeper_.delay(), 1)));
}

// Another file has come into force, which perhaps another zone waits for.
void ZoneState::leave() {
  if (keeper_.yield()) file_.release();
}

void ZoneState::load() {
  loadState(conf_, *stateFileOf(conf_), log_);
  conf_.zone->header().state.pending.store(0);
}

void ZoneState::finish() {
  if (finished_) return;
  finishing_ = true;
  if (file_.use() && !keeper_.finish() && ++waits_ < kWaits) {
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
