#include "core/engineio/payload_writer.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "core/engineio/payload.h"
#include "core/engineio/payload_v3.h"

using namespace mediasync::engineio;
using namespace std::string_literals;

namespace {

constexpr Protocol kV4{Revision::kV4, false};
constexpr Protocol kV3{Revision::kV3, false};
constexpr Protocol kV3Base64{Revision::kV3, true};

const std::string kEuro = "\xE2\x82\xAC";
const std::string kFilm = "\xF0\x9F\x8E\xAC";  // two units of UTF-16

// What goes into a payload: text, a binary message, or text that was encoded before.
struct Part {
  char kind;
  std::string bytes;
};
Part text(std::string packet) {
  return {'t', std::move(packet)};
}
Part binary(std::string bytes) {
  return {'b', std::move(bytes)};
}
Part encoded(std::string packet) {
  return {'e', std::move(packet)};
}

Payload written(Protocol protocol, const std::vector<Part>& parts) {
  PayloadWriter writer(protocol);
  for (const Part& part : parts) {
    if (part.kind == 't') writer.text(part.bytes);
    if (part.kind == 'b') writer.binary(part.bytes);
    if (part.kind != 'e') continue;
    std::string packets;
    PayloadWriter::appendPacket(packets, protocol.revision, part.bytes);
    writer.encoded(packets);
  }
  return writer.take();
}

}  // namespace

TEST_CASE("packets are written as the client's revision has them", "[engineio][payload]") {
  struct Row {
    const char* what;
    Protocol protocol;
    std::vector<Part> parts;
    std::string bytes;
    bool isBinary;
  };
  const Row row = GENERATE_COPY(values<Row>({
      {"nothing", kV4, {}, "", false},
      {"nothing, in the old revision", kV3, {}, "", false},
      {"one packet", kV4, {text("4hello")}, "4hello", false},
      {"two packets", kV4, {text("4hello"), text("2")}, "4hello\x1e"s + "2", false},
      {"binary", kV4, {binary("\x01\x02\x03")}, "bAQID", false},
      {"no bytes at all", kV4, {binary("")}, "b", false},
      {"binary between text", kV4, {text("4a"), binary("\x01\x02"), text("4b")}, "4a\x1e"s + "bAQI=\x1e" + "4b", false},
      {"encoded packets", kV4, {encoded("4a"), encoded("4b")}, "4a\x1e"s + "4b", false},
      {"all kinds",
       kV4,
       {text("4a"), encoded("4b"), binary("\xff"), encoded("4c")},
       "4a\x1e"s + "4b\x1e" + "b/w==\x1e" + "4c",
       false},
      {"one packet", kV3, {text("4hello")}, "6:4hello", false},
      {"two packets", kV3, {text("4hello"), text("2")}, "6:4hello1:2", false},
      {"units, not bytes", kV3, {text("4" + kEuro), text("4" + kFilm)}, "2:4" + kEuro + "3:4" + kFilm, false},
      {"binary alone", kV3, {binary("\x01\x02\x03")}, "\x01\x04\xff\x04\x01\x02\x03"s, true},
      {"no bytes at all", kV3, {binary("")}, "\x01\x01\xff\x04"s, true},
      {"binary after text: all is framed, in bytes",
       kV3,
       {text("4" + kEuro), binary("x")},
       "\x00\x04\xff"s + "4" + kEuro + "\x01\x02\xff\x04"s + "x",
       true},
      {"a frame of ten bytes",
       kV3,
       {text("4" + std::string(9, 'x')), binary("x")},
       "\x00\x01\x00\xff"s + "4" + std::string(9, 'x') + "\x01\x02\xff\x04"s + "x",
       true},
      {"a client that takes no binary", kV3Base64, {text("4a"), binary("\x01\x02\x03")}, "2:4a6:b4AQID", false},
      {"encoded packets", kV3, {encoded("4a"), encoded("4b")}, "2:4a2:4b", false},
      {"binary with encoded packets, which cannot be framed",
       kV3,
       {binary("\x01\x02\x03"), encoded("4a")},
       "6:b4AQID2:4a",
       false},
      {"all kinds keep their order",
       kV3,
       {text("4a"), encoded("4b"), binary("\x01\x02\x03"), text("4c")},
       "2:4a2:4b6:b4AQID2:4c",
       false},
  }));
  CAPTURE(row.what, static_cast<int>(row.protocol.revision), row.protocol.base64);
  const Payload payload = written(row.protocol, row.parts);
  CHECK(payload.bytes == row.bytes);
  CHECK(payload.binary == row.isBinary);
}

TEST_CASE("a writer is empty until something is written, and again when that is taken", "[engineio][payload]") {
  const Protocol protocol = GENERATE(kV4, kV3, kV3Base64);
  PayloadWriter writer(protocol);
  CHECK(writer.empty());
  writer.encoded("");
  CHECK(writer.empty());
  writer.binary("x");
  CHECK_FALSE(writer.empty());
  writer.take();
  CHECK(writer.empty());
  CHECK(writer.take().bytes.empty());
  writer.text("4a");
  CHECK_FALSE(writer.empty());
  const Payload second = writer.take();
  CHECK(second.bytes == payloadOf(protocol, "4a").bytes);  // nothing of the first is left
  CHECK_FALSE(second.binary);
}

TEST_CASE("a payload of one packet is what a writer makes of it", "[engineio][payload]") {
  CHECK(payloadOf(kV4, "6").bytes == "6");
  CHECK(payloadOf(kV3, "6").bytes == "1:6");
  CHECK(payloadOf(kV3Base64, "4" + kFilm).bytes == "3:4" + kFilm);
  CHECK_FALSE(payloadOf(kV3, "6").binary);
}

TEST_CASE("what is written is read again, of every mixture", "[engineio][payload]") {
  for (unsigned mix = 0; mix < 81; ++mix) {
    std::vector<Part> parts;
    bool hasEncoded = false;
    for (unsigned i = 0, rest = mix; i < 4; ++i, rest /= 3) {
      parts.push_back(rest % 3 == 0   ? text("4t" + std::to_string(i))
                      : rest % 3 == 1 ? binary(std::string(i * 7, '\x80'))
                                      : encoded("4e" + kFilm));
      hasEncoded = hasEncoded || rest % 3 == 2;
    }
    CAPTURE(mix);
    const Payload payload = written(kV3, parts);
    if (hasEncoded) CHECK_FALSE(payload.binary);
    using Framing = PayloadV3Decoder::Framing;
    PayloadV3Decoder decoder(payload.bytes, payload.binary ? Framing::kBinary : Framing::kText);
    Packet packet;
    for (const Part& part : parts) {
      REQUIRE(decoder.next(packet) == PayloadDecoder::Result::kPacket);
      CHECK(packet.binary == (part.kind == 'b'));
      CHECK(std::string(packet.data) == (part.kind == 'b' ? part.bytes : part.bytes.substr(1)));
    }
    CHECK(decoder.next(packet) == PayloadDecoder::Result::kEnd);
  }
}
