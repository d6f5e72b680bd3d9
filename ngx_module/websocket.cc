// Engine.IO over WebSocket: the handshake (RFC 6455, section 4.2), and the connection after it.
#include <openssl/ssl.h>

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

  // server::WebSocket
  std::ptrdiff_t write(std::string_view bytes) override;
  void pause(bool paused) override;
  void finish() override;

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
  if (finished_ || broken_ || paused_) return;
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
          connection->c_->close = 0;
          if (!connection->finished_) connection->runtime_.worker().goAway(*connection->channel_);
        } else {
          connection->read();
        }
      },
      [connection] { connection->broken(); });
  connection->runtime_.settle();
}

void Connection::onWrite(ngx_event_t* event) {
  Connection* connection = of(event);
  guardedVoid(
      event->log,
      [connection] {
        if (connection->broken_) return;
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

Connection* makeConnection(EngineRequest& request) {
  ngx_pool_cleanup_t* cleanup = ngx_pool_cleanup_add(request.r->pool, sizeof(Connection));
  if (cleanup == nullptr) throw std::bad_alloc();
  auto* connection = new (cleanup->data) Connection(request.r, request.runtime);
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
  Connection* connection = makeConnection(request);
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

}  // namespace mediasync::ngx
