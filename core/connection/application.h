// What a connection talks to. Applications know packets, not transports; they answer through the worker.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/connection/link.h"
#include "core/context/options.h"
#include "core/engineio/packet.h"
#include "core/session/refusal.h"
#include "core/socketio/packet.h"
#include "core/socketio/plain_event.h"

namespace mediasync::server {

struct Services;
struct Caller;
struct Deferred;

// What became of a packet: done, to be tried again when readers have caught up, or a reason to close the connection:
// the packet itself, or that there were too many.
enum class Handled { kDone, kDeferred, kClose, kFlood };

// The end of a connection that is closed for a packet.
inline Ending endingOf(Handled handled) {
  return handled == Handled::kFlood ? Ending{store::EndReason::kFlood, websocket::CloseCode::kPolicyViolation}
                                    : Ending{store::EndReason::kProtocolError};
}

// On Engine.IO messages.
class EngineApplication {
 public:
  virtual ~EngineApplication() = default;
  // Whether a client has to connect to something within Options::connectTimeout.
  virtual bool expectsConnect() const = 0;
  // A connection was made.
  virtual void opened(Services&, Caller&) = 0;
  // A message came. kDeferred: `deferred` is what to try again.
  virtual Handled received(Services&, Caller&, const engineio::Packet&, std::unique_ptr<Deferred>& deferred) = 0;
  virtual Handled resumed(Services&, Caller&, Deferred&) = 0;
  // What another worker has to try again, from the text of it; null when there can be no such thing.
  virtual std::unique_ptr<Deferred> restored(std::string_view text) const = 0;
};

// On Socket.IO packets: what SocketIo calls.
class SocketApplication {
 public:
  virtual ~SocketApplication() = default;
  virtual bool hasNamespace(Services&, const Caller&, std::string_view nsp) const = 0;
  // How many bytes that packet may have with its attachments. 0: none, and it is refused before any has come.
  virtual std::size_t takesBinary(Services&, const Caller&, const socketio::Packet&) const = 0;
  // Whether a client that lost its connection can come back to what it had.
  virtual bool recovers() const = 0;
  virtual void connected(Services&, Caller&, std::string_view nsp, const nlohmann::json& auth) = 0;
  // An event of a namespace that the client is connected to.
  virtual Handled event(Services&, Caller&, const socketio::Packet&, const std::vector<std::string>& attachments) = 0;
  // The same of one that was read where it stands. nullopt: it is to be decoded. kDeferred: it is to be tried again.
  virtual std::optional<Handled> plainEvent(Services&, Caller&, const socketio::PlainEvent&) = 0;
  // The answer to an acknowledgement that was asked for.
  virtual void acknowledged(Services&, Caller&, const socketio::Packet&,
                            const std::vector<std::string>& attachments) = 0;
  // A packet with attachments came, which are not taken.
  virtual Handled refuseBinary(Services&, Caller&, const socketio::Packet&, const session::Refusal&) = 0;
};

EngineApplication& engineApplication(Application);

}  // namespace mediasync::server
