// The application that this is all about: watch sessions, in the main namespace, and what scripts add.
#pragma once

#include "core/connection/application.h"

namespace mediasync::server {

class WatchSessions final : public SocketApplication {
 public:
  bool hasNamespace(Services&, const Caller&, std::string_view nsp) const override;
  std::size_t takesBinary(Services&, const Caller&, const socketio::Packet&) const override;
  bool recovers() const override { return true; }
  void connected(Services&, Caller&, std::string_view, const nlohmann::json&) override {}
  Handled event(Services&, Caller&, const socketio::Packet&, const std::vector<std::string>&) override;
  std::optional<Handled> plainEvent(Services&, Caller&, const socketio::PlainEvent&) override;
  void acknowledged(Services&, Caller&, const socketio::Packet&, const std::vector<std::string>&) override;
  Handled refuseBinary(Services&, Caller&, const socketio::Packet&, const session::Refusal&) override;
};

}  // namespace mediasync::server
