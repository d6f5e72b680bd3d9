// Answers to one client, over whatever transport it has, and refusals.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/connection/application.h"
#include "core/connection/caller.h"
#include "core/context/part.h"

namespace mediasync::server {

class Links;
class Outbox;
class SocketWriter;

class Replies : Part {
 public:
  Replies(Context&, Links&, Outbox&, SocketWriter&);
  // Sends one Engine.IO packet as text ("4hello"), or one message of raw bytes.
  void reply(Caller&, std::string_view packet);
  // Nothing else comes in between.
  void reply(Caller&, std::string_view packet, const std::vector<std::string>& attachments);
  void replyBinary(Caller&, std::string_view bytes);
  void countCommand();
  void refuse(Caller&, const session::Refusal&, std::string_view event, std::optional<std::uint64_t> ack,
              std::string_view nsp = "/");
  bool isTooFast(const Caller&);
  Handled refuseTooFast(Request&, const Rate&);
  void replyTo(const store::ConnectionRef&, std::string_view packet);

 private:
  Links& links_;
  Outbox& outbox_;
  SocketWriter& writer_;
};

}  // namespace mediasync::server
