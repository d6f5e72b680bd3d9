#include "ngx_module/websocket_connection.h"

#include <openssl/ssl.h>

#include <new>
#include <utility>

#include "ngx_module/conf.h"
#include "ngx_module/handover.h"
#include "ngx_module/response.h"

namespace mediasync::ngx {
namespace {

constexpr size_t kReadBuffer = 64 * 1024;
constexpr size_t kTlsRecord = 16 * 1024;
// With old clients the first frames follow the handshake at a small distance: they may begin to listen only when they
// have been told of the opening, and lose what comes in the same segment. With others there is no distance, in which a
// worker might die: they wait long for a connection that ends between the two.
constexpr ngx_msec_t kEarlyFrames = 5;
constexpr ngx_msec_t kLastRecord = 5000;  // for the peer to take the last record of a connection that ends

// Input is worked off before the next read, so that one buffer serves every connection of the process.
u_char readBuffer[kReadBuffer];

void destroyConnection(void* connection) {
  static_cast<Connection*>(connection)->~Connection();
}

}  // namespace

// While another process has a descriptor of the connection, epoll goes on with it even when this one's is closed.
void unwatch(ngx_connection_t* c) {
  ngx_event_t* read = c->read;
  ngx_event_t* write = c->write;
  if (ngx_del_conn != nullptr) {
    if (read->active || write->active) ngx_del_conn(c, 0);
  } else {
    if (read->active || read->disabled) ngx_del_event(read, NGX_READ_EVENT, 0);
    if (write->active || write->disabled) ngx_del_event(write, NGX_WRITE_EVENT, 0);
  }
  for (ngx_event_t* event : {read, write}) {
    if (event->posted) {
      ngx_delete_posted_event(event);
    }
  }
}

Connection* Connection::of(ngx_event_t* event) {
  auto* r = static_cast<ngx_http_request_t*>(static_cast<ngx_connection_t*>(event->data)->data);
  return static_cast<Connection*>(ngx_http_get_module_ctx(r, ngx_http_mediasync_module));
}

void Connection::takeOver(bool late) {
  open_ = true;
  requestRead_ = c_->read->handler;
  requestWrite_ = c_->write->handler;
  c_->read->handler = onRead;
  c_->write->handler = onWrite;
  c_->idle = 1;  // told when the process begins to exit
  if (c_->read->timer_set) ngx_del_timer(c_->read);
  if (c_->write->timer_set) ngx_del_timer(c_->write);
  ngx_tcp_nodelay(c_);
  if (c_->ssl != nullptr) {
    SSL_set_mode(c_->ssl->connection, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  }
  if (late) {
    timer_.arm(kEarlyFrames);
  } else {
    writeEarly();
    if (broken_) broken();
  }
  ngx_post_event(c_->read, &ngx_posted_events);  // frames may have come with the handshake
}

std::ptrdiff_t Connection::write(std::string_view bytes) {
  if (broken_) return -1;
  if (!open_ || !early_.empty()) {
    early_.append(bytes);
    return static_cast<std::ptrdiff_t>(bytes.size());
  }
  if (c_->ssl != nullptr) return writeTls(bytes);
  const ssize_t sent = c_->send(c_, reinterpret_cast<u_char*>(const_cast<char*>(bytes.data())), bytes.size());
  if (sent == NGX_ERROR) {
    broken();
    return -1;
  }
  const std::ptrdiff_t taken = sent == NGX_AGAIN ? 0 : sent;
  if (taken < static_cast<std::ptrdiff_t>(bytes.size())) {
    c_->write->ready = 0;
    if (ngx_handle_write_event(c_->write, 0) != NGX_OK) broken();
  }
  return taken;
}

// A record that OpenSSL could not send must be given to it again as it was, whatever else is written meanwhile.
bool Connection::flushTls() {
  while (!tls_.empty()) {
    const ssize_t sent = c_->send(c_, reinterpret_cast<u_char*>(tls_.data()), tls_.size());
    if (sent == NGX_ERROR) {
      broken();
      return false;
    }
    if (sent == NGX_AGAIN) {
      if (ngx_handle_write_event(c_->write, 0) != NGX_OK) broken();
      return false;
    }
    tls_.erase(0, static_cast<size_t>(sent));
  }
  return true;
}

std::ptrdiff_t Connection::writeTls(std::string_view bytes) {
  std::ptrdiff_t taken = 0;
  while (flushTls() && taken < static_cast<std::ptrdiff_t>(bytes.size())) {
    tls_ = bytes.substr(static_cast<size_t>(taken), kTlsRecord);
    taken += static_cast<std::ptrdiff_t>(tls_.size());
  }
  return broken_ ? -1 : taken;
}

void Connection::pause(bool paused) {
  paused_ = paused;
  if (!paused && open_) {
    ngx_post_event(c_->read, &ngx_posted_next_events);
  }
}

void Connection::finish() {
  finished_ = true;
  timer_.post();
}

std::optional<std::int64_t> Connection::roundTrip() const {
#if (NGX_HAVE_TCP_INFO)
  tcp_info info{};
  socklen_t size = sizeof info;
  if (getsockopt(c_->fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 && info.tcpi_rtt > 0) return info.tcpi_rtt;
#endif
  return std::nullopt;
}

void Connection::broken() {
  broken_ = true;
  timer_.post();
}

server::WebSocket::Giving Connection::give(std::uint16_t slot, std::string_view parcel) {
  const bool isEarly = !open_ || !early_.empty() || r_->header_in->pos < r_->header_in->last;
  if (isEarly || finished_ || broken_) return Giving::kNotYet;
  const LocConf& conf = *locConf(r_);
  const Giving giving = sendDescriptor(slot, c_->fd, {view(conf.zone->name), conf.key, parcel});
  if (giving != Giving::kGiven) return giving;
  away_ = true;
  unwatch(c_);
  return giving;
}

void Connection::goOn() {
  away_ = false;
  c_->read->ready = 1;
  c_->write->ready = 1;
  ngx_post_event(c_->read, &ngx_posted_next_events);
}

// No shutdown, and no lingering: the other process has the connection, closing the descriptor means nothing to the
// peer.
void Connection::forget() {
  unwatch(c_);
  finished_ = true;
  broken_ = true;
  timer_.post();
}

// The end: of the channel, when the connection broke; then of the request, and the connection with it.
void Connection::onTimer(void* self) {
  auto* connection = static_cast<Connection*>(self);
  connection->writeEarly();
  if (connection->finished_ || connection->broken_) onEnd(connection);
}

void Connection::writeEarly() {
  const std::string early = std::exchange(early_, {});
  if (early.empty() || broken_) return;
  if (write(early) != static_cast<std::ptrdiff_t>(early.size())) broken_ = true;
}

void Connection::onEnd(Connection* connection) {
  ngx_http_request_t* r = connection->r_;
  ngx_connection_t* c = connection->c_;
  if (connection->channel_ && !connection->finished_) {
    connection->finished_ = true;
    connection->runtime_.worker().gone(*connection->channel_);
    connection->runtime_.settle();
  }
  if (!connection->broken_ && !connection->tls_.empty() && !connection->late_) {
    connection->late_ = true;  // OpenSSL still holds the last record: as soon as it is out, or after a while
    connection->timer_.arm(kLastRecord);
    return;
  }
  if (c->ssl != nullptr) {
    c->ssl->saved_read_handler = nullptr;
    c->ssl->saved_write_handler = nullptr;
  }
  if (!connection->broken_) {
    r->lingering_close = 1;  // the peer shall see the close frame, whatever it is still sending
    c->read->ready = 1;
  }
  c->idle = 0;
  c->read->handler = connection->requestRead_;
  c->write->handler = connection->requestWrite_;
  ngx_http_finalize_request(r, connection->broken_ ? NGX_ERROR : NGX_DONE);
  ngx_http_run_posted_requests(c);
}

void Connection::feed(u_char* data, size_t size) {
  runtime_.worker().received(*channel_, {data, size});
}

void Connection::read() {
  if (!channel_ || away_ || finished_ || broken_ || paused_) return;
  if (ngx_buf_t* early = r_->header_in; early->pos < early->last) {
    u_char* data = std::exchange(early->pos, early->last);
    feed(data, static_cast<size_t>(early->last - data));
  }
  if (finished_ || broken_ || paused_) return;
  const ssize_t n = c_->recv(c_, readBuffer, kReadBuffer);
  if (n == NGX_AGAIN) {
    if (ngx_handle_read_event(c_->read, 0) != NGX_OK) broken();
    return;
  }
  if (n == NGX_ERROR || n == 0) {
    broken();
    return;
  }
  feed(readBuffer, static_cast<size_t>(n));
  if (finished_ || broken_ || paused_) return;
  if (c_->read->ready) {
    ngx_post_event(c_->read, &ngx_posted_next_events);  // the others have their turn first
  } else if (ngx_handle_read_event(c_->read, 0) != NGX_OK) {
    broken();
  }
}

void Connection::onRead(ngx_event_t* event) {
  Connection* connection = of(event);
  guardedVoid(
      event->log,
      [connection] {
        if (connection->c_->close) {
          connection->close();
        } else {
          connection->read();
        }
      },
      [connection] { connection->broken(); });
  connection->runtime_.settle();
}

// The process is about to end; with an error, it is right now.
void Connection::close() {
  c_->close = 0;
  runtime_.retire();
  if (c_->error && !finished_ && !away_) runtime_.worker().goAway(*channel_);
}

void Connection::onWrite(ngx_event_t* event) {
  Connection* connection = of(event);
  guardedVoid(
      event->log,
      [connection] {
        if (!connection->channel_ || connection->broken_ || connection->away_) return;
        if (connection->finished_) {
          if (connection->late_ && connection->flushTls()) connection->timer_.post();
          return;
        }
        if (connection->c_->ssl == nullptr || connection->flushTls()) {
          connection->runtime_.worker().writable(*connection->channel_);
        }
      },
      [connection] { connection->broken(); });
  connection->runtime_.settle();
}

Connection* makeConnection(ngx_http_request_t* r, Runtime& runtime) {
  ngx_pool_cleanup_t* cleanup = ngx_pool_cleanup_add(r->pool, sizeof(Connection));
  if (cleanup == nullptr) throw std::bad_alloc();
  auto* connection = new (cleanup->data) Connection(r, runtime);
  cleanup->handler = destroyConnection;
  return connection;
}

}  // namespace mediasync::ngx
