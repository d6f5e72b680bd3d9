// Base64 as binary packets use it in payloads and, in revision 3, in text messages of a WebSocket (RFC 4648 section 4).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace mediasync::engineio {

// Replaces `out` with the decoded bytes. False, with `out` unspecified, for a foreign character, a length
// that is no multiple of four, padding anywhere but at the end, and unused bits that are not zero. Empty text
// is zero bytes.
bool decodeBase64(std::string_view text, std::string& out);

// Characters that appendBase64() adds for `size` bytes.
constexpr std::size_t base64Size(std::size_t size) {
  return (size + 2) / 3 * 4;
}

// Adds `bytes`, which are no part of `out`, with padding.
void appendBase64(std::string& out, std::string_view bytes);

}  // namespace mediasync::engineio
