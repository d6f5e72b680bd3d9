// Packets as frames of one WebSocket, gathered where several follow each other.
#pragma once

#include <string>
#include <string_view>

#include "core/context/part.h"
#include "core/delivery/recipient.h"

namespace mediasync::server {

class SocketWriter : Part {
 public:
  explicit SocketWriter(Context&);
  void send(Recipient&, std::string_view packet);
  void sendBinary(Recipient&, std::string_view bytes);
  void sendRaw(Recipient&, std::string_view frames);
  void uncork(Recipient&);

 private:
  void lendBuffer(Recipient&);
  void takeBackBuffer(Recipient&);

  std::string spareOut_;  // empty; see lendBuffer()
};

}  // namespace mediasync::server
