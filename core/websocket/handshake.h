// The opening handshake (RFC 6455 section 4.2), except extensions (see extensions.h). The answer never selects a
// subprotocol.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace mediasync::websocket {

// The only supported protocol version.
inline constexpr std::string_view kVersion = "13";

// True if a request asks to become a WebSocket, by the values of its Upgrade and Connection headers (section 4.2.1,
// items 3 and 4). Connection is a list; the caller joins several headers by ", ". Upgrade must name only the WebSocket
// protocol.
bool asksWebSocket(std::string_view upgrade, std::string_view connection);

// The other requirements of section 4.2.1. Absent header values are "". The caller joins repeated headers that must be
// unique (sections 11.3.1 and 11.3.5) by ", ", which makes them invalid.
struct Opening {
  bool isGet = false;
  bool isHttp11 = false;
  std::string_view key;      // Sec-WebSocket-Key
  std::string_view version;  // Sec-WebSocket-Version
};

enum class OpeningVerdict : std::uint8_t {
  kAccepted,         // answer with 101 and acceptKey()
  kUpgradeRequired,  // another version: 426, with kVersion in Sec-WebSocket-Version (section 4.4)
  kBadRequest,
};

// Checks the version first: only that version defines the other requirements.
OpeningVerdict judge(const Opening& opening);

// True for the base64 form of 16 bytes: 22 characters of the alphabet and "==" (section 4.2.1, item 5).
bool isValidKey(std::string_view secWebSocketKey);

// The Sec-WebSocket-Accept value for a key (section 4.2.2, item 5.4).
std::string acceptKey(std::string_view secWebSocketKey);

}  // namespace mediasync::websocket
