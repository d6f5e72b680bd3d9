// One zone's state file in a worker process: it is written by a thread.
#pragma once

#include <atomic>
#include <future>
#include <memory>
#include <optional>

#include "core/persistence/state_keeper.h"
#include "ngx_module/conf.h"
#include "ngx_module/nginx.h"
#include "ngx_module/state_lock.h"
#include "ngx_module/task_thread.h"

namespace mediasync::ngx {

class DiskFile final : public persistence::StateFile {
 public:
  // `written` is called in the event loop, when written() of the keeper is due.
  DiskFile(const ZoneConf&, ngx_cycle_t* cycle, void (*written)(void*), void* context);
  DiskFile(const DiskFile&) = delete;
  DiskFile& operator=(const DiskFile&) = delete;

  // persistence::StateFile
  persistence::NewestSnapshot newest() const override;
  void write(persistence::StateWrite) override;
  bool writeNow(persistence::StateWrite) override;
  bool waitForWrite() override;

  // The result of the last write; nullopt if none has ended since the last call.
  std::optional<bool> result();

  // True if processes of another zone, perhaps of another NGINX, use the file.
  bool isUsedByOthers() const;
  // This process uses it from now on, or has before. False: it must not, since others do.
  bool use();
  void release() { use_.end(); }

 private:
  static void onEvent(ngx_event_t* event);
  bool apply(const persistence::StateWrite&);
  bool put(const persistence::StatePiece&);
  bool sync();
  bool fail(int error);
  bool noteResult(bool ok);

  std::uint64_t zone_;
  int halves_[2];
  FileUse use_;
  ngx_str_t path_;
  ngx_log_t* log_;
  void (*written_)(void*);
  void* context_;
  int event_ = -1;
  std::atomic<int> error_{0};
  std::future<bool> result_;
  TaskThread thread_;  // the last field: it ends before what it uses
};

}  // namespace mediasync::ngx
