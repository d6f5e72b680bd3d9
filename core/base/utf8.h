// UTF-8 (RFC 3629): validation, which refuses overlong forms, surrogates and code points above U+10FFFF; and lengths in
// UTF-16 code units.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace mediasync {

// Validates text that arrives in pieces; a piece may end inside a character. Holds four bytes of state.
class Utf8Validator {
 public:
  // Returns false from the first byte that cannot continue a valid text; sticky until reset().
  bool feed(std::span<const std::uint8_t> bytes);
  // True if everything fed so far is valid text that does not end inside a character.
  bool complete() const { return !failed_ && remaining_ == 0; }
  void reset() { *this = Utf8Validator(); }

 private:
  bool startCharacter(std::uint8_t byte);
  bool step(std::uint8_t byte);

  std::uint8_t remaining_ = 0;  // continuation bytes the present character still needs
  std::uint8_t lowest_ = 0x80;  // bounds of the next continuation byte
  std::uint8_t highest_ = 0xbf;
  bool failed_ = false;
};

// True if all of `text` is valid UTF-8. Empty text is valid.
bool isValidUtf8(std::string_view text);

// Number of UTF-16 code units of valid UTF-8: the length of the string in JavaScript.
std::size_t utf16Length(std::string_view utf8);

// Number of bytes that hold the first `units` UTF-16 code units of `text`. Returns nullopt if the text has fewer, or if
// the last one is the first half of a surrogate pair. It reads only the first byte of each character: the result is
// correct if those bytes are valid, which isValidUtf8() must check. Takes time in proportion to the result, not to the
// text.
std::optional<std::size_t> utf16Prefix(std::string_view text, std::size_t units);

}  // namespace mediasync
