// Engine.IO over WebSocket: the handshake (RFC 6455, section 4.2), and the connection after it.
#include <openssl/ssl.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <new>
#include <optional>
#include <string>
#include <utility>

#include "core/websocket/extensions.h"
#include "core/websocket/handshake.h"
#include "ngx_module/engine_handler.h"
#include "ngx_module/guard.h"
#include "ngx_module/handover.h"
#include "ngx_module/response.h"

// NGINX's own counters, which it has when it was built with stub_status.
extern "C" {
extern __attribute__((weak)) ngx_atomic_t* ngx_stat_active;
extern __attribute__((weak)) ngx_atomic_t* ngx_stat_requests;
extern __attribute__((weak)) ngx_atomic_t* ngx_stat_reading;
extern __attribute__((weak)) ngx_atomic_t* ngx_stat_writing;
}

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

// A connection that was taken over from its request. Lives in the pool of the request, which stays open with it.
class Connection final : public server::WebSocket {
 public:
  Connection(ngx_http_request_t* r, Runtime& runtime)
      : r_(r), c_(r->connection), runtime_(runtime), timer_(&Connection::onTimer, this, r->connection->log) {}

  ~Connection() override {
    if (channel_ && !finished_) guardedVoid(c_->log, [this] { runtime_.worker().gone(*channel_); });
    runtime_.settle();
  }

  void attach(std::unique_ptr<server::Channel> channel) { channel_ = std::move(channel); }
  // The handshake is out: from now on the connection is ours. `late`: what was written before is sent a moment later.
  void takeOver(bool late);
  // Another process has the connection: this one forgets it.
  void forget();

  // server::WebSocket
  std::ptrdiff_t write(std::string_view bytes) override;
  void pause(bool paused) override;
  void finish() override;
  Giving give(std::uint16_t slot, std::string_view parcel) override;
  void letGo() override { forget(); }
  void goOn() override;

 private:
  static Connection* of(ngx_event_t* event);
  static void onRead(ngx_event_t* event);
  static void onWrite(ngx_event_t* event);
  static void onTimer(void* self);
  static void onEnd(Connection*);

  void feed(u_char* data, size_t size);
  void read();
  bool flushTls();
  std::ptrdiff_t writeTls(std::string_view bytes);
  void broken();
  void writeEarly();
  void close();

  ngx_http_request_t* r_;
  ngx_connection_t* c_;
  Runtime& runtime_;
  std::unique_ptr<server::Channel> channel_;
  Timer timer_;
  ngx_event_handler_pt requestRead_ = nullptr;  // of the request, which has the connection back at the end
  ngx_event_handler_pt requestWrite_ = nullptr;
  std::string early_;  // written before the handshake was out
  std::string tls_;    // a record that OpenSSL must be given again, unchanged
  bool open_ = false;
  bool paused_ = false;
  bool finished_ = false;  // the worker is done with the channel
  bool broken_ = false;
  bool late_ = false;  // finished, and waits for tls_ to be sent
  bool away_ = false;  // on its way to another process
};

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

void Connection::broken() {
  broken_ = true;
  timer_.post();
}

