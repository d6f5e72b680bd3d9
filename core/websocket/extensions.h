// Negotiation of permessage-deflate in the opening handshake (RFC 6455 section 9.1, RFC 7692 sections 5 and 7.1).
// Our answer always holds both directions to "no context takeover": no connection keeps a compressor, and one
// deflated message serves every connection with equal parameters.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mediasync::websocket {

// Base-2 logarithms of LZ77 windows in bytes. RFC 7692 also has 8, which zlib cannot write as raw deflate.
inline constexpr std::uint8_t kMinWindowBits = 9;
inline constexpr std::uint8_t kMaxWindowBits = 15;

// What was agreed with one client. It may use a window of up to 32 KiB itself, whatever it offered.
struct DeflateParams {
  std::uint8_t serverWindowBits = kMaxWindowBits;  // the most we may deflate with: 9 to 15
  bool sendServerWindowBits = false;               // the answer names them
  friend bool operator==(const DeflateParams&, const DeflateParams&) = default;
};

// The first offer of permessage-deflate that we accept, deflating with a window of up to `maxWindowBits` (9 to 15).
// `secWebSocketExtensions` is the header's value; several headers are joined by ", " before. An offer with an
// unknown, repeated or invalid parameter is declined, and so is server_max_window_bits=8; names are compared with
// their case. Nothing when no offer remains, or when the value breaks the grammar anywhere: the connection then does
// without. The work is linear in the value's size.
std::optional<DeflateParams> acceptDeflate(std::string_view secWebSocketExtensions, std::uint8_t maxWindowBits);

// Appends the value of the answer's Sec-WebSocket-Extensions header.
void appendDeflateAnswer(std::string& out, const DeflateParams& params);

}  // namespace mediasync::websocket
