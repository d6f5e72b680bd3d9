#include "core/engineio/admission.h"

#include <optional>

namespace mediasync::engineio {
namespace {

enum class Transport : std::uint8_t { kPolling, kWebSocket };

// JSONP is a transport of its own, which is not served.
std::optional<Transport> transportOf(const Query& query) {
  if (query.transport == "websocket") return Transport::kWebSocket;
  if (query.transport == "polling" && !query.jsonp) return Transport::kPolling;
  return std::nullopt;
}

// Old clients may name it or not.
bool isRevision3(const Query& query) {
  return !query.eio || query.eio == "3";
}

std::optional<Protocol> protocolOf(const Query& query, bool allowsRevision3) {
  if (query.eio == "4") return Protocol{Revision::kV4, false};
  if (allowsRevision3 && isRevision3(query)) return Protocol{Revision::kV3, query.base64};
  return std::nullopt;
}

Ask askOfPolling(const Request& request) {
  if (request.query.sid.empty()) return Ask::kOpenPolling;
  switch (request.method) {
    case Method::kGet:
      return Ask::kPoll;
    case Method::kPost:
      return Ask::kPost;
    case Method::kOther:
      break;
  }
  return Ask::kUnknownMethod;
}

Ask askOf(const Request& request, Transport transport) {
  if (transport == Transport::kPolling) return askOfPolling(request);
  return request.query.sid.empty() ? Ask::kOpenWebSocket : Ask::kUpgrade;
}

}  // namespace

std::variant<Admission, Refusal> admit(const Request& request, bool allowsRevision3) {
  const Query& query = request.query;
  const bool isHandshake = query.sid.empty();
  const auto transport = transportOf(query);
  if (!transport) return Refusal{Error::kUnknownTransport, Reason::kTransport};
  const auto protocol = protocolOf(query, allowsRevision3);
  if (isHandshake && !protocol) {
    return Refusal{Error::kUnsupportedProtocolVersion, isRevision3(query) ? Reason::kRevision3 : Reason::kRevision};
  }
  if (isHandshake && request.method != Method::kGet) return Refusal{Error::kBadHandshakeMethod, Reason::kMethod};
  if ((transport == Transport::kWebSocket) != request.asksWebSocket) {
    return Refusal{Error::kBadRequest, Reason::kTransportMismatch};
  }
  return Admission{askOf(request, *transport), protocol.value_or(Protocol{})};
}

}  // namespace mediasync::engineio
