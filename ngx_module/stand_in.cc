#include "ngx_module/stand_in.h"

#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "ngx_module/nginx_connection.h"
#include "ngx_module/tls.h"

namespace mediasync::ngx {
namespace {

constexpr size_t kPool = 1024;

// One whose peer has closed: reading from it and shutting it down do no harm.
int closedSocket() {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1) return -1;
  ::close(pair[1]);
  return pair[0];
}

}  // namespace

std::unique_ptr<StandIn> StandIn::make(const ngx_http_request_t* r) {
  if (ngx_cycle->free_connection_n <= 1) return nullptr;
  const int descriptor = closedSocket();
  if (descriptor == -1) return nullptr;
  ngx_connection_t* c = ngx_get_connection(descriptor, ngx_cycle->log);
  if (c == nullptr) {
    ::close(descriptor);
    return nullptr;
  }
  std::unique_ptr<StandIn> made(new StandIn(c));
  made->descriptor_ = descriptor;
  if (isTls(r->connection) && !made->prepareTls()) return nullptr;
  return made;
}

StandIn::~StandIn() {
  if (c_ == nullptr) return;
  ngx_free_connection(c_);
  c_->fd = static_cast<ngx_socket_t>(-1);
  ::close(descriptor_);
  if (pool_ != nullptr) ngx_destroy_pool(pool_);
}

bool StandIn::prepareTls() {
  pool_ = ngx_create_pool(kPool, ngx_cycle->log);
  if (pool_ == nullptr) return false;
  ssl_ = roomForTls(pool_);
  tlsLog_ = static_cast<ngx_log_t*>(ngx_pcalloc(pool_, sizeof(ngx_log_t)));
  owner_ = ngx_pool_cleanup_add(pool_, 0);
  return ssl_ != nullptr && tlsLog_ != nullptr && owner_ != nullptr;
}

ngx_connection_t* StandIn::replace(ngx_connection_t* from) {
  unwatch(from);
  ngx_connection_t* to = std::exchange(c_, nullptr);
  to->fd = std::exchange(from->fd, descriptor_);
  to->type = from->type;
  to->listening = from->listening;
  to->recv = from->recv;
  to->send = from->send;
  to->recv_chain = from->recv_chain;
  to->send_chain = from->send_chain;
  to->number = from->number;
  to->start_time = from->start_time;
  to->requests = from->requests;
  to->sent = from->sent;
  to->log_error = from->log_error;
  to->tcp_nodelay = from->tcp_nodelay;
  to->tcp_nopush = from->tcp_nopush;
  to->read->ready = 1;
  to->write->ready = 1;
  countActive(1);
  if (ssl_ != nullptr) moveTls(from, to, ssl_);
  to->pool = pool_;
  from->read->eof = 1;
  from->read->ready = 1;
  from->write->ready = 1;
  return to;
}

}  // namespace mediasync::ngx
