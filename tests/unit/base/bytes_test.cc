#include "core/base/bytes.h"

#include <array>
#include <catch2/catch.hpp>
#include <string>

using namespace mediasync;

TEST_CASE("text and bytes are views of the same memory", "[bytes]") {
  std::string text("a\0\xff", 3);
  const auto bytes = asBytes(text);
  REQUIRE(bytes.size() == 3);
  CHECK((bytes[0] == 'a' && bytes[1] == 0 && bytes[2] == 0xff));
  CHECK(asText(bytes) == text);
  asWritableBytes(text)[1] = 'b';
  CHECK(text == "ab\xff");
  CHECK(bytes[1] == 'b');
}

TEST_CASE("an object's bytes are its text", "[bytes]") {
  const std::array<std::uint16_t, 2> object{0x4141, 0x4242};
  CHECK(asText(std::as_bytes(std::span(object))) == "AABB");
}

TEST_CASE("nothing is empty", "[bytes]") {
  CHECK(asBytes({}).empty());
  CHECK(asText(std::span<const std::uint8_t>()).empty());
}