server::WebSocket::Giving Connection::give(std::uint16_t slot, std::string_view parcel) {
  if (c_->ssl != nullptr) return Giving::kNever;  // its keys are in this process
  const bool isEarly = !open_ || !early_.empty() || r_->header_in->pos < r_->header_in->last;
  if (isEarly || finished_ || broken_ || paused_) return Giving::kNotYet;
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

// ---- the handshake

ngx_int_t upgradeRequired(ngx_http_request_t* r) {
  addHeader(r, "Sec-WebSocket-Version", "13");
  ngx_str_set(&r->headers_out.status_line, "426 Upgrade Required");
  return respond(r, 426, "text/plain", "Upgrade Required");
}

// permessage-deflate, when the location has it on and the client offers it in a form that can be accepted.
std::optional<websocket::DeflateParams> agreeOnDeflate(const EngineRequest& request) {
  if (!request.conf.deflate) return std::nullopt;
  const auto windowBits = static_cast<std::uint8_t>(std::countr_zero(request.conf.deflateWindow));
  return websocket::acceptDeflate(requestHeaders(request.r, "sec-websocket-extensions"), windowBits);
}

server::Compression compressionOf(const LocConf& conf, const websocket::DeflateParams& deflate) {
  return {deflate.serverWindowBits, static_cast<std::uint8_t>(conf.deflateLevel),
          static_cast<std::uint32_t>(std::min<size_t>(conf.deflateMinLength, UINT32_MAX))};
}

ngx_int_t sendHandshake(ngx_http_request_t* r, std::string_view key,
                        const std::optional<websocket::DeflateParams>& deflate) {
  std::string extensions;
  if (deflate) websocket::appendDeflateAnswer(extensions, *deflate);
  if (!extensions.empty() && !addHeader(r, "Sec-WebSocket-Extensions", extensions)) return NGX_ERROR;
  r->headers_out.status = NGX_HTTP_SWITCHING_PROTOCOLS;
  ngx_str_set(&r->headers_out.status_line, "101 Switching Protocols");
  ngx_http_clear_content_length(r);
  if (!addHeader(r, "Upgrade", "websocket") || !addHeader(r, "Sec-WebSocket-Accept", websocket::acceptKey(key))) {
    return NGX_ERROR;
  }
  r->keepalive = 0;
  r->limit_rate = 0;
  r->limit_rate_set = 1;
  const ngx_int_t rc = ngx_http_send_header(r);
  if (rc == NGX_ERROR || rc > NGX_OK) return NGX_ERROR;
  if (ngx_http_send_special(r, NGX_HTTP_FLUSH) == NGX_ERROR) return NGX_ERROR;
  // What NGINX still holds back would come after our frames.
  return r->out != nullptr || r->connection->buffered ? NGX_ERROR : NGX_OK;
}

void destroyConnection(void* connection) {
  static_cast<Connection*>(connection)->~Connection();
}

Connection* makeConnection(ngx_http_request_t* r, Runtime& runtime) {
  ngx_pool_cleanup_t* cleanup = ngx_pool_cleanup_add(r->pool, sizeof(Connection));
  if (cleanup == nullptr) throw std::bad_alloc();
  auto* connection = new (cleanup->data) Connection(r, runtime);
  cleanup->handler = destroyConnection;
  return connection;
}

// Finds the connection its place, or says why there is none.
ngx_int_t admit(EngineRequest& request, Connection& connection,
                const std::optional<websocket::DeflateParams>& deflate) {
  server::Worker& worker = request.runtime.worker();
  server::Agreement agreement{request.protocol, {}};
  if (deflate) agreement.compression = compressionOf(request.conf, *deflate);
  if (request.query.sid.empty()) {
    auto channel = worker.openChannel(connection, request.options, agreement);
    if (channel == nullptr) return respondUnavailable(request.r);
    connection.attach(std::move(channel));
    return NGX_OK;
  }
  const auto sid = store::parseId(request.query.sid);
  if (!sid) return respondError(request.r, engineio::Error::kUnknownSid);
  auto probed = worker.probeChannel(*sid, connection, request.options, agreement);
  if (const auto* error = std::get_if<engineio::Error>(&probed)) return respondError(request.r, *error);
  connection.attach(std::move(std::get<std::unique_ptr<server::Channel>>(probed)));
  return NGX_OK;
}

// ---- WebSockets of an earlier configuration

bool isWildcard(const sockaddr* address) {
  if (address->sa_family == AF_INET) return reinterpret_cast<const sockaddr_in*>(address)->sin_addr.s_addr == 0;
#if (NGX_HAVE_INET6)
  if (address->sa_family == AF_INET6) {
    return IN6_IS_ADDR_UNSPECIFIED(&reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr);
  }
#endif
  return false;
}

// Whether a connection with that local address comes by who listens on `listened`.
bool comesBy(ngx_sockaddr_t local, socklen_t size, sockaddr* listened, socklen_t listenedSize) {
  if (ngx_cmp_sockaddr(&local.sockaddr, size, listened, listenedSize, 1) == NGX_OK) return true;
  return isWildcard(listened) && local.sockaddr.sa_family == listened->sa_family &&
         ngx_inet_get_port(&local.sockaddr) == ngx_inet_get_port(listened);
}

ngx_listening_t* findListening(const ngx_sockaddr_t& local, socklen_t size) {
  const auto& all = ngx_cycle->listening;
  auto* listening = static_cast<ngx_listening_t*>(all.elts);
  ngx_listening_t* found = nullptr;
  for (ngx_uint_t i = 0; i < all.nelts; ++i) {
    ngx_listening_t& one = listening[i];
    if (one.handler != ngx_http_init_connection || !comesBy(local, size, one.sockaddr, one.socklen)) continue;
    if (found == nullptr || !isWildcard(one.sockaddr)) found = &one;
  }
  return found;
}

// The location that took the place of the one that the connection came by.
const Location* findLocation(std::uint64_t key, const ngx_sockaddr_t& local, socklen_t size) {
  const auto* main = static_cast<MainConf*>(ngx_http_cycle_get_module_main_conf(ngx_cycle, ngx_http_mediasync_module));
  const auto* locations = static_cast<Location*>(main->locations.elts);
  for (ngx_uint_t i = 0; i < main->locations.nelts; ++i) {
    if (locations[i].key != key) continue;
    auto* addresses = static_cast<ngx_sockaddr_t*>(locations[i].addresses.elts);
    for (ngx_uint_t a = 0; a < locations[i].addresses.nelts; ++a) {
      if (comesBy(local, size, &addresses[a].sockaddr, sizeof addresses[a])) return &locations[i];
    }
  }
  return nullptr;
}

void count(ngx_atomic_t** counter, ngx_atomic_int_t change) {
  if (counter != nullptr) ngx_atomic_fetch_add(*counter, change);
}

// What accepting it would have made of the descriptor. Null, with the descriptor left open, when that is not possible.
ngx_connection_t* makeNginxConnection(int descriptor, ngx_listening_t* listening) {
  ngx_sockaddr_t peer;
  socklen_t size = sizeof peer;
  if (getpeername(descriptor, &peer.sockaddr, &size) == -1) return nullptr;  // it is gone
  if (ngx_cycle->free_connection_n <= 1) return nullptr;
  ngx_connection_t* c = ngx_get_connection(descriptor, ngx_cycle->log);
  if (c == nullptr) return nullptr;
  ngx_pool_t* pool = ngx_create_pool(listening->pool_size, ngx_cycle->log);
  auto* log = pool == nullptr ? nullptr : static_cast<ngx_log_t*>(ngx_palloc(pool, sizeof(ngx_log_t)));
  auto* address = pool == nullptr ? nullptr : static_cast<sockaddr*>(ngx_palloc(pool, sizeof peer));
  auto* text = pool == nullptr ? nullptr : static_cast<u_char*>(ngx_pnalloc(pool, listening->addr_text_max_len));
  if (log == nullptr || address == nullptr || text == nullptr) {
    if (pool != nullptr) ngx_destroy_pool(pool);
    ngx_free_connection(c);
    c->fd = static_cast<ngx_socket_t>(-1);
    return nullptr;
  }
  *log = listening->log;
  ngx_memcpy(address, &peer, sizeof peer);
  c->type = SOCK_STREAM;
  c->pool = pool;
  c->log = pool->log = c->read->log = c->write->log = log;
  c->sockaddr = address;
  c->socklen = std::min<socklen_t>(size, sizeof peer);
  c->listening = listening;
  c->local_sockaddr = listening->sockaddr;
  c->local_socklen = listening->socklen;
  c->recv = ngx_recv;
  c->send = ngx_send;
  c->recv_chain = ngx_recv_chain;
  c->send_chain = ngx_send_chain;
  c->number = ngx_atomic_fetch_add(ngx_connection_counter, 1);
  c->start_time = ngx_current_msec;
  c->write->ready = 1;
  c->addr_text = {ngx_sock_ntop(c->sockaddr, c->socklen, text, listening->addr_text_max_len, 0), text};
  log->data = nullptr;
  log->handler = nullptr;
  if (address->sa_family == AF_UNIX) {
    c->tcp_nopush = NGX_TCP_NOPUSH_DISABLED;
    c->tcp_nodelay = NGX_TCP_NODELAY_DISABLED;
  }
  count(&ngx_stat_active, 1);
  return c;
}

void closeUnused(ngx_connection_t* c) {
  unwatch(c);
  count(&ngx_stat_active, -1);
  ngx_pool_t* pool = c->pool;
  c->destroyed = 1;
  ngx_close_connection(c);
  ngx_destroy_pool(pool);
}

// A request as it is once its handshake is out. Null: the connection has been closed.
ngx_http_request_t* makeRequest(ngx_connection_t* c, const Location& location) {
  ngx_http_init_connection(c);
  if (c->fd == static_cast<ngx_socket_t>(-1)) return nullptr;
  if (c->read->timer_set) ngx_del_timer(c->read);
  ngx_reusable_connection(c, 0);
  auto* hc = static_cast<ngx_http_connection_t*>(c->data);
  hc->conf_ctx = const_cast<ngx_http_conf_ctx_t*>(&location.conf);
  c->buffer = ngx_create_temp_buf(c->pool, 1);
  ngx_http_request_t* r = c->buffer == nullptr || hc->ssl ? nullptr : ngx_http_create_request(c);
  if (r == nullptr) {
    closeUnused(c);
    return nullptr;
  }
  c->data = r;
  c->log->action = nullptr;
  r->method = NGX_HTTP_GET;
  r->http_version = NGX_HTTP_VERSION_11;
  r->http_state = NGX_HTTP_PROCESS_REQUEST_STATE;
  r->write_event_handler = ngx_http_request_empty_handler;
  r->headers_out.status = NGX_HTTP_SWITCHING_PROTOCOLS;
  r->header_sent = 1;
  r->logged = 1;  // by the process that took the handshake
  if (r->stat_reading) {
    r->stat_reading = 0;
    r->stat_writing = 1;
    count(&ngx_stat_requests, -1);
    count(&ngx_stat_reading, -1);
    count(&ngx_stat_writing, 1);
  }
  return r;
}

// False: the descriptor, which is still open, cannot be used here.
bool adopt(int descriptor, const Letter& letter, Runtime& runtime) {
  ngx_sockaddr_t local{};
  socklen_t size = sizeof local;
  if (getsockname(descriptor, &local.sockaddr, &size) == -1) return false;
  const Location* location = findLocation(letter.location, local, size);
  ngx_listening_t* listening = findListening(local, size);
  if (location == nullptr || listening == nullptr) return false;
  ngx_connection_t* c = makeNginxConnection(descriptor, listening);
  if (c == nullptr) return false;
  ngx_http_request_t* r = makeRequest(c, *location);
  if (r == nullptr) {
    runtime.worker().decline(letter.parcel);
    return true;
  }
  Connection* connection = nullptr;
  std::unique_ptr<server::Channel> channel;
  guardedVoid(c->log, [&] {
    connection = makeConnection(r, runtime);
    ngx_http_set_ctx(r, connection, ngx_http_mediasync_module);
    connection->takeOver(false);
    channel =
        runtime.worker().adopt(letter.parcel, *connection, location->loc->options(), location->loc->bindsUser != 0);
  });
  if (channel != nullptr) {
    connection->attach(std::move(channel));
    return true;
  }
  if (connection != nullptr) {
    connection->forget();
  } else {
    ngx_http_free_request(r, 0);
    closeUnused(c);
  }
  runtime.worker().decline(letter.parcel);
  return true;
}

}  // namespace

