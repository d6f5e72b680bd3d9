#include "ngx_module/polling.h"

#include <utility>

#include "core/engineio/content_type.h"
#include "core/engineio/packet.h"
#include "core/engineio/payload_writer.h"
#include "ngx_module/body.h"
#include "ngx_module/connection_log.h"
#include "ngx_module/guard.h"
#include "ngx_module/identity.h"
#include "ngx_module/pending.h"
#include "ngx_module/response.h"

namespace mediasync::ngx {
namespace {

ngx_int_t respondPayload(ngx_http_request_t* r, const engineio::Payload& payload) {
  return respond(r, NGX_HTTP_OK, engineio::contentTypeOf(payload), payload.bytes);
}

// A GET that waits. Lives in the pool of its request, which may end at any time: the destructor gives the poll up.
class HttpPoll final : public server::Poll {
 public:
  HttpPoll(ngx_http_request_t* r, Runtime& runtime, const store::RandomId& sid)
      : r_(r), runtime_(runtime), sid_(sid), timer_(&HttpPoll::send, this, r->connection->log) {}

  ~HttpPoll() override {
    if (!waiting_) return;
    guardedVoid(r_->connection->log, [this] { runtime_.worker().polls().abandon(sid_, *this); });
    runtime_.settle();
  }

  // From before the worker is asked, so that it never keeps a poll that is gone.
  void expect() { waiting_ = true; }
  void settled() { waiting_ = false; }

  ngx_int_t wait() {
    r_->read_event_handler = ngx_http_test_reading;  // an aborted poll is seen at once
    r_->write_event_handler = ngx_http_request_empty_handler;
    ngx_event_t* read = r_->connection->read;
    if (read->ready) {
      ngx_post_event(read, &ngx_posted_events);
    } else if (ngx_handle_read_event(read, 0) != NGX_OK) {
      return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
    ++r_->main->count;
    return NGX_DONE;
  }

  // The response is sent when the events at hand have been handled: never from within another request's handler.
  void answer(engineio::Payload payload) override {
    waiting_ = false;
    payload_ = std::move(payload);
    timer_.post();
  }

 private:
  static void send(void* self) {
    auto* poll = static_cast<HttpPoll*>(self);
    ngx_http_request_t* r = poll->r_;
    finish(r, respondPayload(r, poll->payload_));
  }

  ngx_http_request_t* r_;
  Runtime& runtime_;
  store::RandomId sid_;
  bool waiting_ = false;
  engineio::Payload payload_;
  Timer timer_;
};

// A POST whose packets are being worked off.
class HttpPost final : public server::PostJob {
 public:
  HttpPost(ngx_http_request_t* r, Runtime& runtime, const store::RandomId& connectionId, std::string content,
           const server::Options& location, bool isBinary)
      : PostJob(connectionId, std::move(content), location, isBinary),
        r_(r),
        runtime_(runtime),
        timer_(&HttpPost::send, this, r->connection->log) {}

  ~HttpPost() override {
    if (waiting_) guardedVoid(r_->connection->log, [this] { runtime_.worker().polls().cancel(*this); });
  }

  void run() {
    waiting_ = true;
    const auto result = runtime_.worker().polls().post(*this);
    if (result) finished(result->error);
    runtime_.settle();
  }

  void finished(std::optional<engineio::Error> error) override {
    waiting_ = false;
    error_ = error;
    timer_.post();
  }

 private:
  static void send(void* self) {
    auto* post = static_cast<HttpPost*>(self);
    ngx_http_request_t* r = post->r_;
    finish(r, post->error_ ? respondError(r, *post->error_) : respond(r, NGX_HTTP_OK, "text/html", "ok"));
  }

