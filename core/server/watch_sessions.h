// The application that this is all about: watch sessions, in the main namespace, and what scripts add.
#pragma once

#include "core/server/application.h"

namespace mediasync::server {

class WatchSessions final : public SocketApplication {
 public:
  bool hasNamespace(Worker&, const Caller&, std::string_view nsp) const override;
  std::size_t takesBinary(Worker&, const Caller&, const socketio::Packet&) const override;
  bool recovers() const override { return true; }
  void connected(Worker&, Caller&, std::string_view, const nlohmann::json&) override {}
  Handled event(Worker&, Caller&, const socketio::Packet&, const std::vector<std::string>&) override;
  std::optional<Handled> plainEvent(Worker&, Caller&, const socketio::PlainEvent&) override;
  void acknowledged(Worker&, Caller&, const socketio::Packet&, const std::vector<std::string>&) override;
  Handled refuseBinary(Worker&, Caller&, const socketio::Packet&, const session::Refusal&) override;
};

}  // namespace mediasync::server
