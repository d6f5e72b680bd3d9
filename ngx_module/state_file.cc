#include "ngx_module/state_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/persistence/state_image.h"
#include "ngx_module/process.h"
#include "ngx_module/response.h"
#include "ngx_module/state_lock.h"

namespace mediasync::ngx {
namespace {

using persistence::StateFileKind;
using persistence::StateImage;

std::vector<OpenFile>& openFiles() {
  static auto* files = new std::vector<OpenFile>();
  return *files;
}
std::uint32_t filesOpened = 0;

// The time for which an NGINX that starts waits for the one before to end.
constexpr int kWaits = 50;
constexpr useconds_t kWait = 100'000;

std::string pathOf(const ZoneConf& conf, int half) {
  return std::string(view(conf.statePath)) + (half == 0 ? "" : ".2");
}

// Two descriptors of one file, by whatever path.
bool areSame(int a, int b) {
  struct stat first {
  }, second{};
  return fstat(a, &first) == 0 && fstat(b, &second) == 0 && first.st_dev == second.st_dev &&
         first.st_ino == second.st_ino;
}

void closeFile(const OpenFile& file) {
  for (const int fd : file.halves) {
    if (fd != -1) close(fd);
  }
}

// Whatever is not a state file stays as it is.
bool isUsable(int fd, const std::string& path, ngx_log_t* log) {
  struct stat info {};
  if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    ngx_log_error(NGX_LOG_EMERG, log, 0, "state file \"%s\" is not a regular file", path.c_str());
    return false;
  }
  char bytes[persistence::kStateHeaderBytes];
  const ssize_t size = pread(fd, bytes, sizeof bytes, 0);
  if (size < 0) {
    ngx_log_error(NGX_LOG_EMERG, log, ngx_errno, "pread() \"%s\" failed", path.c_str());
    return false;
  }
  switch (persistence::kindOfStateFile({bytes, static_cast<size_t>(size)})) {
    case StateFileKind::kOurs:
      return true;
    case StateFileKind::kOtherVersion:
      ngx_log_error(NGX_LOG_EMERG, log, 0,
                    "state file \"%s\" was written by another version of mediasync and is left alone, move it away or "
                    "use that version",
                    path.c_str());
      return false;
    case StateFileKind::kForeign:
      break;
  }
  ngx_log_error(NGX_LOG_EMERG, log, 0, "\"%s\" is no state file of mediasync and is left alone, choose another path",
                path.c_str());
  return false;
}

// -1, which is said: it cannot be used.
int openHalf(const std::string& path, ngx_log_t* log) {
  // A pipe that nobody else has open must not hold up the start.
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
  if (fd == -1 && ngx_errno == ELOOP) {
    ngx_log_error(NGX_LOG_EMERG, log, 0, "state file \"%s\" is a symbolic link", path.c_str());
  } else if (fd == -1) {
    ngx_log_error(NGX_LOG_EMERG, log, ngx_errno, "open() \"%s\" failed", path.c_str());
  }
  if (fd == -1 || isUsable(fd, path, log)) return fd;
  close(fd);
  return -1;
}

// A file that has just been made is found again after a power cut.
bool syncFolder(const std::string& path, ngx_log_t* log) {
  const std::string folder = path.substr(0, path.rfind('/') + 1);
  const int fd = open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool ok = fd != -1 && fsync(fd) == 0;
  if (!ok) ngx_log_error(NGX_LOG_WARN, log, ngx_errno, "fsync() \"%s\" failed", folder.c_str());
  if (fd != -1) close(fd);
  return ok;
}

// The one that has been open already, when it still is what the path leads to; or else as it has just been opened,
// which makes it another file. Null, which is said: it cannot be used.
OpenFile* openFile(const ZoneConf& conf, ngx_log_t* log) {
  OpenFile opened;
  for (int half = 0; half < 2; ++half) {
    opened.halves[half] = openHalf(pathOf(conf, half), log);
    if (opened.halves[half] == -1) {
      closeFile(opened);
      return nullptr;
    }
  }
  for (OpenFile& file : openFiles()) {
    if (!areSame(file.halves[0], opened.halves[0]) || !areSame(file.halves[1], opened.halves[1])) continue;
    closeFile(opened);
    return &file;
  }
  if (!ngx_test_config) syncFolder(pathOf(conf, 0), log);
  opened.number = ++filesOpened;
  openFiles().push_back(opened);
  return &openFiles().back();
}

const OpenFile* findFile(std::uint32_t number) {
  for (const OpenFile& file : openFiles()) {
    if (file.number == number) return &file;
  }
  return nullptr;
}

void forgetFile(std::uint32_t number) {
  std::erase_if(openFiles(), [&](const OpenFile& file) {
    if (file.number == number) closeFile(file);
    return file.number == number;
  });
}

bool overlap(const OpenFile& a, const OpenFile& b) {
  return std::any_of(std::begin(a.halves), std::end(a.halves),
                     [&](int half) { return areSame(half, b.halves[0]) || areSame(half, b.halves[1]); });
}

// A file is of one zone, whatever its path is.
bool isOfAnother(const ZoneConf& conf, const OpenFile& file, ngx_log_t* log) {
  for (ngx_uint_t i = 0; i < conf.zones->nelts; ++i) {
    const ZoneConf& other = *static_cast<ZoneConf**>(conf.zones->elts)[i];
    const OpenFile* its = &other == &conf ? nullptr : findFile(other.stateFile);
    if (its == nullptr || !overlap(file, *its)) continue;
    ngx_log_error(NGX_LOG_EMERG, log, 0, "state file \"%V\" is used by zone \"%V\"", &conf.statePath, &other.name);
    return true;
  }
  return false;
}

// By an NGINX that starts: another one may be about to end. One that replaces the other has it later.
Claim claim(const OpenFile& file) {
  const bool isReplacing = ngx_inherited != 0 && ngx_is_init_cycle(ngx_cycle);
  for (int i = 0;; ++i) {
    const Claim claimed = claimFile(file.halves[0]);
    if (claimed != Claim::kHeld) return claimed;
    const bool isOwn = std::any_of(openFiles().begin(), openFiles().end(), [&](const OpenFile& other) {
      return other.number < file.number && areSame(other.halves[0], file.halves[0]);
    });
    if (isReplacing || isOwn) return Claim::kDone;
    if (i == kWaits) return Claim::kHeld;
    usleep(kWait);
  }
}

// False, which is said: the file cannot be this NGINX's alone.
bool claimForZone(const ZoneConf& conf, const OpenFile& file, ngx_log_t* log) {
  switch (claim(file)) {
    case Claim::kDone:
      return true;
    case Claim::kFailed:
      ngx_log_error(NGX_LOG_EMERG, log, ngx_errno,
                    "fcntl(F_OFD_SETLK) \"%V\" failed, a state file needs a file system with locks", &conf.statePath);
      return false;
    case Claim::kHeld:
      break;
  }
  // A process that has nothing to do with zones may outlive its NGINX, and hold the claim that it has inherited.
  if (!othersUse(file.halves[0], conf.zone->header().state.zone)) return true;
  ngx_log_error(NGX_LOG_EMERG, log, 0, "state file \"%V\" is used by another NGINX", &conf.statePath);
  return false;
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
  if (half.image->refused() > 0) {
    ngx_log_error(NGX_LOG_ERR, log, 0, "state file \"%s\" has %uz records of impossible content, they are left out",
                  half.path.c_str(), half.image->refused());
  }
  if (restored.sessionsLost > 0) {
    ngx_log_error(NGX_LOG_ERR, log, 0, "mediasync_zone \"%V\" has no room for %uD sessions of \"%s\", they are lost",
                  &conf.name, restored.sessionsLost, half.path.c_str());
  }
}

}  // namespace

