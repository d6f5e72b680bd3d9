// New connections, and connections found by their sid.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/context/options.h"
#include "core/context/part.h"
#include "core/engineio/protocol.h"
#include "core/store/connection_table.h"

namespace mediasync::server {

class Namespaces;

// A handshake found no place.
struct NoSpace {
  std::string_view reason;  // a sentence
  store::HandshakeRefusal why = store::HandshakeRefusal::kMemory;
};
inline constexpr NoSpace kConnectionsFull{"The server holds as many connections as it may",
                                          store::HandshakeRefusal::kConnections};
inline constexpr NoSpace kMemoryFull{"The server is out of memory for connections", store::HandshakeRefusal::kMemory};

class Handshakes : Part {
 public:
  Handshakes(Context&, Namespaces&);
  NoSpace turnAway(NoSpace);
  std::optional<NoSpace> checkRoom(const Options&);
  void create(store::ConnectionTransaction&, const store::RandomId& sid, store::Transport, const Options&,
              engineio::Protocol, const Newcomer&, Instant now);
  store::Realm realmOf(const Options&) const;
  bool findConnection(store::ConnectionTransaction&, const store::RandomId& sid, const Options&);

 private:
  static bool isOverdue(const store::ConnectionRecord&, std::int64_t now);

  Namespaces& namespaces_;
};

}  // namespace mediasync::server
