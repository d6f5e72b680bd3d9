// The opening handshake (RFC 6455 section 4.2), but for extensions (see extensions.h). Subprotocols are not looked at:
// the answer selects none.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace mediasync::websocket {

// The only version of the protocol that is spoken.
inline constexpr std::string_view kVersion = "13";

// Whether a request asks to become a WebSocket, by the values of its Upgrade and Connection headers (section 4.2.1,
// items 3 and 4). Connection is a list, and may come in several headers, which are joined by ", " before. Upgrade has
// to name nothing else.
bool asksWebSocket(std::string_view upgrade, std::string_view connection);

// The rest of what section 4.2.1 requires of such a request. Header values are "" when absent. A header that must not
// come twice (sections 11.3.1 and 11.3.5) is joined by ", " when it did, and so is valid no more.
struct Opening {
  bool isGet = false;
  bool isHttp11 = false;
  std::string_view key;      // Sec-WebSocket-Key
  std::string_view version;  // Sec-WebSocket-Version
};

enum class OpeningVerdict : std::uint8_t {
  kAccepted,         // to be answered with 101 and acceptKey()
  kUpgradeRequired,  // another version: 426, with ours in Sec-WebSocket-Version (section 4.4)
  kBadRequest,
};

// The version goes first: what else a request of another version must have, only that version knows.
OpeningVerdict judge(const Opening& opening);

// True for the base64 form of 16 bytes: 22 characters of the alphabet and "==" (section 4.2.1, item 5).
bool isValidKey(std::string_view secWebSocketKey);

// The Sec-WebSocket-Accept value for that key (section 4.2.2, item 5.4).
std::string acceptKey(std::string_view secWebSocketKey);

}  // namespace mediasync::websocket
