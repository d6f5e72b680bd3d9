#include "core/engineio/base64.h"

#include <cstddef>
#include <cstdint>
#include <optional>

namespace mediasync::engineio {
namespace {

constexpr std::size_t kGroup = 4;
constexpr std::size_t kGroupBytes = 3;
constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::optional<std::uint32_t> valueOf(char c) {
  if (c >= 'A' && c <= 'Z') return static_cast<std::uint32_t>(c - 'A');
  if (c >= 'a' && c <= 'z') return static_cast<std::uint32_t>(c - 'a' + 26);
  if (c >= '0' && c <= '9') return static_cast<std::uint32_t>(c - '0' + 52);
  if (c == '+') return 62;
  if (c == '/') return 63;
  return std::nullopt;
}

// Decodes two to four characters, the padding already taken off, into one to three bytes.
bool decodeGroup(std::string_view characters, std::string& out) {
  std::uint32_t bits = 0;
  for (const char c : characters) {
    const auto value = valueOf(c);
    if (!value) return false;
    bits = (bits << 6) | *value;
  }
  const std::size_t padding = kGroup - characters.size();
  bits <<= 6 * padding;
  const std::uint32_t unused = (1U << (8 * padding)) - 1;
  if ((bits & unused) != 0) return false;
  for (std::size_t i = 0; i < 3 - padding; ++i)
    out.push_back(static_cast<char>((bits >> (16 - 8 * i)) & 0xff));
  return true;
}

// Encodes one to three bytes into four characters at `out`.
void encodeGroup(std::string_view bytes, char* out) {
  std::uint32_t bits = 0;
  for (std::size_t i = 0; i < kGroupBytes; ++i) {
    bits = (bits << 8) | (i < bytes.size() ? static_cast<std::uint8_t>(bytes[i]) : 0U);
  }
  for (std::size_t i = 0; i < kGroup; ++i) {
    out[i] = i <= bytes.size() ? kAlphabet[(bits >> (18 - 6 * i)) & 0x3f] : '=';
  }
}

}  // namespace

bool decodeBase64(std::string_view text, std::string& out) {
  out.clear();
  if (text.size() % kGroup != 0) return false;
  out.reserve(text.size() / kGroup * 3);
  if (text.ends_with("==")) {
    text.remove_suffix(2);
  } else if (text.ends_with('=')) {
    text.remove_suffix(1);
  }
  for (std::size_t at = 0; at < text.size(); at += kGroup) {
    if (!decodeGroup(text.substr(at, kGroup), out)) return false;
  }
  return true;
}

void appendBase64(std::string& out, std::string_view bytes) {
  std::size_t end = out.size();
  out.resize(end + base64Size(bytes.size()));
  for (std::size_t at = 0; at < bytes.size(); at += kGroupBytes) {
    encodeGroup(bytes.substr(at, kGroupBytes), out.data() + end);
    end += kGroup;
  }
}

}  // namespace mediasync::engineio
