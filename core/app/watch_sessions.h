// The application that this is all about: watch sessions, in the main namespace, and what scripts add.
#pragma once

#include "core/app/socket_application.h"

namespace mediasync::server {

struct Services;

class WatchSessions final : public SocketApplication {
 public:
  explicit WatchSessions(Services& services) : services_(services) {}
  bool hasNamespace(const Caller&, std::string_view nsp) const override;
  std::size_t takesBinary(const Caller&, const socketio::Packet&) const override;
  bool recovers() const override { return true; }
  void connected(Caller&, std::string_view, const nlohmann::json&) override {}
  Handled event(Caller&, const socketio::Packet&, const std::vector<std::string>&) override;
  std::optional<Handled> plainEvent(Caller&, const socketio::PlainEvent&) override;
  void acknowledged(Caller&, const socketio::Packet&, const std::vector<std::string>&) override;
  Handled refuseBinary(Caller&, const socketio::Packet&, const session::Refusal&) override;

 private:
  Services& services_;
};

}  // namespace mediasync::server
