#include "ngx_module/rest_handler.h"

#include <string>
#include <utility>

#include "core/api/rest_request.h"
#include "core/api/rest_response.h"
#include "core/api/rest_route.h"
#include "core/session/refusal.h"
#include "ngx_module/body.h"
#include "ngx_module/guard.h"
#include "ngx_module/identity.h"
#include "ngx_module/process.h"
#include "ngx_module/read_meter.h"
#include "ngx_module/response.h"
#include "ngx_module/rest_reply.h"
#include "ngx_module/session_list.h"

namespace mediasync::ngx {
namespace {

api::Method methodOf(ngx_http_request_t* r) {
  switch (r->method) {
    case NGX_HTTP_GET:
      return api::Method::kGet;
    case NGX_HTTP_HEAD:
      return api::Method::kHead;
    case NGX_HTTP_POST:
      return api::Method::kPost;
    case NGX_HTTP_OPTIONS:
      return api::Method::kOptions;
    default:
      return api::Method::kOther;
  }
}

// NGX_DONE: it is answered later.
ngx_int_t create(ngx_http_request_t* r) {
  const LocConf& conf = *locConf(r);
  Runtime* runtime = runtimeOf(conf.zone);
  if (!isReady(runtime) || runtime->worker().isLast()) return failUnavailable(r);
  const std::string body = bodyOf(r);
  if (body.size() > conf.bodyLimit) return fail(r, NGX_HTTP_REQUEST_ENTITY_TOO_LARGE, "The body is too large");
  const auto parsed = api::parseCreate(body);
  if (const auto* bad = std::get_if<api::BadRequest>(&parsed)) return fail(r, NGX_HTTP_BAD_REQUEST, bad->message);
  const auto options = identify(r, conf);
  if (!options) return fail(r, NGX_HTTP_FORBIDDEN, "Nobody is known to be asking");
  auto reply = runtime->worker().rest().createSession(std::get<api::CreateSession>(parsed), *options,
                                                      {sentSecret(r, conf), networkOf(r)});
  runtime->settle();
  return sendWritten(r, *runtime, std::move(reply));
}

void onBody(ngx_http_request_t* r) {
  const ngx_int_t rc =
      guarded(r->connection->log, static_cast<ngx_int_t>(NGX_HTTP_INTERNAL_SERVER_ERROR), [r] { return create(r); });
  if (rc != NGX_DONE) ngx_http_finalize_request(r, rc);
}

ngx_int_t startCreate(ngx_http_request_t* r, const LocConf& conf) {
  const std::string_view type = requestHeader(r, "content-type");
  if (!type.empty() && !api::isJsonContentType(type)) {
    return fail(r, NGX_HTTP_UNSUPPORTED_MEDIA_TYPE, "The body must be application/json");
  }
  if (r->headers_in.content_length_n > static_cast<off_t>(conf.bodyLimit)) {
    return fail(r, NGX_HTTP_REQUEST_ENTITY_TOO_LARGE, "The body is too large");
  }
  return readBody(r, conf, onBody);
}

// Sends the answer to a read, which the rate of replies counts.
ngx_int_t sendRead(ngx_http_request_t* r, const LocConf& conf, const server::RestReply& reply) {
  chargeRead(r, conf.replies.rate, reply.body.size());
  return sendReply(r, reply);
}

ngx_int_t failTooFast(ngx_http_request_t* r) {
  addHeader(r, "Retry-After", "1");
  return fail(r, NGX_HTTP_TOO_MANY_REQUESTS, session::kRateLimited.message);
}

ngx_int_t list(ngx_http_request_t* r, Runtime& runtime, const LocConf& conf) {
  if (!conf.list) return fail(r, NGX_HTTP_FORBIDDEN, "Sessions are not listed here");
  if (!mayRead(r, conf.replies.rate)) return failTooFast(r);
  const auto query = api::parseList(view(r->args));
  if (const auto* bad = std::get_if<api::BadRequest>(&query)) return fail(r, NGX_HTTP_BAD_REQUEST, bad->message);
  const auto& list = std::get<api::ListQuery>(query);
  if (list.isWhole) return sendSessionList(r, runtime, conf);
  return sendRead(r, conf, runtime.worker().rest().listSessions(list, conf.options()));
}

ngx_int_t handle(ngx_http_request_t* r) {
  const LocConf& conf = *locConf(r);
  if (checkOrigin(r, conf) == OriginVerdict::kForbidden) {
    return fail(r, NGX_HTTP_FORBIDDEN, "Requests from this origin are not allowed");
  }
  const api::Method method = methodOf(r);
  const api::Route route = api::route(method, pathAfterLocation(r));
  if (route.kind == api::Route::Kind::kCreate) return startCreate(r, conf);
  if (const ngx_int_t rc = ngx_http_discard_request_body(r); rc != NGX_OK) return rc;
  if (method == api::Method::kOptions && !route.allow.empty()) {
    addHeader(r, "Allow", route.allow);
    return respondPreflight(r);
  }
  Runtime* runtime = runtimeOf(conf.zone);
  if (!isReady(runtime)) return failUnavailable(r);
  switch (route.kind) {
    case api::Route::Kind::kList:
      return list(r, *runtime, conf);
    case api::Route::Kind::kShow:
      if (!mayRead(r, conf.replies.rate)) return failTooFast(r);
      return sendRead(r, conf, runtime->worker().rest().showSession(route.sessionId, conf.options()));
    case api::Route::Kind::kMethodNotAllowed:
      addHeader(r, "Allow", route.allow);
      return fail(r, NGX_HTTP_NOT_ALLOWED, "Method not allowed");
    default:
      return fail(r, NGX_HTTP_NOT_FOUND, "Session not found");
  }
}

}  // namespace
}  // namespace mediasync::ngx

ngx_int_t ngx_http_mediasync_rest_handler(ngx_http_request_t* r) {
  using namespace mediasync::ngx;
  return guarded(r->connection->log, static_cast<ngx_int_t>(NGX_HTTP_INTERNAL_SERVER_ERROR), [r] { return handle(r); });
}
