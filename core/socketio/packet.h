// A Socket.IO packet (Socket.IO protocol 5, section "Packet encoding") and the limits of one from a peer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "core/base/json_box.h"

namespace mediasync::socketio {

enum class PacketType : std::uint8_t {
  kConnect = 0,
  kDisconnect,
  kEvent,
  kAck,
  kConnectError,
  kBinaryEvent,
  kBinaryAck
};

struct Packet {
  PacketType type = PacketType::kEvent;
  std::string nsp = "/";
  std::optional<std::uint64_t> id;  // of the acknowledgement
  std::uint32_t attachments = 0;    // binary messages that follow a kBinaryEvent or kBinaryAck
  JsonBox data;                     // null if absent
  bool hasData = false;
};

struct Limits {
  std::uint32_t maxAttachments = 10;
  std::size_t maxDepth = 64;       // of nested arrays and objects
  std::size_t maxNamespace = 256;  // bytes
};

}  // namespace mediasync::socketio
