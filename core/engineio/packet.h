// Engine.IO packets (protocol 4, section "Packet encoding").
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace mediasync::engineio {

enum class PacketType : std::uint8_t { kOpen = 0, kClose, kPing, kPong, kMessage, kUpgrade, kNoop };

// Packets without data, as text; a prefix is the type before the data, and alone a packet with empty data.
inline constexpr std::string_view kClosePacket = "1";
inline constexpr std::string_view kPingPacket = "2";
inline constexpr std::string_view kPongPrefix = "3";
inline constexpr std::string_view kMessagePrefix = "4";
inline constexpr std::string_view kUpgradePacket = "5";
inline constexpr std::string_view kNoopPacket = "6";
// The first packets over a WebSocket that is to upgrade a connection: a ping, and its pong.
inline constexpr std::string_view kProbePacket = "2probe";
inline constexpr std::string_view kProbeAnswer = "3probe";

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
