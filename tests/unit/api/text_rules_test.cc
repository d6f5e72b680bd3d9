#include "core/api/text_rules.h"

#include <catch2/catch.hpp>
#include <string>

using namespace mediasync::api;

TEST_CASE("ids are 1 to 128 bytes", "[api]") {
  CHECK_FALSE(isId(""));
  CHECK(isId("x"));
  CHECK(isId(" a/b?c#d "));
  CHECK(isId(std::string(128, 'x')));
  CHECK_FALSE(isId(std::string(129, 'x')));
  std::string emoji;
  for (int i = 0; i < 32; ++i)
    emoji += "🎬";
  CHECK(isId(emoji));
  CHECK_FALSE(isId(emoji + "x"));
}

TEST_CASE("usernames are 1 to 256 bytes", "[api]") {
  CHECK_FALSE(isUsername(""));
  CHECK(isUsername("Zoë"));
  CHECK(isUsername(std::string(256, 'x')));
  CHECK_FALSE(isUsername(std::string(257, 'x')));
}

TEST_CASE("text may be empty and is bounded in bytes", "[api]") {
  CHECK(isText("", 0));
  CHECK(isText("é", 2));
  CHECK_FALSE(isText("é", 1));
}

TEST_CASE("every control character is refused, its neighbours are not", "[api]") {
  for (int c = 0; c < 0x20; ++c)
    CHECK_FALSE(isId(std::string(1, static_cast<char>(c))));
  CHECK_FALSE(isId("a\x7f"));
  for (int c = 0x80; c < 0xA0; ++c)
    CHECK_FALSE(isId(std::string("\xC2") + static_cast<char>(c)));
  CHECK(isId(" "));
  CHECK(isId("~"));
  CHECK(isId("\u00A0"));
  CHECK(isId("\u0100\u4280\uC29F"));
}

TEST_CASE("malformed UTF-8 is refused", "[api]") {
  for (const char* text : {"\x80", "\xC0\xAF", "\xC3", "\xE0\x80\xAF", "\xED\xA0\x80", "\xF0\x9F\x8E",
                           "\xF4\x90\x80\x80", "\xFF", "a\xC3\x28"}) {
    CHECK_FALSE(isText(text, 100));
  }
}
