// The application of a connection that speaks Socket.IO.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string_view>
#include <vector>

#include "core/connection/application.h"
#include "core/session/refusal.h"
#include "core/socketio/packet.h"
#include "core/socketio/plain_event.h"

namespace mediasync::server {

class Caller;

// Socket.IO packets reach it by way of SocketIo.
class SocketApplication {
 public:
  virtual ~SocketApplication() = default;
  virtual bool hasNamespace(const Caller&, std::string_view nsp) const = 0;
  // The most bytes that the packet may have with its attachments. 0: it is refused before any attachment has come.
  virtual std::size_t takesBinary(const Caller&, const socketio::Packet&) const = 0;
  // True if a client that lost its connection can recover it.
  virtual bool recovers() const = 0;
  virtual void connected(Caller&, std::string_view nsp, const nlohmann::json& auth) = 0;
  // An event of a namespace that the client is connected to.
  virtual Handled event(Caller&, const socketio::Packet&, const std::vector<std::string>& attachments) = 0;
  // The same for a packet that was read in place. nullopt: decode it. kDeferred: try again later.
  virtual std::optional<Handled> plainEvent(Caller&, const socketio::PlainEvent&) = 0;
  // The answer to an acknowledgement that was asked for.
  virtual void acknowledged(Caller&, const socketio::Packet&, const std::vector<std::string>& attachments) = 0;
  // A packet with attachments came, which are not taken.
  virtual Handled refuseBinary(Caller&, const socketio::Packet&, const session::Refusal&) = 0;
};

}  // namespace mediasync::server
