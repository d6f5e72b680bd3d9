#include "ngx_module/disk_file.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>
#include <string>
#include <utility>

#include "ngx_module/guard.h"
#include "ngx_module/response.h"
#include "ngx_module/state_file.h"

namespace mediasync::ngx {
namespace {

const OpenFile& fileOf(const ZoneConf& conf) {
  const OpenFile* file = stateFileOf(conf);
  if (file == nullptr) throw std::runtime_error("the state file is not open");
  return *file;
}

}  // namespace

DiskFile::DiskFile(const ZoneConf& conf, ngx_cycle_t* cycle, void (*written)(void*), void* context)
    : zone_(conf.zone->header().state.zone),
      halves_{fileOf(conf).halves[0], fileOf(conf).halves[1]},
      use_(halves_[0], zone_),
      path_(conf.statePath),
      log_(cycle->log),
      written_(written),
      context_(context) {
  event_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  ngx_connection_t* connection = event_ == -1 ? nullptr : ngx_get_connection(event_, cycle->log);
  if (connection == nullptr) throw std::runtime_error("no event for the state file");
  connection->data = this;
  connection->read->handler = onEvent;
  connection->read->log = cycle->log;
  connection->read->channel = 1;  // not a client's: the exit does not report it as left open
  if (ngx_add_event(connection->read, NGX_READ_EVENT, 0) == NGX_ERROR) {
    throw std::runtime_error("no event for the state file");
  }
}

void DiskFile::write(persistence::StateWrite write) {
  auto task = std::make_shared<std::packaged_task<bool()>>([this, write = std::move(write)] { return apply(write); });
  result_ = task->get_future();
  thread_.post([this, task] {
    (*task)();
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t told = ::write(event_, &one, sizeof one);
  });
}

bool DiskFile::writeNow(persistence::StateWrite write) {
  return noteResult(apply(write));
}

bool DiskFile::waitForWrite() {
  return noteResult(result_.get());
}

std::optional<bool> DiskFile::result() {
  if (!result_.valid() || result_.wait_for(std::chrono::seconds(0)) != std::future_status::ready) return std::nullopt;
  return waitForWrite();
}

void DiskFile::onEvent(ngx_event_t* event) {
  auto* file = static_cast<DiskFile*>(static_cast<ngx_connection_t*>(event->data)->data);
  std::uint64_t count;
  while (read(file->event_, &count, sizeof count) > 0) {
  }
  guardedVoid(event->log, [file] { file->written_(file->context_); });
}

// In the thread, which must not log.
bool DiskFile::apply(const persistence::StateWrite& write) {
  return put(write.current) && put(write.snapshot) && (!write.sync || sync());
}

bool DiskFile::put(const persistence::StatePiece& piece) {
  const int fd = halves_[piece.half];
  if (piece.isNew && ftruncate(fd, 0) != 0) return fail(errno);
  for (size_t at = 0; at < piece.bytes.size();) {
    const ssize_t n = pwrite(fd, piece.bytes.data() + at, piece.bytes.size() - at, static_cast<off_t>(piece.at + at));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return fail(n == 0 ? ENOSPC : errno);
    at += static_cast<size_t>(n);
  }
  return true;
}

bool DiskFile::sync() {
  for (const int fd : halves_) {
    if (fdatasync(fd) != 0) return fail(errno);
  }
  return true;
}

bool DiskFile::fail(int error) {
  error_ = error;
  return false;
}

bool DiskFile::noteResult(bool ok) {
  if (!ok) {
    ngx_log_error(NGX_LOG_CRIT, log_, error_.load(), "writing state file \"%V\" failed, it is tried again", &path_);
  }
  return ok;
}

persistence::NewestSnapshot DiskFile::newest() const {
  return newestIn(halves_);
}

bool DiskFile::isUsedByOthers() const {
  return othersUse(halves_[0], zone_);
}

// The NGINX that this one has replaced may have had the claim until now.
bool DiskFile::use() {
  claimFile(halves_[0]);
  return use_.begin();
}

}  // namespace mediasync::ngx
