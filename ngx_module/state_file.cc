#include "ngx_module/state_file.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "core/store/state_image.h"
#include "ngx_module/guard.h"
#include "ngx_module/process.h"
#include "ngx_module/process_id.h"
#include "ngx_module/response.h"

namespace mediasync::ngx {
namespace {

using store::StateImage;

// Opened by the master, and never closed: workers of all generations have them, whoever their user is.
struct OpenFile {
  std::string path;
  int halves[2] = {-1, -1};
};
std::vector<OpenFile>& openFiles() {
  static auto* files = new std::vector<OpenFile>();
  return *files;
}

// Which NGINX this is: the pid of its master, which made the first zone.
std::int32_t instance = 0;

// Processes that use a file lock one byte of it, far behind its end: the one of their instance. The locks go with the
// process, whatever ends it.
constexpr off_t kLocks = off_t{1} << 40;
constexpr off_t kAllLocks = off_t{1} << 32;

// How long an NGINX that starts waits for the one before to end.
constexpr int kWaits = 50;
constexpr useconds_t kWait = 100'000;

struct flock lockOf(short type, off_t start, off_t size) {
  struct flock lock {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = kLocks + start;
  lock.l_len = size;
  return lock;
}

bool isLocked(int fd, off_t start, off_t size) {
  if (size <= 0) return false;
  struct flock lock = lockOf(F_WRLCK, start, size);
  return fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

bool othersUse(int fd) {
  return isLocked(fd, 0, instance) || isLocked(fd, instance + 1, kAllLocks - instance - 1);
}

std::string pathOf(const ZoneConf& conf, int half) {
  return std::string(view(conf.statePath)) + (half == 0 ? "" : ".2");
}

OpenFile* findFile(std::string_view path) {
  for (OpenFile& file : openFiles()) {
    if (file.path == path) return &file;
  }
  return nullptr;
}

OpenFile* openFile(const ZoneConf& conf, ngx_log_t* log) {
  OpenFile file{std::string(view(conf.statePath)), {-1, -1}};
  for (int half = 0; half < 2; ++half) {
    const std::string path = pathOf(conf, half);
    file.halves[half] = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file.halves[half] == -1) {
      ngx_log_error(NGX_LOG_EMERG, log, ngx_errno, "open() \"%s\" failed", path.c_str());
      if (half == 1) close(file.halves[0]);
      return nullptr;
    }
  }
  openFiles().push_back(std::move(file));
  return &openFiles().back();
}

// Empty when it cannot be read, which is said.
std::string contentOf(int fd, const char* path, ngx_log_t* log) {
  struct stat info {};
  std::string content;
  if (fstat(fd, &info) == 0) content.resize(static_cast<size_t>(info.st_size));
  for (size_t at = 0; at < content.size();) {
    const ssize_t n = pread(fd, content.data() + at, content.size() - at, static_cast<off_t>(at));
    if (n <= 0) {
      ngx_log_error(NGX_LOG_ERR, log, n == 0 ? 0 : ngx_errno, "pread() \"%s\" failed", path);
      content.resize(at);
      break;
    }
    at += static_cast<size_t>(n);
  }
  return content;
}

struct Half {
  std::string path;
  std::size_t size = 0;
  std::optional<StateImage> image;
};

Half readHalf(const ZoneConf& conf, const OpenFile& file, int half, ngx_log_t* log) {
  Half read{pathOf(conf, half), 0, std::nullopt};
  const std::string content = contentOf(file.halves[half], read.path.c_str(), log);
  read.size = content.size();
  read.image = StateImage::read(content);
  return read;
}

// The newest that is whole. A half without a whole snapshot was being written when everything ended: the other one has
// all that was in it. Two such halves are a loss.
int choose(const Half (&halves)[2], const ZoneConf& conf, ngx_log_t* log) {
  const auto& [first, second] = halves;
  if (!first.image && !second.image) {
    if (first.size + second.size > 0) {
      ngx_log_error(NGX_LOG_ERR, log, 0, "state file \"%V\" is damaged and its sessions are lost", &conf.statePath);
    }
    return -1;
  }
  if (!first.image || !second.image) return first.image ? 0 : 1;
  return first.image->header().generation > second.image->header().generation ? 0 : 1;
}

void report(const Half& half, const StateImage::Restored& restored, const ZoneConf& conf, ngx_log_t* log) {
  ngx_log_error(NGX_LOG_NOTICE, log, 0, "mediasync_zone \"%V\" has %uD sessions with %uD users back from \"%s\"",
                &conf.name, restored.sessions, restored.users, half.path.c_str());
  if (half.image->goodBytes() < half.size) {
    ngx_log_error(NGX_LOG_ERR, log, 0,
                  "state file \"%s\" is damaged or cut off at byte %uz of %uz, later changes are lost",
                  half.path.c_str(), half.image->goodBytes(), half.size);
  }
  if (restored.sessionsLost > 0) {
    ngx_log_error(NGX_LOG_ERR, log, 0, "mediasync_zone \"%V\" has no room for %uD sessions of \"%s\", they are lost",
                  &conf.name, restored.sessionsLost, half.path.c_str());
  }
}

void loadState(const ZoneConf& conf, const OpenFile& file, ngx_log_t* log) {
  const Half halves[2] = {readHalf(conf, file, 0, log), readHalf(conf, file, 1, log)};
  const int chosen = choose(halves, conf, log);
  if (chosen == -1) return;
  const StateImage& image = *halves[chosen].image;
  store::StateKeeping& state = conf.zone->header().state;
  state.half = static_cast<std::uint32_t>(chosen);
  state.generation = state.begun = image.header().generation;
  report(halves[chosen], image.restoreTo(*conf.zone, currentTime()), conf, log);
}

// The generation of the newest snapshot, whether whole or not.
std::uint64_t newestIn(const int (&halves)[2]) {
  std::uint64_t newest = 0;
  for (const int fd : halves) {
    char bytes[store::kStateHeaderBytes];
    if (pread(fd, bytes, sizeof bytes, 0) != static_cast<ssize_t>(sizeof bytes)) continue;
    const auto header = store::parseStateHeader({bytes, sizeof bytes});
    if (header) newest = std::max(newest, header->generation);
  }
  return newest;
}

bool isServed(const store::Zone& zone) {
  for (std::uint16_t slot = 0; slot < store::kMaxWorkers; ++slot) {
    const store::WorkerEntry& entry = zone.worker(slot);
    if (entry.state.load() == store::WorkerState::kRunning && isAlive(entry.process.load())) return true;
  }
  return false;
}

void awaitOthers(const ZoneConf& conf, ngx_log_t* log) {
  ngx_log_error(NGX_LOG_NOTICE, log, 0,
                "mediasync_zone \"%V\" serves nobody until the workers of the other NGINX have ended", &conf.name);
  store::StateKeeping& state = conf.zone->header().state;
  state.isClean.store(0);
  state.pending.store(1);
}

// Sessions of now are to be kept in a file of an earlier time: the next snapshot must be newer than what it has.
void outrank(const ZoneConf& conf, const OpenFile& file) {
  store::StateKeeping& state = conf.zone->header().state;
  state.isClean.store(0);
  state.generation = state.begun = std::max(state.generation, newestIn(file.halves));
}

// Waits for an NGINX that is about to end. False: others go on using the file.
bool waitForOthers(int fd) {
  for (int i = 0; othersUse(fd); ++i) {
    if (i == kWaits) return false;
    usleep(kWait);
  }
  return true;
}

}  // namespace

bool openState(const ZoneConf& conf, bool isNewZone, ngx_log_t* log) {
  if (instance == 0) instance = static_cast<std::int32_t>(ngx_pid);
  if (conf.statePath.len == 0) return true;
  OpenFile* file = findFile(view(conf.statePath));
  const bool isNewFile = file == nullptr;
  if (isNewFile) file = openFile(conf, log);
  if (file == nullptr || ngx_test_config) return file != nullptr;
  const bool isReplacing = ngx_inherited != 0 || (!isNewZone && !isServed(*conf.zone));
  if (!isReplacing && !waitForOthers(file->halves[0])) {
    ngx_log_error(NGX_LOG_EMERG, log, 0, "state file \"%V\" is used by another NGINX", &conf.statePath);
    return false;
  }
  if (othersUse(file->halves[0])) {  // they have yet to write what is to be read here
    awaitOthers(conf, log);
  } else if (isNewZone) {
    loadState(conf, *file, log);
  } else if (isNewFile) {
    outrank(conf, *file);
  }
  return true;
}

void useState(const ZoneConf& conf) {
  const auto sync = conf.statePath.len == 0 ? 0 : static_cast<std::uint32_t>(conf.stateSync);
  conf.zone->header().state.enabled.store(sync);
}

DiskFile::DiskFile(const ZoneConf& conf, ngx_cycle_t* cycle, void (*written)(void*), void* context)
    : path_(conf.statePath), log_(cycle->log), written_(written), context_(context), work_(io_.get_executor()) {
  const OpenFile* file = findFile(view(conf.statePath));
  if (file == nullptr) throw std::runtime_error("the state file is not open");
  halves_[0] = file->halves[0];
  halves_[1] = file->halves[1];
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

DiskFile::~DiskFile() {
  work_.reset();
  if (thread_.joinable()) thread_.join();
}

// With all signals blocked: they are the event loop's.
void DiskFile::startThread() {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { io_.run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void DiskFile::write(server::StateWrite write) {
  if (!thread_.joinable()) startThread();
  auto task = std::make_shared<std::packaged_task<bool()>>([this, write = std::move(write)] { return apply(write); });
  result_ = task->get_future();
  boost::asio::post(io_, [this, task] {
    (*task)();
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t told = ::write(event_, &one, sizeof one);
  });
}

bool DiskFile::writeNow(server::StateWrite write) {
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
bool DiskFile::apply(const server::StateWrite& write) {
  return put(write.current) && put(write.snapshot) &&
         (!write.sync || (fdatasync(halves_[0]) == 0 && fdatasync(halves_[1]) == 0) || (error_ = errno, false));
}

bool DiskFile::put(const server::StatePiece& piece) {
  const int fd = halves_[piece.half];
  if (piece.isNew && ftruncate(fd, 0) != 0) return error_ = errno, false;
  for (size_t at = 0; at < piece.bytes.size();) {
    const ssize_t n = pwrite(fd, piece.bytes.data() + at, piece.bytes.size() - at, static_cast<off_t>(piece.at + at));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return error_ = n == 0 ? ENOSPC : errno, false;
    at += static_cast<size_t>(n);
  }
  return true;
}

bool DiskFile::noteResult(bool ok) {
  if (!ok) {
    ngx_log_error(NGX_LOG_CRIT, log_, error_.load(), "writing state file \"%V\" failed, it is tried again", &path_);
  }
  return ok;
}

bool DiskFile::isUsedByOthers() const {
  return othersUse(halves_[0]);
}

void DiskFile::use() {
  struct flock lock = lockOf(F_RDLCK, instance, 1);
  if (fcntl(halves_[0], F_SETLK, &lock) == -1) {
    ngx_log_error(NGX_LOG_ALERT, log_, ngx_errno, "fcntl(F_SETLK) \"%V\" failed", &path_);
  }
}

void DiskFile::release() {
  struct flock lock = lockOf(F_UNLCK, instance, 1);
  fcntl(halves_[0], F_SETLK, &lock);
}

bool DiskFile::isAhead(const ZoneConf& conf) const {
  return isUsedByOthers() || newestIn(halves_) > conf.zone->header().state.begun;
}

void DiskFile::await(const ZoneConf& conf) const {
  awaitOthers(conf, log_);
}

void DiskFile::load(const ZoneConf& conf) const {
  loadState(conf, *findFile(view(conf.statePath)), log_);
}

}  // namespace mediasync::ngx
