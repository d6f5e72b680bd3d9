#include "ngx_module/websocket.h"

#include <algorithm>
#include <bit>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "core/websocket/extensions.h"
#include "core/websocket/handshake.h"
#include "ngx_module/connection_log.h"
#include "ngx_module/identity.h"
#include "ngx_module/response.h"
#include "ngx_module/websocket_connection.h"

namespace mediasync::ngx {
namespace {

ngx_int_t refuseVersion(const EngineRequest& request) {
  ngx_http_request_t* r = request.r;
  countTurnedAway(request, store::HandshakeRefusal::kMalformed);
  addHeader(r, "Sec-WebSocket-Version", websocket::kVersion);
  ngx_str_set(&r->headers_out.status_line, "426 Upgrade Required");
  return respond(r, 426, "text/plain", "Upgrade Required");
}

websocket::OpeningVerdict judge(const EngineRequest& request, std::string_view key) {
  ngx_http_request_t* r = request.r;
  const std::string version = requestHeaders(r, "sec-websocket-version");
  return websocket::judge({r->method == NGX_HTTP_GET, r->http_version == NGX_HTTP_VERSION_11, key, version});
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

// There is no body for filters to work on, and those that wait for its end, as ssi does, would keep the header with it.
ngx_int_t flush(ngx_http_request_t* r) {
  auto* buffer = static_cast<ngx_buf_t*>(ngx_calloc_buf(r->pool));
  if (buffer == nullptr) return NGX_ERROR;
  buffer->flush = 1;
  ngx_chain_t out{buffer, nullptr};
  if (ngx_http_write_filter(r, &out) == NGX_ERROR) return NGX_ERROR;
  // Output that NGINX still holds back would come after our frames.
  if (r->header_sent && r->out == nullptr && !r->connection->buffered) return NGX_OK;
  ngx_log_error(NGX_LOG_ERR, r->connection->log, 0, "mediasync: the handshake of a WebSocket was held back");
  return NGX_ERROR;
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
  return flush(r);
}

// Subrequests that nobody waits for, as those of mirror are.
bool hasSubrequests(const ngx_http_request_t* r) {
  return r->count != 1 || r->posted_requests != nullptr;
}

// Finds the connection its place, or says why there is none.
ngx_int_t admit(EngineRequest& request, Connection& connection,
                const std::optional<websocket::DeflateParams>& deflate) {
  server::Worker& worker = request.runtime.worker();
  server::Agreement agreement{request.admission.protocol, {}};
  if (deflate) agreement.compression = compressionOf(request.conf, *deflate);
  if (request.admission.ask == engineio::Ask::kOpenWebSocket) {
    auto opened = worker.sockets().openChannel(
        connection, request.options, agreement,
        {handshakeSecret(request.r, request.conf), networkOf(request.r), clientOf(request.r)});
    if (const auto* full = std::get_if<server::NoSpace>(&opened)) return respondUnavailable(request.r, full->reason);
    connection.attach(std::move(std::get<std::unique_ptr<server::Channel>>(opened)));
    return NGX_OK;
  }
  const auto sid = store::parseId(request.query.sid);
  if (!sid) return refuseSid(request);
  auto probed = worker.sockets().probeChannel(*sid, connection, request.options, agreement);
  if (const auto* error = std::get_if<engineio::Error>(&probed)) return respondError(request.r, *error);
  connection.attach(std::move(std::get<std::unique_ptr<server::Channel>>(probed)));
  return NGX_OK;
}

}  // namespace

ngx_int_t handleWebSocket(EngineRequest& request) {
  ngx_http_request_t* r = request.r;
  const std::string key = requestHeaders(r, "sec-websocket-key");
  switch (judge(request, key)) {
    case websocket::OpeningVerdict::kUpgradeRequired:
      return refuseVersion(request);
    case websocket::OpeningVerdict::kBadRequest:
      return refuse(request, engineio::Error::kBadRequest, store::HandshakeRefusal::kMalformed);
    case websocket::OpeningVerdict::kAccepted:
      break;
  }
  if (request.runtime.worker().stopped()) return refuseUnavailable(request, kStartingOrStopping);
  std::unique_ptr<StandIn> standIn;
  if (hasSubrequests(r)) {
    standIn = StandIn::make(r);
    if (!standIn) return refuseUnavailable(request, kNoConnection);
  }
  auto connection = std::make_unique<Connection>(r->connection, r->loc_conf, request.runtime);
  const auto deflate = agreeOnDeflate(request);
  const ngx_int_t admitted = admit(request, *connection, deflate);
  request.runtime.settle();
  if (admitted != NGX_OK || r->headers_out.status != 0) return admitted;
  ngx_pool_cleanup_t* owner = ngx_pool_cleanup_add(r->pool, 0);
  if (owner == nullptr || sendHandshake(r, key, deflate) != NGX_OK) return NGX_ERROR;
  if (!standIn && hasSubrequests(r)) {  // which a variable of a header has begun, as njs lets it
    standIn = StandIn::make(r);
    if (!standIn) return NGX_ERROR;
  }
  Connection::takeOver(std::move(connection), owner, r, std::move(standIn),
                       request.admission.protocol.revision == engineio::Revision::kV3);
  return NGX_DONE;
}

}  // namespace mediasync::ngx
