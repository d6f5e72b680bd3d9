// A caller over polling: its packet came by a POST, maybe to another worker than the one that has its poll. All state
// is in the record, and answers are left there.
#pragma once

#include "core/connection/caller.h"

namespace mediasync::server {

class PostJob;
struct CallerParts;
struct Link;

class PostCaller final : public Caller {
 public:
  PostCaller(const CallerParts&, PostJob&, bool isAgain = false);
  // For the handshake, which has no POST. The allowance must outlive the caller.
  PostCaller(const CallerParts&, const Link& polled, Allowance&);

  void reply(std::string_view packet) override;
  void replyBinary(std::string_view bytes) override;
  void reply(std::string_view packet, const std::vector<std::string>& attachments) override;
  bool tryReply(const Assembled&) override;
  void sendSnapshot(store::ItemKind) override;
  store::SeatRef seat() const override;
  std::optional<std::int64_t> roundTrip() const override { return std::nullopt; }
  void joined(const Place&) override {}  // session_joined was left together with the seat
  void beforeLeaving() override {}
  void left() override {}
  bool isConnectedToMain() const override;
  void connectedToMain(bool) override {}
  void recordChanged(const store::ConnectionRecord&) override {}  // the owner has mail of it
  void comingBack(store::ConnectionTransaction&, const Place&, std::string_view answer) override;
  void cameBack(const Place&, std::string_view) override {}
  bool awaitsAttachments() const override;
  bool expectAttachments(std::uint32_t count, std::string_view packet, std::size_t maxBytes) override;
  Attached takeAttachment(std::string_view bytes, Assembled&) override;

 private:
  const CallerParts& parts_;
};

}  // namespace mediasync::server
