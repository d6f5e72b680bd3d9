// Events that only the operator's scripts handle.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/connection/application.h"
#include "core/context/part.h"
#include "core/socketio/packet.h"

namespace mediasync::server {

class Hooks;
class Replies;

class ScriptEvents : Part {
 public:
  ScriptEvents(Context&, Hooks&, Replies&);
  Handled scriptEvent(Caller&, const socketio::Packet&, const std::vector<std::string>& attachments);

 private:
  void acknowledge(Caller&, const socketio::Packet&, std::string_view data);

  Hooks& hooks_;
  Replies& replies_;
};

}  // namespace mediasync::server
