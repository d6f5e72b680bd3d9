// State files: in the master, which opens and reads them, and in workers, which write them by a thread.
#pragma once

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <future>
#include <memory>
#include <thread>

#include "core/server/state_keeper.h"
#include "ngx_module/conf.h"
#include "ngx_module/nginx.h"

namespace mediasync::ngx {

// Opens the two halves of the zone's state file, once; workers inherit them. Fills the zone from it when the zone is
// new. Where an NGINX that is being replaced still uses the file, the zone is marked as pending instead.
bool openState(const ZoneConf&, bool isNewZone, ngx_log_t* log);
// The configuration is in force: before, the reload that it came with may have failed yet.
void useState(const ZoneConf&);

// One zone's file in a worker process.
class DiskFile final : public server::StateFile {
 public:
  // `written` is called in the event loop, when written() of the keeper is due.
  DiskFile(const ZoneConf&, ngx_cycle_t* cycle, void (*written)(void*), void* context);
  ~DiskFile() override;
  DiskFile(const DiskFile&) = delete;
  DiskFile& operator=(const DiskFile&) = delete;

  // server::StateFile
  void write(server::StateWrite) override;
  bool writeNow(server::StateWrite) override;
  bool waitForWrite() override;

  // How the last write ended; nullopt when none has since the last call.
  std::optional<bool> result();

  // Whether another NGINX, of which this process is none, has processes that use the file.
  bool isUsedByOthers() const;
  // Another NGINX has written to it since this one did, or still does: an upgrade of the binary was taken back.
  bool isAhead(const ZoneConf&) const;
  // Nobody is served until it has been read again.
  void await(const ZoneConf&) const;
  // This process uses it, or does no longer.
  void use();
  void release();
  // Fills the zone from it.
  void load(const ZoneConf&) const;

 private:
  static void onEvent(ngx_event_t* event);
  bool apply(const server::StateWrite&);
  bool put(const server::StatePiece&);
  void startThread();
  bool noteResult(bool ok);

  int halves_[2];
  ngx_str_t path_;
  ngx_log_t* log_;
  void (*written_)(void*);
  void* context_;
  int event_ = -1;
  std::atomic<int> error_{0};
  std::future<bool> result_;
  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  std::thread thread_;
};

}  // namespace mediasync::ngx