ngx_int_t handleWebSocket(EngineRequest& request) {
  ngx_http_request_t* r = request.r;
  // Neither may come twice (sections 11.3.1 and 11.3.5), and then neither is valid.
  const std::string key = requestHeaders(r, "sec-websocket-key");
  if (requestHeaders(r, "sec-websocket-version") != "13") return upgradeRequired(r);
  if (r->method != NGX_HTTP_GET || r->http_version != NGX_HTTP_VERSION_11 || !websocket::isValidKey(key)) {
    return respondError(r, engineio::Error::kBadRequest);
  }
  if (request.runtime.worker().stopped()) return respondUnavailable(r);
  Connection* connection = makeConnection(r, request.runtime);
  const auto deflate = agreeOnDeflate(request);
  const ngx_int_t admitted = admit(request, *connection, deflate);
  request.runtime.settle();
  if (admitted != NGX_OK || r->headers_out.status != 0) return admitted;
  if (sendHandshake(r, key, deflate) != NGX_OK) return NGX_ERROR;
  ngx_http_set_ctx(r, connection, ngx_http_mediasync_module);
  ++r->main->count;
  connection->takeOver(request.protocol.revision == engineio::Revision::kV3);
  return NGX_DONE;
}

void takeWebSocket(int descriptor, const Letter& letter) {
  Runtime* runtime = runtimeOf(letter.zone);
  if (runtime == nullptr) {
    ::close(descriptor);
    return;
  }
  if (!adopt(descriptor, letter, *runtime)) {
    runtime->worker().decline(letter.parcel);
    ::close(descriptor);
  }
  runtime->settle();
}

}  // namespace mediasync::ngx
