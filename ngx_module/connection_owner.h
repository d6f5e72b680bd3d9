// A pool of NGINX's that owns a Connection: the request's, then that of NGINX's connection.
#pragma once

#include <memory>

#include "ngx_module/nginx.h"

namespace mediasync::ngx {

class Connection;

// The end of the pool that has this entry is that of the connection.
Connection* own(std::unique_ptr<Connection>, ngx_pool_cleanup_t* owner);
// From the pool that owns it.
std::unique_ptr<Connection> disown(ngx_pool_t*);
bool isOwner(const ngx_pool_cleanup_t& entry);

}  // namespace mediasync::ngx
