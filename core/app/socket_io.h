// Socket.IO on top of Engine.IO messages (Socket.IO protocol 5, and 4 for clients of Engine.IO 3): namespaces,
// attachments, and the way back for a client that lost its connection. What events mean is the application's business.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/app/socket_application.h"

namespace mediasync::server {

struct Services;

class SocketIo final : public EngineApplication {
 public:
  SocketIo(Services& services, SocketApplication& application) : services_(services), application_(application) {}

  void opened(Caller&) override;
  Handled received(Caller&, const engineio::Packet&, std::unique_ptr<Deferred>& deferred) override;
  Handled resumed(Caller&, Deferred&) override;
  std::unique_ptr<Deferred> restored(std::string_view text) const override;

 private:
  std::optional<Handled> plainEvent(Caller&, std::string_view text);
  Handled packet(Caller&, const socketio::Packet&, const std::vector<std::string>& attachments);
  Handled connect(Caller&, const socketio::Packet&);
  Handled connectMain(Caller&, const nlohmann::json& auth);
  Handled connectOther(Caller&, const std::string& nsp, const nlohmann::json& auth);
  Handled disconnect(Caller&, const std::string& nsp);
  Handled deliver(Caller&, const socketio::Packet&, const std::vector<std::string>& attachments);
  Handled beginBinary(Caller&, std::string_view text, const socketio::Packet&);
  Handled attachment(Caller&, std::string_view bytes, std::unique_ptr<Deferred>& deferred);
  bool isRecoverable(const Caller&, const nlohmann::json& auth) const;

  Services& services_;
  SocketApplication& application_;
};

}  // namespace mediasync::server
