// A caller over WebSocket: this worker owns its connection, and keeps the link in step with the record.
#pragma once

#include "core/connection/caller.h"
#include "core/connection/link.h"

namespace mediasync::server {

class Channel;
struct CallerParts;

class SocketCaller final : public Caller {
 public:
  // The channel has a link.
  SocketCaller(const CallerParts&, Channel&, bool isAgain = false);

  void reply(std::string_view packet) override;
  void replyBinary(std::string_view bytes) override;
  void reply(std::string_view packet, const std::vector<std::string>& attachments) override;
  bool tryReply(const Assembled&) override;
  void sendSnapshot(store::ItemKind) override;
  store::SeatRef seat() const override { return link_.seat; }
  std::optional<std::int64_t> roundTrip() const override { return link_.socket->roundTrip(); }
  void joined(const Place&) override;
  void beforeLeaving() override;
  void left() override;
  bool isConnectedToMain() const override { return link_.namespaceConnected; }
  void connectedToMain(bool recoverable) override;
  void recordChanged(const store::ConnectionRecord&) override;
  void comingBack(store::ConnectionTransaction&, const Place&, std::string_view) override {}
  void cameBack(const Place&, std::string_view answer) override;
  bool awaitsAttachments() const override { return link_.binaryLeft > 0; }
  bool expectAttachments(std::uint32_t count, std::string_view packet, std::size_t maxBytes) override;
  Attached takeAttachment(std::string_view bytes, Assembled&) override;

 private:
  const CallerParts& parts_;
  Link& link_;
};

}  // namespace mediasync::server
