#include "ngx_module/process_id.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>

namespace mediasync::ngx {
namespace {

// Fields of /proc/PID/stat.
struct ProcessStat {
  char state = 0;
  int threads = 0;
  unsigned long long started = 0;
};

std::optional<ProcessStat> statOf(pid_t pid) {
  char path[32];
  std::snprintf(path, sizeof path, "/proc/%d/stat", static_cast<int>(pid));
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd == -1) return std::nullopt;
  char text[1024];
  const ssize_t size = read(fd, text, sizeof text - 1);
  close(fd);
  if (size <= 0) return std::nullopt;
  text[size] = '\0';
  const char* behindName = std::strrchr(text, ')');  // the name may hold anything
  if (behindName == nullptr) return std::nullopt;
  ProcessStat stat;
  const int read =
      std::sscanf(behindName + 1, " %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %d %*s %llu",
                  &stat.state, &stat.threads, &stat.started);
  if (read != 3) return std::nullopt;
  return stat;
}

std::uint32_t pidIn(store::ProcessId process) {
  return static_cast<std::uint32_t>(process);
}

std::uint32_t startIn(store::ProcessId process) {
  return static_cast<std::uint32_t>(process >> 32);
}

}  // namespace

store::ProcessId processIdOf(pid_t pid) {
  const auto stat = statOf(pid);
  const store::ProcessId started = stat ? static_cast<std::uint32_t>(stat->started) : 0;
  return started << 32 | static_cast<std::uint32_t>(pid);
}

bool isAlive(store::ProcessId process) {
  const auto pid = static_cast<pid_t>(pidIn(process));
  if (kill(pid, 0) != 0 && errno == ESRCH) return false;
  const auto stat = statOf(pid);
  if (!stat) return true;
  const bool hasEnded = stat->state == 'X' || (stat->state == 'Z' && stat->threads <= 1);
  const bool isAnother = startIn(process) != 0 && static_cast<std::uint32_t>(stat->started) != startIn(process);
  return !hasEnded && !isAnother;
}

bool isStopped(pid_t pid) {
  const auto stat = statOf(pid);
  return stat && stat->state == 'T';
}

}  // namespace mediasync::ngx
