// Engine.IO packets (protocol 4, section "Packet encoding").
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace mediasync::engineio {

enum class PacketType : std::uint8_t { kOpen = 0, kClose, kPing, kPong, kMessage, kUpgrade, kNoop };

// The type in front of a text message's data, and a whole packet that says nothing.
inline constexpr std::string_view kMessagePrefix = "4";
inline constexpr std::string_view kNoopPacket = "6";

// `data` points into what was decoded.
struct Packet {
  PacketType type = PacketType::kNoop;
  std::string_view data;
  bool binary = false;  // a message of raw bytes: a binary WebSocket message, or base64 in a payload (decoded already)
};

// Decodes one text message of a WebSocket: a digit, then the data. nullopt for an empty message and an
// unknown type. The data is not looked at; over WebSocket it is UTF-8 already.
std::optional<Packet> decodeText(std::string_view text);

}  // namespace mediasync::engineio
