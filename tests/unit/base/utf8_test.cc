#include "core/base/utf8.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <optional>
#include <string>
#include <vector>

using mediasync::isValidUtf8;
using mediasync::utf16Length;
using mediasync::utf16Prefix;
using mediasync::Utf8Validator;

namespace {

std::span<const std::uint8_t> bytesOf(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

bool isValidByteByByte(std::string_view text) {
  Utf8Validator validator;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!validator.feed(bytesOf(text.substr(i, 1)))) return false;
  }
  return validator.complete();
}

std::string encode(std::uint32_t point) {
  const auto tail = [&](int shift) { return static_cast<char>(0x80 | ((point >> shift) & 0x3f)); };
  if (point < 0x80) return {static_cast<char>(point)};
  if (point < 0x800) return {static_cast<char>(0xc0 | (point >> 6)), tail(0)};
  if (point < 0x10000) return {static_cast<char>(0xe0 | (point >> 12)), tail(6), tail(0)};
  return {static_cast<char>(0xf0 | (point >> 18)), tail(12), tail(6), tail(0)};
}

}  // namespace

TEST_CASE("every code point but the surrogates is valid, up to U+10FFFF", "[utf8]") {
  std::uint32_t wrong = 0;
  for (std::uint32_t point = 0; point < 0x110400; ++point) {
    const bool isSurrogate = point >= 0xd800 && point <= 0xdfff;
    const bool expected = !isSurrogate && point <= 0x10ffff;
    if (isValidUtf8(encode(point)) != expected) ++wrong;
  }
  CHECK(wrong == 0);
}

TEST_CASE("valid text is valid whole and byte by byte", "[utf8]") {
  const std::string text = GENERATE(as<std::string>(), "", "plain ascii that is longer than a word", "κόσμε",
                                    "eight by\xC3\xA9 then more ascii text", "\xF0\x9F\x8E\xAC film", "\xEF\xBB\xBF");
  CHECK(isValidUtf8(text));
  CHECK(isValidByteByByte(text));
}

TEST_CASE("malformed text is refused whole and byte by byte", "[utf8]") {
  const std::string text =
      GENERATE(as<std::string>(), "\x80", "\xBF", "\xC0\x80", "\xC1\xBF", "\xE0\x80\x80", "\xE0\x9F\xBF",
               "\xF0\x80\x80\x80", "\xF0\x8F\xBF\xBF", "\xED\xA0\x80", "\xED\xBF\xBF", "\xF4\x90\x80\x80",
               "\xF5\x80\x80\x80", "\xFF", "\xC3(", "\xE2\x82(", "\xF0\x9F\x8E(", "ascii so far, then \xFE",
               "\xE2"
               "12345678"
               "\x82\xAC");
  CHECK_FALSE(isValidUtf8(text));
  CHECK_FALSE(isValidByteByByte(text));
  CHECK_FALSE(isValidUtf8("12345678" + text + "12345678"));
}

TEST_CASE("text that ends inside a character is accepted so far but not complete", "[utf8]") {
  const std::string text = GENERATE(as<std::string>(), "\xC3", "\xE2\x82", "\xF0\x9F\x8E", "text \xE2");
  Utf8Validator validator;
  CHECK(validator.feed(bytesOf(text)));
  CHECK_FALSE(validator.complete());
  CHECK_FALSE(isValidUtf8(text));
}

TEST_CASE("a failure is reported at the first impossible byte and sticks until reset", "[utf8]") {
  Utf8Validator validator;
  CHECK(validator.feed(bytesOf("\xED")));
  CHECK_FALSE(validator.feed(bytesOf("\xA0")));
  CHECK_FALSE(validator.feed(bytesOf("a")));
  CHECK_FALSE(validator.complete());
  validator.reset();
  CHECK(validator.feed(bytesOf("a")));
  CHECK(validator.complete());
}

TEST_CASE("a character is one unit of UTF-16, or two from U+10000 on", "[utf8]") {
  std::uint32_t wrong = 0;
  for (std::uint32_t point = 0; point <= 0x10ffff; ++point) {
    if (point >= 0xd800 && point <= 0xdfff) continue;
    const std::string text = encode(point);
    const std::size_t units = point < 0x10000 ? 1 : 2;
    if (utf16Length(text) != units || utf16Prefix(text, units) != text.size() || utf16Prefix(text, units + 1)) ++wrong;
    if (units == 2 && utf16Prefix(text, 1)) ++wrong;
  }
  CHECK(wrong == 0);
}

TEST_CASE("lengths in UTF-16", "[utf8]") {
  CHECK(utf16Length("") == 0);
  CHECK(utf16Length("plain ascii that is longer than a word") == 38);
  CHECK(utf16Length("eight by\xC3\xA9 then more") == 19);
  CHECK(utf16Length("\xF0\x9F\x8E\xAC film \xE2\x82\xAC") == 9);
  CHECK(utf16Length(std::string_view("a\0b", 3)) == 3);
}

TEST_CASE("every prefix of a text is found by its units, and half a pair is not", "[utf8]") {
  const std::string text =
      "ascii before \xC3\xA9, \xE2\x82\xAC and \xF0\x9F\x8E\xAC\xF0\x9F\x8E\xAC, ascii after it all";
  std::vector<std::optional<std::size_t>> expected(utf16Length(text) + 2);
  for (std::size_t size = 0; size <= text.size(); ++size) {
    const std::string_view prefix = std::string_view(text).substr(0, size);
    if (isValidUtf8(prefix)) expected[utf16Length(prefix)] = size;
  }
  for (std::size_t units = 0; units < expected.size(); ++units) {
    CAPTURE(units);
    CHECK(utf16Prefix(text, units) == expected[units]);
  }
  CHECK(std::count(expected.begin(), expected.end(), std::nullopt) == 3);  // two halves, and one unit too many
}

TEST_CASE("a prefix never goes beyond the text, malformed text either", "[utf8]") {
  for (const std::string_view text :
       {"", "\x80", "\xC3", "\xE2\x82", "\xF0\x9F\x8E", "\xFF", "1234567\xFF", "12345678\xE2"}) {
    const std::vector<char> exact(text.begin(), text.end());  // for the address sanitizer
    for (std::size_t units = 0; units < 20; ++units) {
      const auto size = utf16Prefix({exact.data(), exact.size()}, units);
      CHECK(size.value_or(0) <= text.size());
    }
    CHECK_FALSE(utf16Prefix(text, static_cast<std::size_t>(-1)));
  }
}
