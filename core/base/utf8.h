// UTF-8 (RFC 3629): validation, with no overlong forms, no surrogates and nothing above U+10FFFF, and lengths in the
// code units of UTF-16.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace mediasync {

// Validates text that arrives in pieces; a piece may end inside a character. Keeps four bytes of state.
class Utf8Validator {
 public:
  // False from the first byte on that no valid text could continue with; sticky until reset().
  bool feed(std::span<const std::uint8_t> bytes);
  // True when everything fed so far is valid text that does not end inside a character.
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

// True when `text` as a whole is valid UTF-8; empty text is.
bool isValidUtf8(std::string_view text);

// The code units that `utf8`, which is valid, has in UTF-16: the length of the same string in JavaScript.
std::size_t utf16Length(std::string_view utf8);

// The bytes that hold the first `units` code units of `text`. nullopt when it has fewer, and when the last of them is
// the first half of a surrogate pair. Only the first byte of each character is looked at: the answer is that of a valid
// text if those bytes are valid, which is left to isValidUtf8(). Takes time in proportion to the answer, not the text.
std::optional<std::size_t> utf16Prefix(std::string_view text, std::size_t units);

}  // namespace mediasync
