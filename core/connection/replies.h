// Refusals, and answers that come later.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

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
