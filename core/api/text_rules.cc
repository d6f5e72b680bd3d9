#include "core/api/text_rules.h"

#include "core/base/utf8.h"
#include "core/session/command.h"

namespace mediasync::api {
namespace {

// `text` must be valid UTF-8: there C2 is always a lead byte, and C2 80 to C2 9F are the C1 controls.
bool hasControlCharacter(std::string_view text) {
  unsigned char previous = 0;
  for (const char byte : text) {
    const auto c = static_cast<unsigned char>(byte);
    if (c < 0x20 || c == 0x7F || (previous == 0xC2 && c < 0xA0)) return true;
    previous = c;
  }
  return false;
}

}  // namespace

bool isText(std::string_view text, std::size_t maxBytes) {
  return text.size() <= maxBytes && isValidUtf8(text) && !hasControlCharacter(text);
}

std::string_view cutAtCharacter(std::string_view text, std::size_t maxBytes) {
  if (text.size() <= maxBytes) return text;
  std::size_t end = maxBytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80)
    --end;
  return text.substr(0, end);
}

bool isId(std::string_view text) {
  return !text.empty() && isText(text, session::kMaxIdBytes);
}

bool isUsername(std::string_view text) {
  return !text.empty() && isText(text, session::kMaxUsernameBytes);
}

bool isSecret(std::string_view text) {
  return text.size() >= session::kMinSecretBytes && isText(text, session::kMaxSecretBytes);
}

}  // namespace mediasync::api