bool openState(ZoneConf& conf, bool isNewZone, ngx_log_t* log) {
  if (conf.statePath.len == 0) return true;
  const std::uint32_t openedBefore = filesOpened;
  const OpenFile* file = openFile(conf, log);
  if (file == nullptr || isOfAnother(conf, *file, log)) return false;
  conf.stateFile = file->number;
  if (ngx_test_config) return true;
  const bool isNewFile = file->number > openedBefore;
  if (isNewFile && !claimForZone(conf, *file, log)) {
    forgetFile(std::exchange(conf.stateFile, 0));  // to be claimed again when it is asked for again
    return false;
  }
  if (!isNewZone) return true;
  store::StateKeeping& state = conf.zone->header().state;
  state.file.store(file->number);
  state.epoch.store(1);
  if (othersUse(file->halves[0], state.zone)) {  // they have yet to write what is to be read here
    awaitOthers(conf, log);
  } else {
    loadState(conf, *file, log);
  }
  return true;
}

void useState(ZoneConf& conf, const ngx_core_conf_t& core) {
  store::StateKeeping& state = conf.zone->header().state;
  const OpenFile* file = stateFileOf(conf);
  if (file == nullptr) {
    state.enabled.store(0);
    state.file.store(0);
    state.pending.store(0);
    return;
  }
  state.enabled.store(static_cast<std::uint32_t>(conf.stateSync));
  if (state.file.exchange(file->number) != file->number) state.epoch.fetch_add(1);
  conf.stateEpoch = state.epoch.load();
  if (geteuid() != 0 || core.user == static_cast<ngx_uid_t>(NGX_CONF_UNSET_UINT)) return;
  for (const int half : file->halves) {  // workers open it again, see FileUse
    if (fchown(half, core.user, static_cast<gid_t>(-1)) != 0) return;
  }
}

