#include "ngx_module/websocket_connection.h"

#include <utility>

#include "ngx_module/bare_connection.h"
#include "ngx_module/connection_owner.h"
#include "ngx_module/guard.h"
#include "ngx_module/handover.h"
#include "ngx_module/nginx_connection.h"
#include "ngx_module/read_buffer.h"
#include "ngx_module/request_release.h"
#include "ngx_module/text.h"
#include "ngx_module/tls.h"

namespace mediasync::ngx {
namespace {

// With old clients the first frames follow the handshake at a small distance: they may begin to listen only when they
// have been told of the opening, and lose what comes in the same segment. With others there is no distance, in which a
// worker might die: they wait long for a connection that ends between the two.
constexpr ngx_msec_t kEarlyFrames = 5;
constexpr ngx_msec_t kLastRecord = 5000;  // for the peer to take the last record of a connection that ends

constexpr const char* kAction = "serving a WebSocket";

const LocConf& ourConf(void** conf) {
  return *static_cast<const LocConf*>(conf[ngx_http_mediasync_module.ctx_index]);
}

const ngx_http_core_loc_conf_t& coreConf(void** conf) {
  return *static_cast<const ngx_http_core_loc_conf_t*>(conf[ngx_http_core_module.ctx_index]);
}

Connection& connectionOf(const ngx_event_t* event) {
  return *static_cast<Connection*>(static_cast<const ngx_connection_t*>(event->data)->data);
}

Connection& connectionOfRequest(const ngx_event_t* event) {
  auto* r = static_cast<ngx_http_request_t*>(static_cast<const ngx_connection_t*>(event->data)->data);
  return *static_cast<Connection*>(ngx_http_get_module_ctx(r, ngx_http_mediasync_module));
}

void onRead(ngx_event_t* event) {
  connectionOf(event).readable();
}

void onWrite(ngx_event_t* event) {
  connectionOf(event).writable();
}

void onRequestRead(ngx_event_t* event) {
  connectionOfRequest(event).readable();
}

void onRequestWrite(ngx_event_t* event) {
  connectionOfRequest(event).writable();
}

void onShutdown(ngx_connection_t* c) {
  static_cast<Connection*>(c->data)->linger();
}

void onLinger(ngx_event_t* event) {
  connectionOf(event).lingerOn();
}

}  // namespace

// Others may have ended the request, and NGINX's connection with it.
Connection::~Connection() {
  state_.destroy();
  if (channel_ && !state_.isFinished()) guardedVoid(c_->log, [this] { runtime_.worker().sockets().gone(*channel_); });
  runtime_.settle();
}

void Connection::takeOver(std::unique_ptr<Connection> taken, ngx_pool_cleanup_t* owner, ngx_http_request_t* r,
                          std::unique_ptr<StandIn> standIn, bool late) {
  if (r->header_in->pos < r->header_in->last) {
    taken->ahead_ = std::make_unique<std::string>(asText({r->header_in->pos, r->header_in->last}));
    r->header_in->pos = r->header_in->last;
  }
  Connection* self = standIn ? leave(std::move(taken), r, *standIn) : stayWith(std::move(taken), owner, r);
  self->begin();
  if (late) {
    ngx_add_timer(self->c_->read, kEarlyFrames);
  } else {
    self->writeEarly();
    if (self->state_.isBroken()) self->endSoon();
  }
}

Connection* Connection::stayWith(std::unique_ptr<Connection> taken, ngx_pool_cleanup_t* owner, ngx_http_request_t* r) {
  Connection* self = own(std::move(taken), owner);
  ngx_http_set_ctx(r, self, ngx_http_mediasync_module);
  self->request_.hold(r, onRequestRead, onRequestWrite);
  return self;
}

// Subrequests of the handshake are still at work, as those of mirror. Whatever becomes of them, NGINX lets them set the
// handlers of their connection and end the request, so neither is to be the WebSocket's.
Connection* Connection::leave(std::unique_ptr<Connection> taken, ngx_http_request_t* r, StandIn& standIn) {
  logRequest(r);
  std::string client = addressOf(r->connection);  // as realip found it
  if (hasCleanups(r)) taken->left_.keep(r);
  taken->c_ = standIn.replace(r->connection);
  ngx_pool_t* pool = std::exchange(taken->c_->pool, nullptr);
  Connection* self = pool == nullptr ? taken.release() : own(std::move(taken), standIn.owner());
  self->goBare(std::move(client));
  if (pool != nullptr) addPool(self->c_, pool, standIn.log());
  return self;
}

Connection* Connection::goOnWith(std::unique_ptr<Connection> connection, std::string client) {
  Connection* self = connection.release();
  self->goBare(std::move(client));
  self->begin();
  return self;
}

void Connection::goBare(std::string client) {
  client_ = std::move(client);
  makeBare(c_, ourConf(conf_).sharedLog, coreConf(conf_).error_log, client_);
  takeEvents();
}

void Connection::takeEvents() {
  c_->data = this;
  c_->read->handler = onRead;
  c_->write->handler = onWrite;
}

void Connection::begin() {
  state_.begin();
  c_->idle = 1;  // told when the process begins to exit
  setAction(c_, kAction);
  if (c_->read->timer_set) ngx_del_timer(c_->read);
  if (c_->write->timer_set) ngx_del_timer(c_->write);
  ngx_tcp_nodelay(c_);
  if (isTls(c_)) takeParts(c_);
  ngx_post_event(c_->read, &ngx_posted_events);  // frames may have come with the handshake
}

std::ptrdiff_t Connection::write(std::string_view bytes) {
  if (state_.isBroken()) return -1;
  if (!state_.hasEvents() || output_.holds()) {
    output_.hold(bytes);
    return static_cast<std::ptrdiff_t>(bytes.size());
  }
  const LogTurn turn(c_);
  const auto [taken, isBroken] = output_.write(c_, bytes);
  if (isBroken) broken();
  return taken;
}

// True if everything was sent.
bool Connection::flush() {
  const SocketOutput::Flushed flushed = output_.flush(c_);
  if (flushed == SocketOutput::Flushed::kBroken) broken();
  return flushed == SocketOutput::Flushed::kAll;
}

void Connection::pause(bool paused) {
  state_.pause(paused);
  if (!paused && state_.hasEvents()) {
    ngx_post_event(c_->read, &ngx_posted_next_events);
  }
}

void Connection::finish() {
  state_.finish();
  endSoon();
}

// Not now: the worker may be at it.
void Connection::endSoon() {
  if (!state_.hasEvents()) return;  // begin() does the same
  ngx_post_event(c_->read, &ngx_posted_events);
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
  state_.breakOff();
  endSoon();
}

void Connection::failed() {
  state_.fail();
  endSoon();
}

// There may still be something to be sent, or to be read, that belongs to the handshake.

server::WebSocket::Giving Connection::give(std::uint16_t slot, std::string_view parcel) {
  if (!state_.hasEvents() || state_.isOver() || output_.holds() || ahead_) return Giving::kNotYet;
  const auto& location = ourConf(conf_);
  const Giving giving = sendDescriptor(slot, c_->fd, {view(location.zone->name), location.key, parcel});
  if (giving != Giving::kGiven) return giving;
  state_.giveAway();
  unwatch(c_);
  return giving;
}

void Connection::goOn() {
  state_.takeBack();
  c_->read->ready = 1;
  c_->write->ready = 1;
  ngx_post_event(c_->read, &ngx_posted_next_events);
}

// No shutdown, and no lingering: the other process has the connection, closing the descriptor means nothing to the
// peer.
void Connection::forget() {
  unwatch(c_);
  state_.finish();
  state_.breakOff();
  endSoon();
}

// It waited for the moment to send the first frames, or for its last record to go.
void Connection::timedOut() {
  c_->read->timedout = 0;
  if (state_.awaitsLastRecord()) output_.dropRecord();
  guardedVoid(
      c_->log, [this] { writeEarly(); }, [this] { state_.breakOff(); });
}

void Connection::writeEarly() {
  const auto early = output_.takeHeld();
  if (!early || state_.isBroken()) return;
  if (write(*early) != static_cast<std::ptrdiff_t>(early->size())) state_.breakOff();
}

bool Connection::canReleaseRequest() const {
  if (!state_.isServed() || ahead_) return false;
  if (isTls(c_) && hasTlsHandlers(c_)) return false;
  return !isNeededByOthers(request_.get());
}

// From now on the connection does without the request, and without its pool where it can.
void Connection::releaseRequest() {
  logRequest(request_.get());
  const bool whole = canReleasePool(c_);
  ngx_pool_cleanup_t* owner = canReleaseRequest() ? ngx_pool_cleanup_add(c_->pool, 0) : nullptr;
  if (owner != nullptr) {
    std::string client = addressOf(c_);  // as realip found it
    auto self = disown(request_.get()->pool);
    ngx_http_connection_t* hc = request_.get()->http_connection;
    freeRequest(request_.release());
    if (whole) {
      self.release()->goBare(std::move(client));
    } else {
      own(std::move(self), owner);
      freeBuffers(c_, *hc);
      takeEvents();
    }
  }
  setAction(c_, kAction);
}

// The end: of the channel, when the connection broke; then of the connection, by the request if that is still there.
void Connection::end() {
  if (channel_ && !state_.isFinished()) {
    state_.finish();
    const auto why = state_.hasFailed() ? store::EndReason::kInternalError : store::EndReason::kTransportClose;
    guardedVoid(c_->log, [this, why] { runtime_.worker().sockets().gone(*channel_, why); });
    runtime_.settle();
  }
  guardedVoid(
      c_->log, [this] { writeEarly(); }, [this] { state_.breakOff(); });
  if (!state_.isBroken() && output_.hasRecord()) {
    if (state_.awaitsLastRecord()) return;
    state_.awaitLastRecord();  // OpenSSL still holds the last record: as soon as it is out, or after a while
    ngx_add_timer(c_->read, kLastRecord);
    return;
  }
  if (c_->read->timer_set) ngx_del_timer(c_->read);
  c_->idle = 0;
  if (isTls(c_)) forgetTlsHandlers(c_);
  if (request_.get() != nullptr) {
    request_.end(state_.isBroken());
  } else {
    endConnection();
  }
}

void Connection::endConnection() {
  if (state_.isBroken() || c_->read->eof || coreConf(conf_).lingering_close == NGX_HTTP_LINGERING_OFF)
    return closeNow();
  linger();
}

void Connection::closeNow() {
  ngx_connection_t* c = c_;
  if (!isBare(c)) return ngx_http_close_connection(c);  // which destroys this object
  closeBare(c);
  delete this;
}

void Connection::linger() {
  if (!lingering_.begin(c_, coreConf(conf_), onShutdown, onLinger)) closeNow();
}

void Connection::lingerOn() {
  const LogTurn turn(c_);
  if (!lingering_.discard(c_, coreConf(conf_))) closeNow();
}

void Connection::feed(std::span<std::uint8_t> bytes) {
  runtime_.worker().sockets().received(*channel_, bytes);
}

void Connection::read() {
  if (!channel_ || !state_.isRead()) return;
  if (const auto ahead = std::exchange(ahead_, nullptr)) feed(asWritableBytes(*ahead));
  if (!state_.isRead()) return;
  server::Sockets::expectInput(*channel_);
  const ssize_t n = c_->recv(c_, readBuffer.data(), readBuffer.size());
  if (n == NGX_AGAIN) {
    if (ngx_handle_read_event(c_->read, 0) != NGX_OK) broken();
    return;
  }
  if (n == NGX_ERROR || n == 0) {
    broken();
    return;
  }
  feed({readBuffer.data(), static_cast<size_t>(n)});
  if (!state_.isRead()) return;
  if (c_->read->ready) {
    ngx_post_event(c_->read, &ngx_posted_next_events);  // the others have their turn first
  } else if (ngx_handle_read_event(c_->read, 0) != NGX_OK) {
    broken();
  }
}

void Connection::readable() {
  const LogTurn turn(c_);
  if (c_->read->timedout) timedOut();
  if (state_.isOver() && !c_->close) return end();  // if not, close() sees to it
  guardedVoid(
      c_->log,
      [this] {
        if (c_->close) {
          close();
        } else {
          read();
        }
        if (request_.get() != nullptr) releaseRequest();
      },
      [this] { failed(); });
  runtime_.settle();
}

// The process is about to end; with an error, it is right now.
void Connection::close() {
  c_->close = 0;
  runtime_.retire();
  if (c_->error && !state_.isFinished() && !state_.isAway()) runtime_.worker().sockets().goAway(*channel_);
  if (c_->error && state_.awaitsLastRecord()) output_.dropRecord();  // waits no longer
  if (state_.isOver()) endSoon();
}

// While OpenSSL has to read before it can write, or the reverse, it has put the handler of one event in the place of
// the other's: whichever comes must see what there is to see.
void Connection::writable() {
  const bool isEnd = state_.isBroken() || (state_.isFinished() && !state_.awaitsLastRecord());
  if (c_->close || c_->read->timedout || isEnd) return readable();
  const LogTurn turn(c_);
  guardedVoid(
      c_->log,
      [this] {
        if (!channel_ || state_.isAway() || !flush()) return;
        if (!state_.isFinished()) runtime_.worker().sockets().writable(*channel_);
      },
      [this] { failed(); });
  runtime_.settle();
  if (state_.awaitsLastRecord() && !output_.hasRecord()) end();
}

}  // namespace mediasync::ngx
