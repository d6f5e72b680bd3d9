// Socket.IO on top of Engine.IO messages (Socket.IO protocol 5, and 4 for clients of Engine.IO 3): namespaces,
// attachments, and the way back for a client that lost its connection. What events mean is the application's business.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/connection/application.h"

namespace mediasync::server {

class SocketIo final : public EngineApplication {
 public:
  explicit SocketIo(SocketApplication& application) : application_(application) {}

  bool expectsConnect() const override { return true; }
  void opened(Services&, Caller&) override;
  Handled received(Services&, Caller&, const engineio::Packet&, std::unique_ptr<Deferred>& deferred) override;
  Handled resumed(Services&, Caller&, Deferred&) override;
  std::unique_ptr<Deferred> restored(std::string_view text) const override;

 private:
  std::optional<Handled> plainEvent(Services&, Caller&, std::string_view text);
  Handled packet(Services&, Caller&, const socketio::Packet&, const std::vector<std::string>& attachments);
  Handled connect(Services&, Caller&, const socketio::Packet&);
  Handled connectMain(Services&, Caller&, const nlohmann::json& auth);
  Handled connectOther(Services&, Caller&, const std::string& nsp, const nlohmann::json& auth);
  Handled disconnect(Services&, Caller&, const std::string& nsp);
  Handled deliver(Services&, Caller&, const socketio::Packet&, const std::vector<std::string>& attachments);
  Handled beginBinary(Services&, Caller&, std::string_view text, const socketio::Packet&);
  Handled attachment(Services&, Caller&, std::string_view bytes, std::unique_ptr<Deferred>& deferred);
  bool isRecoverable(Services&, const Caller&, const nlohmann::json& auth) const;

  SocketApplication& application_;
};

}  // namespace mediasync::server
