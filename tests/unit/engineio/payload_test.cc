#include "core/engineio/payload.h"

#include <catch2/catch.hpp>
#include <vector>

using namespace mediasync::engineio;

namespace {

struct Seen {
  PacketType type;
  std::string data;
  bool binary;
  friend bool operator==(const Seen&, const Seen&) = default;
};

// The packets of `body`; `result` is what ended it.
std::vector<Seen> split(std::string_view body, PayloadDecoder::Result& result) {
  PayloadDecoder decoder(body);
  std::vector<Seen> seen;
  Packet packet;
  while ((result = decoder.next(packet)) == PayloadDecoder::Result::kPacket) {
    seen.push_back({packet.type, std::string(packet.data), packet.binary});
  }
  CHECK(decoder.next(packet) == result);  // the end and an error both stick
  return seen;
}

}  // namespace

TEST_CASE("a payload of one packet", "[engineio]") {
  PayloadDecoder::Result result{};
  CHECK(split("4hello", result) == std::vector<Seen>{{PacketType::kMessage, "hello", false}});
  CHECK(result == PayloadDecoder::Result::kEnd);
}

TEST_CASE("packets are split at the separator, binary ones decoded", "[engineio]") {
  PayloadDecoder::Result result{};
  CHECK(split("4hello\x1e"
              "2\x1e"
              "4\xE2\x82\xAC\x1e"
              "bAQIDBA==\x1e"
              "b\x1e"
              "bAQID",
              result) == std::vector<Seen>{{PacketType::kMessage, "hello", false},
                                           {PacketType::kPing, "", false},
                                           {PacketType::kMessage, "\xE2\x82\xAC", false},
                                           {PacketType::kMessage, "\x01\x02\x03\x04", true},
                                           {PacketType::kMessage, "", true},
                                           {PacketType::kMessage, "\x01\x02\x03", true}});
  CHECK(result == PayloadDecoder::Result::kEnd);
}

TEST_CASE("an empty packet, an unknown type and bad base64 are errors", "[engineio]") {
  for (const std::string_view body : {"", "\x1e", "abc", "7", "bA", "b!!!!", "bAQI", "bAQID=",
                                      "b4hello\x1e"
                                      "4x"}) {
    CAPTURE(body);
    PayloadDecoder::Result result{};
    CHECK(split(body, result).empty());
    CHECK(result == PayloadDecoder::Result::kError);
  }
}

TEST_CASE("the packets before an error stand", "[engineio]") {
  for (const std::string_view body : {"4a\x1e",
                                      "4a\x1e\x1e"
                                      "4b",
                                      "4a\x1ex",
                                      "4a\x1e"
                                      "b?"}) {
    CAPTURE(body);
    PayloadDecoder::Result result{};
    CHECK(split(body, result) == std::vector<Seen>{{PacketType::kMessage, "a", false}});
    CHECK(result == PayloadDecoder::Result::kError);
  }
}

TEST_CASE("every prefix of a payload gives a prefix of its packets", "[engineio]") {
  const std::string body =
      "4one\x1e"
      "bAQID\x1e"
      "4two\x1e"
      "3";
  PayloadDecoder::Result result{};
  const auto whole = split(body, result);
  REQUIRE(whole.size() == 4);
  for (std::size_t size = 0; size < body.size(); ++size) {
    CAPTURE(size);
    const auto part = split(std::string_view(body).substr(0, size), result);
    REQUIRE(part.size() <= whole.size());
    // Only the last packet can be a cut one.
    for (std::size_t i = 0; i + 1 < part.size(); ++i)
      CHECK(part[i] == whole[i]);
  }
}
