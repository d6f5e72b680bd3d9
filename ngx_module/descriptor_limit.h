// The limit of the master's descriptors.
#pragma once

#include "ngx_module/nginx.h"

namespace mediasync::ngx {

// Raises the soft limit of this process, which workers inherit, to what a master with that many workers needs, through
// a reload: without, it could not start all of them. "worker_rlimit_nofile" is of workers alone. Says so where the hard
// limit is in the way.
void raiseDescriptorLimit(size_t workers, ngx_log_t* log);

}  // namespace mediasync::ngx
