// Sorts requests to the path of Engine.IO by what they ask for, and refuses those that ask for nothing valid (protocols
// 3 and 4, sections "HTTP long-polling" and "WebSocket").
#pragma once

#include <cstdint>
#include <variant>

#include "core/engineio/error.h"
#include "core/engineio/protocol.h"
#include "core/engineio/query.h"

namespace mediasync::engineio {

enum class Method : std::uint8_t { kGet, kPost, kOther };

// A request of HTTP, as far as Engine.IO looks at it.
struct Request {
  Query query;
  Method method = Method::kGet;
  bool asksWebSocket = false;  // see websocket::asksWebSocket()
};

enum class Ask : std::uint8_t {
  kOpenPolling,    // a handshake
  kPoll,           // GET of a connection: what the server has for the client
  kPost,           // POST to a connection: what the client has for the server
  kUnknownMethod,  // of a connection's polling: Error::kUnknownSid when there is no such one, or else kBadRequest
  kOpenWebSocket,  // a handshake
  kUpgrade,        // of a connection that polls, to WebSocket
};

struct Admission {
  Ask ask = Ask::kPoll;
  Protocol protocol;  // counts for a new connection; an existing one keeps what it has
};

// Why nothing can come of a request.
enum class Reason : std::uint8_t {
  kTransport,          // of an unknown name, or JSONP
  kRevision3,          // which is not allowed here
  kRevision,           // which nobody speaks
  kMethod,             // of a handshake
  kTransportMismatch,  // the transport of the query is not that of the request
};

struct Refusal {
  Error error;
  Reason reason;
  friend bool operator==(const Refusal&, const Refusal&) = default;
};

// The first of these that applies: an unknown transport; an unknown revision, in a handshake; a handshake that is not a
// GET; a WebSocket without an upgrade, or an upgrade to anything else. A handshake without EIO is of revision 3, which
// is served only where `allowsRevision3`; only that revision knows b64. Whether there is a connection of that sid, and
// how a WebSocket opens (see core/websocket/handshake.h), is decided later.
std::variant<Admission, Refusal> admit(const Request& request, bool allowsRevision3);

}  // namespace mediasync::engineio