  ngx_http_request_t* r_;
  Runtime& runtime_;
  bool waiting_ = false;
  std::optional<engineio::Error> error_;
  Timer timer_;
};

void onBody(ngx_http_request_t* r) {
  const ngx_int_t rc =
      guarded(r->connection->log, static_cast<ngx_int_t>(NGX_HTTP_INTERNAL_SERVER_ERROR), [r]() -> ngx_int_t {
        const LocConf& conf = *locConf(r);
        Runtime* runtime = runtimeOf(conf.zone);
        std::string body = bodyOf(r);
        if (body.size() > conf.bodyLimit) return NGX_HTTP_REQUEST_ENTITY_TOO_LARGE;
        const auto sid = store::parseId(engineio::parseQuery(view(r->args)).sid);
        if (runtime != nullptr && !sid) ++runtime->worker().counters().unknownSids;
        if (!sid || runtime == nullptr) return respondError(r, engineio::Error::kUnknownSid);
        if (runtime->worker().isLast()) return respondUnavailable(r, kStartingOrStopping);
        const bool binary = engineio::isBinaryType(requestHeader(r, "content-type"));
        const auto options = identify(r, conf);
        if (!options) return respondError(r, engineio::Error::kForbidden);
        makeInPool<HttpPost>(r, r, *runtime, *sid, std::move(body), *options, binary)->run();
        return NGX_DONE;
      });
  if (rc != NGX_DONE) ngx_http_finalize_request(r, rc);
}

ngx_int_t post(EngineRequest& request) {
  ngx_http_request_t* r = request.r;
  if (r->headers_in.content_length_n > static_cast<off_t>(request.conf.bodyLimit)) {
    return NGX_HTTP_REQUEST_ENTITY_TOO_LARGE;
  }
  return readBody(r, request.conf, onBody);
}

ngx_int_t open(EngineRequest& request) {
  if (request.runtime.worker().stopped()) return refuseUnavailable(request, kStartingOrStopping);
  auto handshake = request.runtime.worker().polls().open(
      request.options, request.admission.protocol,
      {handshakeSecret(request.r, request.conf), networkOf(request.r), clientOf(request.r)});
  request.runtime.settle();
  if (const auto* full = std::get_if<server::NoSpace>(&handshake)) return respondUnavailable(request.r, full->reason);
  const auto* opened = std::get_if<server::Polls::Opened>(&handshake);
  if (!addCookie(request.r, request.conf, opened->sid)) return NGX_HTTP_INTERNAL_SERVER_ERROR;
  return respondPayload(request.r, opened->payload);
}

ngx_int_t poll(EngineRequest& request, const store::RandomId& sid) {
  ngx_http_request_t* r = request.r;
  // A process that ends sends the client on to another one.
  if (request.runtime.worker().stopped()) {
    return respondPayload(r, engineio::payloadOf(request.admission.protocol, engineio::kNoopPacket));
  }
  auto* waiting = makeInPool<HttpPoll>(r, r, request.runtime, sid);
  waiting->expect();
  auto result = request.runtime.worker().polls().poll(sid, *waiting, request.options);
  request.runtime.settle();
  if (result.outcome != server::Polls::PollOutcome::kWaits) waiting->settled();
  switch (result.outcome) {
    case server::Polls::PollOutcome::kAnswered:
      return respondPayload(r, result.payload);
    case server::Polls::PollOutcome::kRefused:
      return respondError(r, result.error);
    default:
      return waiting->wait();
  }
}

}  // namespace

ngx_int_t handlePolling(EngineRequest& request) {
  ngx_http_request_t* r = request.r;
  const engineio::Ask ask = request.admission.ask;
  if (ask == engineio::Ask::kPost) return post(request);
  const ngx_int_t rc = ngx_http_discard_request_body(r);
  if (rc != NGX_OK) return rc;
  if (ask == engineio::Ask::kOpenPolling) return open(request);
  const auto sid = store::parseId(request.query.sid);
  if (!sid) return refuseSid(request);
  if (ask == engineio::Ask::kUnknownMethod) return respondError(r, engineio::Error::kBadRequest);
  return poll(request, *sid);
}

}  // namespace mediasync::ngx
