// Maps requests at an Engine.IO path to operations, and refuses invalid ones (protocols 3 and 4, sections "HTTP
// long-polling" and "WebSocket").
#pragma once

#include <cstdint>
#include <variant>

#include "core/engineio/error.h"
#include "core/engineio/protocol.h"
#include "core/engineio/query.h"

namespace mediasync::engineio {

enum class Method : std::uint8_t { kGet, kPost, kOther };

// The parts of an HTTP request that Engine.IO uses.
struct Request {
  Query query;
  Method method = Method::kGet;
  bool asksWebSocket = false;  // see websocket::asksWebSocket()
};

enum class Ask : std::uint8_t {
  kOpenPolling,    // a handshake
  kPoll,           // GET for a connection: fetches output for the client
  kPost,           // POST for a connection: input from the client
  kUnknownMethod,  // another method for a connection: Error::kUnknownSid if it does not exist, otherwise kBadRequest
  kOpenWebSocket,  // a handshake
  kUpgrade,        // from a polling connection to WebSocket
};

struct Admission {
  Ask ask = Ask::kPoll;
  Protocol protocol;  // for a new connection; an existing one keeps its own
};

// Why a request is refused.
enum class Reason : std::uint8_t {
  kTransport,          // an unknown transport, or JSONP
  kRevision3,          // revision 3, which is not allowed here
  kRevision,           // an unknown revision
  kMethod,             // a handshake with another method than GET
  kTransportMismatch,  // the query's transport is not the request's
};

struct Refusal {
  Error error;
  Reason reason;
  friend bool operator==(const Refusal&, const Refusal&) = default;
};

// Refuses for the first of these reasons that applies: an unknown transport; an unknown revision, in a handshake; a
// handshake that is not a GET; a WebSocket without an upgrade, or an upgrade to anything else. A handshake without EIO
// has revision 3, which is allowed only with `allowsRevision3`; only that revision has b64. Later steps check whether
// the sid's connection exists and how a WebSocket opens (see core/websocket/handshake.h).
std::variant<Admission, Refusal> admit(const Request& request, bool allowsRevision3);

}  // namespace mediasync::engineio
