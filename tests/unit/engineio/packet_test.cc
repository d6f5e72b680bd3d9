#include "core/engineio/packet.h"

#include <catch2/catch.hpp>
#include <string>

using namespace mediasync::engineio;

TEST_CASE("a text message is a type digit and data", "[engineio]") {
  for (int type = 0; type <= 6; ++type) {
    const std::string text = std::to_string(type) + "data";
    const auto packet = decodeText(text);
    REQUIRE(packet);
    CHECK(static_cast<int>(packet->type) == type);
    CHECK(packet->data == "data");
    CHECK_FALSE(packet->binary);
  }
}

TEST_CASE("a packet may have no data", "[engineio]") {
  const auto packet = decodeText("2");
  REQUIRE(packet);
  CHECK(packet->type == PacketType::kPing);
  CHECK(packet->data.empty());
}

TEST_CASE("an empty message and an unknown type are malformed", "[engineio]") {
  for (const std::string_view text : {"", "7", "9x", "a", "bAAAA", " 4", "/", "\xFF"}) {
    CAPTURE(text);
    CHECK_FALSE(decodeText(text));
  }
}
