#include "ngx_module/descriptor_limit.h"

#include <sys/resource.h>

#include <algorithm>

namespace mediasync::ngx {
namespace {

// NGINX's channels of two generations of workers, and what wakes them and hands them WebSockets.
constexpr rlim_t kPerWorker = 12;
// Sockets that are listened on, logs, helpers, state files.
constexpr rlim_t kBeside = 280;

}  // namespace

void raiseDescriptorLimit(size_t workers, ngx_log_t* log) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == -1) return;
  const rlim_t needed = kPerWorker * workers + kBeside;
  if (limit.rlim_cur >= needed) return;
  const rlim_t before = limit.rlim_cur;
  limit.rlim_cur = std::min(needed, limit.rlim_max);
  if (setrlimit(RLIMIT_NOFILE, &limit) == -1 || limit.rlim_cur < needed) {
    ngx_log_error(NGX_LOG_WARN, log, 0, "the master may have %uL open files, with %uz worker processes it needs %uL",
                  static_cast<uint64_t>(std::max(before, limit.rlim_cur)), workers, static_cast<uint64_t>(needed));
  }
}

}  // namespace mediasync::ngx
