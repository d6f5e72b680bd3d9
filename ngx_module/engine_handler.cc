#include "ngx_module/engine_handler.h"

#include <optional>
#include <string>
#include <utility>

#include "core/api/ascii.h"
#include "ngx_module/guard.h"
#include "ngx_module/identity.h"
#include "ngx_module/response.h"

namespace mediasync::ngx {

ngx_int_t respondError(ngx_http_request_t* r, engineio::Error error) {
  return respond(r, static_cast<ngx_uint_t>(engineio::httpStatus(error)), "application/json", engineio::body(error));
}

// Clients come back.
ngx_int_t respondUnavailable(ngx_http_request_t* r, std::string_view reason) {
  addHeader(r, "Retry-After", "1");
  return respond(r, NGX_HTTP_SERVICE_UNAVAILABLE, "text/plain", reason);
}

bool addCookie(ngx_http_request_t* r, const LocConf& conf, std::string_view sid) {
  if (conf.cookie.len == 0) return true;
  std::string cookie(view(conf.cookie));
  cookie.append("=").append(sid).append("; Path=/; HttpOnly; SameSite=Lax");
  return addHeader(r, "Set-Cookie", cookie);
}

namespace {

void countTurnedAway(const EngineRequest& request, store::HandshakeRefusal why) {
  if (request.query.sid.empty()) request.runtime.worker().counters().turnedAway.add(why);
}

}  // namespace

ngx_int_t refuse(const EngineRequest& request, engineio::Error error, store::HandshakeRefusal why) {
  countTurnedAway(request, why);
  return respondError(request.r, error);
}

ngx_int_t refuseUnavailable(const EngineRequest& request, std::string_view reason) {
  countTurnedAway(request, store::HandshakeRefusal::kUnready);
  return respondUnavailable(request.r, reason);
}

ngx_int_t refuseSid(const EngineRequest& request) {
  ++request.runtime.worker().counters().unknownSids;
  return respondError(request.r, engineio::Error::kUnknownSid);
}

namespace {

bool isUpgrade(ngx_http_request_t* r) {
  return r->headers_in.upgrade != nullptr && api::listsToken(requestHeaders(r, "connection"), "upgrade") &&
         isSame(view(r->headers_in.upgrade->value), "websocket");
}

// Which revision a handshake asks for. None is revision 3, which is what old clients do.
std::optional<engineio::Revision> revisionOf(const engineio::Query& query, const LocConf& conf) {
  if (query.eio == "4") return engineio::Revision::kV4;
  if (conf.eio3 && (!query.eio || query.eio == "3")) return engineio::Revision::kV3;
  return std::nullopt;
}

// Clients of that time may say so, or nothing.
bool asksRevision3(const engineio::Query& query) {
  return !query.eio || query.eio == "3";
}

ngx_int_t handle(ngx_http_request_t* r) {
  using engineio::Error;
  using Why = store::HandshakeRefusal;
  const LocConf& conf = *locConf(r);
  if (r != r->main) return NGX_HTTP_NOT_FOUND;  // a subrequest cannot wait, nor give its connection away
  Runtime* runtime = runtimeOf(conf.zone);
  if (runtime == nullptr) return respondUnavailable(r, kStartingOrStopping);
  EngineRequest request{r, conf, *runtime, engineio::parseQuery(view(r->args)), {}, {}};
  if (runtime->worker().awaitsState()) return refuseUnavailable(request, kStartingOrStopping);
  if (checkOrigin(r, conf) == OriginVerdict::kForbidden) return refuse(request, Error::kForbidden, Why::kOrigin);
  if (r->method == NGX_HTTP_OPTIONS) return respondPreflight(r);
  auto options = identify(r, conf);
  if (!options) return refuse(request, Error::kForbidden, Why::kUser);
  request.options = std::move(*options);
  const engineio::Query& query = request.query;
  const bool isWebSocket = query.transport == "websocket";
  const bool isPolling = query.transport == "polling" && !query.jsonp;  // JSONP is a transport of its own, not ours
  if (!isWebSocket && !isPolling) return refuse(request, Error::kUnknownTransport, Why::kTransport);
  const auto revision = revisionOf(query, conf);
  if (query.sid.empty() && !revision) {
    return refuse(request, Error::kUnsupportedProtocolVersion, asksRevision3(query) ? Why::kRevision3 : Why::kRevision);
  }
  if (revision) request.protocol = {*revision, *revision == engineio::Revision::kV3 && query.base64};
  if (query.sid.empty() && r->method != NGX_HTTP_GET) return refuse(request, Error::kBadHandshakeMethod, Why::kMethod);
  if (isWebSocket != isUpgrade(r)) return refuse(request, Error::kBadRequest, Why::kMalformed);
  return isWebSocket ? handleWebSocket(request) : handlePolling(request);
}

}  // namespace
}  // namespace mediasync::ngx

ngx_int_t ngx_http_mediasync_engine_handler(ngx_http_request_t* r) {
  using namespace mediasync::ngx;
  return guarded(r->connection->log, static_cast<ngx_int_t>(NGX_HTTP_INTERNAL_SERVER_ERROR), [r] { return handle(r); });
}
