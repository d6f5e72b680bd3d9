// Packets as frames of one WebSocket, gathered where several follow each other.
#pragma once

#include <string>
#include <string_view>

#include "core/context/part.h"

namespace mediasync::server {

class SocketWriter : Part {
 public:
  explicit SocketWriter(Context&);
  void send(Link&, std::string_view packet);
  void sendBinary(Link&, std::string_view bytes);
  void sendRaw(Link&, std::string_view frames);
  void uncork(Link&);

 private:
  void lendBuffer(Link&);
  void takeBackBuffer(Link&);

  std::string spareOut_;  // empty; see lendBuffer()
};

}  // namespace mediasync::server
