#include "ngx_module/engine_handler.h"

#include <utility>

#include "core/websocket/handshake.h"
#include "ngx_module/engine_request.h"
#include "ngx_module/guard.h"
#include "ngx_module/identity.h"
#include "ngx_module/polling.h"
#include "ngx_module/response.h"
#include "ngx_module/websocket.h"

namespace mediasync::ngx {
namespace {

bool asksWebSocket(ngx_http_request_t* r) {
  const ngx_table_elt_t* upgrade = r->headers_in.upgrade;
  return upgrade != nullptr && websocket::asksWebSocket(view(upgrade->value), requestHeaders(r, "connection"));
}

engineio::Method methodOf(const ngx_http_request_t* r) {
  if (r->method == NGX_HTTP_GET) return engineio::Method::kGet;
  return r->method == NGX_HTTP_POST ? engineio::Method::kPost : engineio::Method::kOther;
}

store::HandshakeRefusal countedAs(engineio::Reason reason) {
  using engineio::Reason;
  using Why = store::HandshakeRefusal;
  switch (reason) {
    case Reason::kTransport:
      return Why::kTransport;
    case Reason::kRevision3:
      return Why::kRevision3;
    case Reason::kRevision:
      return Why::kRevision;
    case Reason::kMethod:
      return Why::kMethod;
    case Reason::kTransportMismatch:
      break;
  }
  return Why::kMalformed;
}

bool isWebSocket(engineio::Ask ask) {
  return ask == engineio::Ask::kOpenWebSocket || ask == engineio::Ask::kUpgrade;
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
  const auto admitted = engineio::admit({request.query, methodOf(r), asksWebSocket(r)}, conf.eio3 != 0);
  if (const auto* refusal = std::get_if<engineio::Refusal>(&admitted)) {
    return refuse(request, refusal->error, countedAs(refusal->reason));
  }
  request.admission = std::get<engineio::Admission>(admitted);
  return isWebSocket(request.admission.ask) ? handleWebSocket(request) : handlePolling(request);
}

}  // namespace
}  // namespace mediasync::ngx

ngx_int_t ngx_http_mediasync_engine_handler(ngx_http_request_t* r) {
  using namespace mediasync::ngx;
  return guarded(r->connection->log, static_cast<ngx_int_t>(NGX_HTTP_INTERNAL_SERVER_ERROR), [r] { return handle(r); });
}
