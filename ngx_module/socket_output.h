// The output of a WebSocket that its connection has not taken yet.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "ngx_module/nginx.h"

namespace mediasync::ngx {

// Does not know what becomes of a connection that is broken. Holds no heap while the connection takes everything.
class SocketOutput {
 public:
  // Keeps bytes that are written before the handshake is out.
  void hold(std::string_view bytes);
  bool holds() const { return held_ != nullptr; }
  // Those bytes, which are not kept any longer; null: there are none.
  std::unique_ptr<std::string> takeHeld();

  struct Written {
    std::ptrdiff_t taken;  // -1: the connection does not send any more
    bool isBroken;         // may be so although bytes were taken
  };
  // Sends what the connection takes. When that is less than all, its write event comes as soon as there is room.
  Written write(ngx_connection_t* c, std::string_view bytes);

  // Sends the record that write() has kept for OpenSSL. kWaits: the write event comes as soon as there is room.
  enum class Flushed : std::uint8_t { kAll, kWaits, kBroken };
  Flushed flush(ngx_connection_t* c);
  bool hasRecord() const { return record_ != nullptr; }
  void dropRecord() { record_.reset(); }

 private:
  Written writeTls(ngx_connection_t* c, std::string_view bytes);

  std::unique_ptr<std::string> held_;
  std::unique_ptr<std::string> record_;  // which OpenSSL must be given again, unchanged
};

}  // namespace mediasync::ngx
