#include "ngx_module/connection_owner.h"

#include "ngx_module/websocket_connection.h"

namespace mediasync::ngx {
namespace {

void destroyConnection(void* connection) {
  delete static_cast<Connection*>(connection);
}

}  // namespace

Connection* own(std::unique_ptr<Connection> connection, ngx_pool_cleanup_t* owner) {
  owner->data = connection.release();
  owner->handler = destroyConnection;
  return static_cast<Connection*>(owner->data);
}

std::unique_ptr<Connection> disown(ngx_pool_t* pool) {
  ngx_pool_cleanup_t* owner = pool->cleanup;
  while (!isOwner(*owner))
    owner = owner->next;
  owner->handler = nullptr;
  return std::unique_ptr<Connection>(static_cast<Connection*>(owner->data));
}

bool isOwner(const ngx_pool_cleanup_t& entry) {
  return entry.handler == destroyConnection;
}

}  // namespace mediasync::ngx
