// The state of one zone in a worker process: its file, and the keeper that decides what is written and when.
#pragma once

#include "core/persistence/state_keeper.h"
#include "ngx_module/conf.h"
#include "ngx_module/disk_file.h"
#include "ngx_module/timer.h"

namespace mediasync::ngx {

class ZoneState {
 public:
  ZoneState(const ZoneConf&, ngx_cycle_t* cycle, store::Process&);

  // This worker may have changed something.
  void changed() { keeper_.changed(); }
  // This worker changes nothing any more: what is left is written. The process stays for that.
  void finish();
  // The same when the process ends at once, and can wait for nothing else.
  void finishNow();

 private:
  static void onTimer(void* self);
  static void onWritten(void* self);
  void step();
  void leave();
  bool isPending() const;
  void load();

  const ZoneConf& conf_;
  ngx_log_t* log_;
  DiskFile file_;
  persistence::StateKeeper keeper_;
  Timer timer_;
  bool finishing_ = false;
  bool finished_ = false;
  int waits_ = 0;
};

}  // namespace mediasync::ngx
