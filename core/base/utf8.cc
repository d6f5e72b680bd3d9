#include "core/base/utf8.h"

#include <cstddef>
#include <cstring>

#include "core/base/bytes.h"

namespace mediasync {
namespace {

constexpr std::size_t kWord = sizeof(std::uint64_t);

bool isAsciiWord(const std::uint8_t* bytes) {
  std::uint64_t word = 0;
  std::memcpy(&word, bytes, kWord);
  return (word & 0x8080808080808080U) == 0;
}

// Bytes of the character that `first` begins. What begins no character counts as one byte.
std::size_t characterSize(std::uint8_t first) {
  if (first < 0xc0) return 1;
  if (first < 0xe0) return 2;
  return first < 0xf0 ? 3 : 4;
}

}  // namespace

// RFC 3629 section 4: only the first continuation byte has bounds of its own.
bool Utf8Validator::startCharacter(std::uint8_t byte) {
  lowest_ = 0x80;
  highest_ = 0xbf;
  if (byte < 0x80) return true;
  if (byte < 0xc2 || byte > 0xf4) return false;
  if (byte < 0xe0) {
    remaining_ = 1;
  } else if (byte < 0xf0) {
    remaining_ = 2;
    if (byte == 0xe0) lowest_ = 0xa0;
    if (byte == 0xed) highest_ = 0x9f;
  } else {
    remaining_ = 3;
    if (byte == 0xf0) lowest_ = 0x90;
    if (byte == 0xf4) highest_ = 0x8f;
  }
  return true;
}

bool Utf8Validator::step(std::uint8_t byte) {
  if (remaining_ == 0) return startCharacter(byte);
  if (byte < lowest_ || byte > highest_) return false;
  lowest_ = 0x80;
  highest_ = 0xbf;
  --remaining_;
  return true;
}

bool Utf8Validator::feed(std::span<const std::uint8_t> bytes) {
  if (failed_) return false;
  std::size_t at = 0;
  while (at < bytes.size()) {
    if (remaining_ == 0 && bytes.size() - at >= kWord && isAsciiWord(bytes.data() + at)) {
      at += kWord;
      continue;
    }
    if (!step(bytes[at++])) {
      failed_ = true;
      return false;
    }
  }
  return true;
}

bool isValidUtf8(std::string_view text) {
  Utf8Validator validator;
  return validator.feed(asBytes(text)) && validator.complete();
}

// A character is one unit, and a second one from U+10000 on, where its first byte is 0xf0 or more.
std::size_t utf16Length(std::string_view utf8) {
  std::size_t units = 0;
  for (const char c : utf8) {
    const auto byte = static_cast<std::uint8_t>(c);
    units += static_cast<std::size_t>((byte & 0xc0) != 0x80) + static_cast<std::size_t>(byte >= 0xf0);
  }
  return units;
}

std::optional<std::size_t> utf16Prefix(std::string_view text, std::size_t units) {
  if (units > text.size()) return std::nullopt;  // no character has more units than bytes
  const auto* bytes = asBytes(text).data();
  std::size_t at = 0;
  while (units > 0) {
    if (units >= kWord && text.size() - at >= kWord && isAsciiWord(bytes + at)) {
      at += kWord;
      units -= kWord;
      continue;
    }
    if (at == text.size()) return std::nullopt;
    const std::size_t size = characterSize(bytes[at]);
    const std::size_t characterUnits = size == 4 ? 2 : 1;
    if (size > text.size() - at || characterUnits > units) return std::nullopt;
    at += size;
    units -= characterUnits;
  }
  return at;
}

}  // namespace mediasync
