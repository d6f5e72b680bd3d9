// The beginnings of Socket.IO packets in Engine.IO messages.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/engineio/packet.h"
#include "core/socketio/encoder.h"

namespace mediasync::server {

// The name and the arguments follow, as a JSON array.
inline std::string eventPacket(std::string_view nsp = "/") {
  constexpr std::size_t kUsual = 160;
  std::string packet;
  packet.reserve(kUsual);
  packet.push_back(engineio::kMessagePrefix.front());
  socketio::appendEventPrefix(packet, nsp);
  return packet;
}

// The values follow, as a JSON array.
inline std::string ackPacket(std::uint64_t id, std::string_view nsp = "/") {
  std::string packet(engineio::kMessagePrefix);
  socketio::appendAckPrefix(packet, nsp, id);
  return packet;
}

}  // namespace mediasync::server
