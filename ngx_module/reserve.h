// NGINX's master names each new process to its workers with a descriptor that comes with the message. A worker without
// a free descriptor cannot read the message; NGINX gives the channel up then, and that worker is never told to end. So
// a few descriptors are kept back for those messages.
#pragma once

#include "ngx_module/nginx.h"

namespace mediasync::ngx {

// In a worker, once: keeps back `count` descriptors, as far as there are any.
void reserveDescriptors(size_t count, ngx_log_t* log);

}  // namespace mediasync::ngx
