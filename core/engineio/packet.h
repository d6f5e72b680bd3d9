// Engine.IO packets (protocol 4, section "Packet encoding").
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace mediasync::engineio {

enum class PacketType : std::uint8_t { kOpen = 0, kClose, kPing, kPong, kMessage, kUpgrade, kNoop };

// The type before a text message's data; alone, an empty message.
inline constexpr std::string_view kMessagePrefix = "4";
inline constexpr std::string_view kNoopPacket = "6";

// `data` points into the decoded input.
struct Packet {
  PacketType type = PacketType::kNoop;
  std::string_view data;
  bool binary = false;  // a message of raw bytes: a binary WebSocket message, or decoded base64 from a payload
};

// Decodes one text message of a WebSocket: a digit, then the data. Returns nullopt for an empty message or an unknown
// type. Does not examine the data, which is UTF-8 already over WebSocket.
std::optional<Packet> decodeText(std::string_view text);

}  // namespace mediasync::engineio
