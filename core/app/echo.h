// Two applications for diagnostics, which know nothing of sessions: what a client sends comes back. The conformance
// suites of Engine.IO and Socket.IO run against them.
#pragma once

#include "core/connection/application.h"

namespace mediasync::server {

// Every message comes back as it came.
class EngineEcho final : public EngineApplication {
 public:
  bool expectsConnect() const override { return false; }
  void opened(Services&, Caller&) override {}
  Handled received(Services&, Caller&, const engineio::Packet&, std::unique_ptr<Deferred>& deferred) override;
  Handled resumed(Services&, Caller&, Deferred&) override { return Handled::kDone; }
  std::unique_ptr<Deferred> restored(std::string_view text) const override;
};

// In the namespaces "/" and "/custom":
//   CONNECT           is followed by the event "auth" with the payload that came with it, unless it recovers a
//   connection message           comes back as "message-back" with its arguments message-with-ack  is acknowledged with
//   its arguments ask               comes back as "question" with its arguments, and an acknowledgement is asked for;
//   what the client
//                     acknowledges comes back as "answer"
class SocketEcho final : public SocketApplication {
 public:
  bool hasNamespace(Services&, const Caller&, std::string_view nsp) const override {
    return nsp == "/" || nsp == "/custom";
  }
  std::size_t takesBinary(Services&, const Caller&, const socketio::Packet&) const override;
  bool recovers() const override { return true; }
  void connected(Services&, Caller&, std::string_view nsp, const nlohmann::json& auth) override;
  Handled event(Services&, Caller&, const socketio::Packet&, const std::vector<std::string>& attachments) override;
  std::optional<Handled> plainEvent(Services&, Caller&, const socketio::PlainEvent&) override { return std::nullopt; }
  void acknowledged(Services&, Caller&, const socketio::Packet&, const std::vector<std::string>& attachments) override;
  Handled refuseBinary(Services&, Caller&, const socketio::Packet&, const session::Refusal&) override {
    return Handled::kClose;
  }
};

}  // namespace mediasync::server
