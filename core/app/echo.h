// Two applications for diagnostics, which know nothing of sessions: what a client sends comes back. The conformance
// suites of Engine.IO and Socket.IO run against them.
#pragma once

#include "core/app/socket_application.h"

namespace mediasync::server {

struct Services;

// Every message comes back as it came.
class EngineEcho final : public EngineApplication {
 public:
  explicit EngineEcho(Services& services) : services_(services) {}
  void opened(Caller&) override {}
  Handled received(Caller&, const engineio::Packet&, std::unique_ptr<Deferred>& deferred) override;
  Handled resumed(Caller&, Deferred&) override { return Handled::kDone; }
  std::unique_ptr<Deferred> restored(std::string_view text) const override;

 private:
  Services& services_;
};

// In the namespaces "/" and "/custom":
//   CONNECT           is followed by the event "auth" with its payload, unless it recovers a connection
//   message           comes back as "message-back" with its arguments
//   message-with-ack  is acknowledged with its arguments
//   ask               comes back as "question" with its arguments, and asks for an acknowledgement; the arguments of
//                     that come back as "answer"
class SocketEcho final : public SocketApplication {
 public:
  explicit SocketEcho(Services& services) : services_(services) {}
  bool hasNamespace(const Caller&, std::string_view nsp) const override { return nsp == "/" || nsp == "/custom"; }
  std::size_t takesBinary(const Caller&, const socketio::Packet&) const override;
  bool recovers() const override { return true; }
  void connected(Caller&, std::string_view nsp, const nlohmann::json& auth) override;
  Handled event(Caller&, const socketio::Packet&, const std::vector<std::string>& attachments) override;
  std::optional<Handled> plainEvent(Caller&, const socketio::PlainEvent&) override { return std::nullopt; }
  void acknowledged(Caller&, const socketio::Packet&, const std::vector<std::string>& attachments) override;
  Handled refuseBinary(Caller&, const socketio::Packet&, const session::Refusal&) override { return Handled::kClose; }

 private:
  Services& services_;
};

}  // namespace mediasync::server
