#include "ngx_module/session_list.h"

#include <string>

#include "ngx_module/guard.h"
#include "ngx_module/pending.h"
#include "ngx_module/read_meter.h"
#include "ngx_module/response.h"
#include "ngx_module/timer.h"

namespace mediasync::ngx {
namespace {

// Lies in the pool of its request.
constexpr ngx_msec_t kRestMs = 1;

class SessionList {
 public:
  SessionList(ngx_http_request_t* r, Runtime& runtime, const LocConf& conf)
      : r_(r),
        rate_(conf.replies.rate),
        pieces_(runtime.worker().rest(), static_cast<api::TimestampUnit>(conf.timestamps)),
        timer_([](void* self) { static_cast<SessionList*>(self)->proceed(); }, this, r->connection->log) {}

  void start() {
    ngx_http_set_ctx(r_, this, ngx_http_mediasync_module);
    r_->write_event_handler = onWrite;
    ++r_->main->count;
    timer_.holdExit();  // a worker that is to end makes the list to its end
    timer_.arm(0);
  }

 private:
  static void onWrite(ngx_http_request_t* r) {
    static_cast<SessionList*>(ngx_http_get_module_ctx(r, ngx_http_mediasync_module))->proceed();
  }

  void proceed() {
    const ngx_int_t rc = guarded(r_->connection->log, static_cast<ngx_int_t>(NGX_ERROR), [this] { return step(); });
    if (rc != NGX_AGAIN) finish(r_, rc);
  }

  // True if the last piece has not been sent yet.
  bool isHeldBack() const { return buffer_.pos != buffer_.last || r_->buffered != 0 || r_->connection->buffered != 0; }
  // Parts of a page before this subrequest may be under way. NGINX keeps its buffers until then, not the text in them,
  // and calls onWrite() when it is its turn.
  bool hasTurn() const { return r_->connection->data == r_; }

  // One piece. NGX_AGAIN: there is more to be done later.
  ngx_int_t step() {
    ngx_event_t* write = r_->connection->write;
    if (write->timedout) {
      r_->connection->timedout = 1;
      return NGX_HTTP_REQUEST_TIME_OUT;
    }
    if (isHeldBack() && !hasTurn()) return NGX_AGAIN;
    if (isHeldBack() && ngx_http_output_filter(r_, nullptr) == NGX_ERROR) return NGX_ERROR;
    if (isHeldBack()) return waitToWrite(*write);
    if (write->timer_set && !write->delayed) ngx_del_timer(write);
    if (pieces_.isDone()) return NGX_OK;
    piece_ = pieces_.next();
    chargeRead(r_, rate_, piece_.size());
    if (!sendPiece()) return NGX_ERROR;
    timer_.arm(kRestMs);  // others have their turn first: what is posted would come before them
    return NGX_AGAIN;
  }

  ngx_int_t waitToWrite(ngx_event_t& write) {
    const auto* core = static_cast<ngx_http_core_loc_conf_t*>(ngx_http_get_module_loc_conf(r_, ngx_http_core_module));
    if (!write.delayed) ngx_add_timer(&write, core->send_timeout);  // it is limit_rate's otherwise
    return ngx_handle_write_event(&write, core->send_lowat) == NGX_OK ? NGX_AGAIN : NGX_ERROR;
  }

  bool sendPiece() {
    buffer_ = ngx_buf_t{};
    buffer_.start = buffer_.pos = asWritableBytes(piece_).data();
    buffer_.end = buffer_.last = buffer_.pos + piece_.size();
    buffer_.memory = 1;
    buffer_.flush = 1;
    buffer_.last_buf = pieces_.isDone() && r_ == r_->main;
    buffer_.last_in_chain = 1;
    ngx_chain_t out{&buffer_, nullptr};
    return ngx_http_output_filter(r_, &out) != NGX_ERROR;
  }

  ngx_http_request_t* r_;
  Rate rate_;
  server::SessionPieces pieces_;
  std::string piece_;  // until it has gone
  ngx_buf_t buffer_{};
  Timer timer_;
};

}  // namespace

ngx_int_t sendSessionList(ngx_http_request_t* r, Runtime& runtime, const LocConf& conf) {
  const ngx_int_t rc = sendHeader(r, NGX_HTTP_OK, "application/json", -1);
  if (rc == NGX_ERROR || rc > NGX_OK || r->header_only || r->background) return rc;
  makeInPool<SessionList>(r, r, runtime, conf)->start();
  return NGX_DONE;
}

}  // namespace mediasync::ngx
