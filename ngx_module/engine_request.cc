#include "ngx_module/engine_request.h"

#include <string>

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

void countTurnedAway(const EngineRequest& request, store::HandshakeRefusal why) {
  if (request.query.sid.empty()) request.runtime.worker().counters().turnedAway.add(why);
}

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

}  // namespace mediasync::ngx