void closeOtherStates(const ngx_array_t* zones) {
  if (ngx_process == NGX_PROCESS_SINGLE) return;  // it is the worker, too, and may have yet to write
  std::erase_if(openFiles(), [&](const OpenFile& file) {
    for (ngx_uint_t i = 0; zones != nullptr && i < zones->nelts; ++i) {
      if (static_cast<ZoneConf**>(zones->elts)[i]->stateFile == file.number) return false;
    }
    unclaimFile(file.halves[0]);
    closeFile(file);
    return true;
  });
}

const OpenFile* stateFileOf(const ZoneConf& conf) {
  return findFile(conf.stateFile);
}

void loadState(const ZoneConf& conf, const OpenFile& file, ngx_log_t* log) {
  store::StateKeeping& state = conf.zone->header().state;
  state.begunEpoch = state.epoch.load();
  const Half halves[2] = {readHalf(conf, file, 0, log), readHalf(conf, file, 1, log)};
  const int chosen = choose(halves, conf, log);
  if (chosen == -1) return;
  const StateImage& image = *halves[chosen].image;
  state.half = static_cast<std::uint32_t>(chosen);
  state.generation = state.begun = image.header().generation;
  report(halves[chosen], image.restoreTo(*conf.zone, currentTime()), conf, log);
}

void awaitOthers(const ZoneConf& conf, ngx_log_t* log) {
  ngx_log_error(NGX_LOG_NOTICE, log, 0,
                "mediasync_zone \"%V\" serves nobody until the processes that use its state file \"%V\" have ended",
                &conf.name, &conf.statePath);
  store::StateKeeping& state = conf.zone->header().state;
  state.cleanEpoch.store(0);
  state.pending.store(1);
}

persistence::NewestSnapshot newestIn(const int (&halves)[2]) {
  persistence::NewestSnapshot newest;
  for (std::uint32_t half = 0; half < 2; ++half) {
    char bytes[persistence::kStateHeaderBytes];
    if (pread(halves[half], bytes, sizeof bytes, 0) != static_cast<ssize_t>(sizeof bytes)) continue;
    const auto header = persistence::parseStateHeader({bytes, sizeof bytes});
    if (header && header->generation >= newest.generation) newest = {header->generation, half};
  }
  return newest;
}

}  // namespace mediasync::ngx
