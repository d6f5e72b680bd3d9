// Negotiation of permessage-deflate in the opening handshake (RFC 6455 section 9.1, RFC 7692 sections 5 and 7.1). The
// answer always sets "no context takeover" in both directions: no connection keeps a compressor, and one deflated
// message serves every connection with equal parameters.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mediasync::websocket {

// Base-2 logarithms of LZ77 windows in bytes. RFC 7692 also permits 8, for which zlib cannot write raw deflate.
inline constexpr std::uint8_t kMinWindowBits = 9;
inline constexpr std::uint8_t kMaxWindowBits = 15;

// The parameters agreed with one client. The client may use a window of up to 32 KiB itself, whatever it offered.
struct DeflateParams {
  std::uint8_t serverWindowBits = kMaxWindowBits;  // the server's largest window: 9 to 15
  bool sendServerWindowBits = false;               // the answer names it
  friend bool operator==(const DeflateParams&, const DeflateParams&) = default;
};

// Accepts the first acceptable offer of permessage-deflate, with a window of up to `maxWindowBits` (9 to 15) for the
// server. `secWebSocketExtensions` is the header's value; the caller joins several headers by ", ". An offer with an
// unknown, repeated or invalid parameter, or with server_max_window_bits=8, is declined; names are case-sensitive.
// Returns nullopt if no offer remains or if the value breaks the grammar anywhere: the connection then goes on without
// compression. Takes linear time.
std::optional<DeflateParams> acceptDeflate(std::string_view secWebSocketExtensions, std::uint8_t maxWindowBits);

// Appends the value of the answer's Sec-WebSocket-Extensions header.
void appendDeflateAnswer(std::string& out, const DeflateParams& params);

}  // namespace mediasync::websocket
