// The two computations of the opening handshake (RFC 6455 section 4.2).
#pragma once

#include <string>
#include <string_view>

namespace mediasync::websocket {

// True for the base64 form of 16 bytes: 22 characters of the alphabet and "==" (section 4.2.1, item 5).
bool isValidKey(std::string_view secWebSocketKey);

// The Sec-WebSocket-Accept value for that key (section 4.2.2, item 5.4).
std::string acceptKey(std::string_view secWebSocketKey);

}  // namespace mediasync::websocket
