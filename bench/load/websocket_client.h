// A client over WebSocket: Socket.IO from the handshake on, or a bare WebSocket that takes whatever comes.
#pragma once

#include <boost/asio/ip/tcp.hpp>

#include "bench/load/client.h"
#include "bench/load/frame_reader.h"

namespace mediasync::bench {

class WebSocketClient final : public Client, private Readable {
 public:
  WebSocketClient(Context& context, int number, int session, int member)
      : Client(context, number, session, member), socket_(context.io) {}

  void connect(bool join) override;
  void drop() override;
  void send(std::string_view packet) override;

  // Does not read, until it does again. The socket's buffer is made small, so that the server notices.
  void stopReading();
  void goOnReading();
  std::size_t unsentBytes() const { return unsent_.size(); }

 private:
  std::string request() const;
  void requestUpgrade();
  void write();
  void read() override;
  void take(std::string_view bytes, std::int64_t now);
  std::string_view takeResponse(std::string_view bytes);
  void broken();

  asio::ip::tcp::socket socket_;
  FrameReader frames_;
  std::string response_;  // of the handshake, while it is incomplete
  std::string unsent_;
  unsigned life_ = 0;  // waits of an earlier connection come to nothing
  bool isUpgraded_ = false;
};

}  // namespace mediasync::bench
