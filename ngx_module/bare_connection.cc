#include "ngx_module/bare_connection.h"

#include <utility>

#include "ngx_module/nginx_connection.h"
#include "ngx_module/text.h"

namespace mediasync::ngx {
namespace {

// Bare connections of a location share a log. What NGINX adds to its lines is about the one whose turn it is.
u_char* describeClient(ngx_log_t* log, u_char* buffer, size_t size) {
  const auto* c = static_cast<const ngx_connection_t*>(log->data);
  u_char* end = buffer + size;
  if (log->action != nullptr) buffer = ngx_slprintf(buffer, end, " while %s", log->action);
  if (c == nullptr) return buffer;
  return ngx_slprintf(buffer, end, ", client: %V, server: %V", &c->addr_text, &c->listening->addr_text);
}

}  // namespace

bool isBare(const ngx_connection_t* c) {
  return c->pool == nullptr;
}

void makeBare(ngx_connection_t* c, ngx_log_t* log, ngx_log_t* errorLog, std::string_view client) {
  log->handler = describeClient;
  c->log = c->read->log = c->write->log = log;
  ngx_set_connection_log(c, errorLog);
  c->addr_text = ngxString(client);
  c->sockaddr = nullptr;
  c->socklen = 0;
  c->local_sockaddr = c->listening->sockaddr;
  c->local_socklen = c->listening->socklen;
  c->proxy_protocol = nullptr;
  c->buffer = nullptr;
  if (ngx_pool_t* pool = std::exchange(c->pool, nullptr)) ngx_destroy_pool(pool);
}

void addPool(ngx_connection_t* c, ngx_pool_t* pool, ngx_log_t* log) {
  *log = *c->log;
  log->data = c;
  log->connection = c->number;
  c->log = c->read->log = c->write->log = pool->log = log;
  c->pool = pool;
}

void closeBare(ngx_connection_t* c) {
  countActive(-1);
  c->destroyed = 1;
  ngx_close_connection(c);
}

LogTurn::LogTurn(ngx_connection_t* c) : log_(isBare(c) ? c->log : nullptr) {
  if (log_ == nullptr) return;
  before_ = std::exchange(log_->data, c);
  numberBefore_ = std::exchange(log_->connection, c->number);
}

LogTurn::~LogTurn() {
  if (log_ == nullptr) return;
  log_->data = before_;
  log_->connection = numberBefore_;
}

}  // namespace mediasync::ngx
