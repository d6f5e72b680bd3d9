// Base64 (RFC 4648 section 4) for binary packets in payloads and, in revision 3, in text messages of a WebSocket.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace mediasync::engineio {

// Replaces `out` by the decoded bytes. Returns false, with `out` unspecified, for a foreign character, a length that is
// not a multiple of four, padding anywhere but at the end, or unused bits that are not zero. Empty text is zero bytes.
bool decodeBase64(std::string_view text, std::string& out);

// Number of characters that appendBase64() adds for `size` bytes.
constexpr std::size_t base64Size(std::size_t size) {
  return (size + 2) / 3 * 4;
}

// Appends `bytes`, which must not be part of `out`, with padding.
void appendBase64(std::string& out, std::string_view bytes);

}  // namespace mediasync::engineio
