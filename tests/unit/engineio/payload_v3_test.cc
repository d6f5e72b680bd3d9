#include "core/engineio/payload_v3.h"

#include <catch2/catch.hpp>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <vector>

#include "core/base/utf8.h"

using namespace mediasync::engineio;

namespace {

using Decoder = PayloadV3Decoder;
using Framing = Decoder::Framing;
using Result = Decoder::Result;

const std::string kEuro = "\xE2\x82\xAC";
const std::string kFilm = "\xF0\x9F\x8E\xAC";  // U+1F3AC, a surrogate pair in UTF-16

struct Seen {
  PacketType type;
  std::string data;
  bool binary;
  friend bool operator==(const Seen&, const Seen&) = default;
};

Seen text(std::string data) {
  return {PacketType::kMessage, std::move(data), false};
}
Seen binary(std::string data) {
  return {PacketType::kMessage, std::move(data), true};
}

std::string bytesOf(std::initializer_list<int> values) {
  std::string bytes;
  for (const int value : values)
    bytes.push_back(static_cast<char>(value));
  return bytes;
}

struct Split {
  std::vector<Seen> packets;
  Result end;
  friend bool operator==(const Split&, const Split&) = default;
};

// Decodes a copy of `body` that ends where its memory does, for the address sanitizer to see every byte too far.
Split split(std::string_view body, Framing framing) {
  const std::vector<char> exact(body.begin(), body.end());
  Decoder decoder({exact.data(), exact.size()}, framing);
  Split seen{{}, Result::kPacket};
  Packet packet;
  while ((seen.end = decoder.next(packet)) == Result::kPacket) {
    seen.packets.push_back({packet.type, std::string(packet.data), packet.binary});
  }
  CHECK(decoder.next(packet) == seen.end);  // the end and an error both stick
  CHECK(decoder.next(packet) == seen.end);
  return seen;
}

void checkGood(std::string_view body, Framing framing, const std::vector<Seen>& packets) {
  CAPTURE(body);
  CHECK((split(body, framing) == Split{packets, Result::kEnd}));
}

// The body is refused, `before` aside, which stands.
void checkBad(std::string_view body, Framing framing, const std::vector<Seen>& before = {}) {
  CAPTURE(body);
  CHECK((split(body, framing) == Split{before, Result::kError}));
}

std::string framed(int mark, std::initializer_list<int> digits, std::string_view packet) {
  return bytesOf({mark}) + bytesOf(digits) + '\xff' + std::string(packet);
}

// Whatever a body is cut down to, the packets before the cut come out whole, and only a cut between packets is clean.
void checkTruncations(const std::vector<std::string>& encoded, const std::vector<Seen>& packets, Framing framing) {
  std::string body;
  for (const auto& one : encoded)
    body += one;
  checkGood(body, framing, packets);

  std::size_t whole = 0;     // packets that are complete in the first `size` bytes
  std::size_t boundary = 0;  // where the last of them ends
  for (std::size_t size = 0; size < body.size(); ++size) {
    CAPTURE(size);
    if (size == boundary + encoded[whole].size()) {
      boundary = size;
      ++whole;
    }
    const bool clean = size > 0 && size == boundary;
    const std::vector<Seen> before(packets.begin(), packets.begin() + static_cast<std::ptrdiff_t>(whole));
    CHECK((split(std::string_view(body).substr(0, size), framing) ==
           Split{before, clean ? Result::kEnd : Result::kError}));
  }
}

std::string encode(const Seen& packet, Framing framing) {
  std::string out;
  if (packet.binary) {
    (framing == Framing::kText ? appendBase64V3 : appendFramedBinaryV3)(out, packet.data);
  } else {
    const std::string plain = std::to_string(static_cast<int>(packet.type)) + packet.data;
    (framing == Framing::kText ? appendTextV3 : appendFramedTextV3)(out, plain);
  }
  return out;
}

std::string added(const std::function<void(std::string&, std::string_view)>& append, std::string_view what) {
  std::string out;
  append(out, what);
  return out;
}

}  // namespace

TEST_CASE("the text payloads of the protocol document", "[engineio][v3]") {
  const std::string handshake =
      R"({"sid":"lv_VI97HAXpY6yYWAAAC","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":5000})";
  checkGood("96:0" + handshake, Framing::kText, {{PacketType::kOpen, handshake, false}});
  checkGood("4:4hey", Framing::kText, {text("hey")});
  checkGood("6:4hello6:4world", Framing::kText, {text("hello"), text("world")});
  checkGood("6:4hello2:4" + kEuro, Framing::kText, {text("hello"), text(kEuro)});
  checkGood("2:4" + kEuro + "10:b4AQIDBA==", Framing::kText, {text(kEuro), binary("\x01\x02\x03\x04")});
}

TEST_CASE("the text payloads of the document's test suite", "[engineio][v3]") {
  checkGood("6:4test16:4test26:4test3", Framing::kText, {text("test1"), text("test2"), text("test3")});
  checkGood("6:4hello10:b4AQIDBA==", Framing::kText, {text("hello"), binary("\x01\x02\x03\x04")});
  checkGood("1:1", Framing::kText, {{PacketType::kClose, "", false}});
  checkBad("abc", Framing::kText);
}

TEST_CASE("the binary payloads of the protocol document and its test suite", "[engineio][v3]") {
  checkGood(bytesOf({0, 4, 255, 0x34, 0xe2, 0x82, 0xac, 1, 5, 255, 4, 1, 2, 3, 4}), Framing::kBinary,
            {text(kEuro), binary("\x01\x02\x03\x04")});
  checkGood(bytesOf({0, 6, 255, 52, 104, 101, 108, 108, 111, 1, 5, 255, 4, 1, 2, 3, 4}), Framing::kBinary,
            {text("hello"), binary("\x01\x02\x03\x04")});
  // As the document prints it, the binary packet lacks its type; the test suite and every implementation write one.
  checkBad(bytesOf({0, 4, 255, 0x34, 0xe2, 0x82, 0xac, 1, 4, 255, 1, 2, 3, 4}), Framing::kBinary, {text(kEuro)});
}

TEST_CASE("every type of packet, in both framings", "[engineio][v3]") {
  for (int type = 0; type <= 6; ++type) {
    const std::string packet = std::to_string(type) + "data";
    const std::vector<Seen> expected{{static_cast<PacketType>(type), "data", false}};
    checkGood("5:" + packet, Framing::kText, expected);
    checkGood(framed(0, {5}, packet), Framing::kBinary, expected);
  }
  for (const std::string_view packet : {"7data", "9data", "adata", " 4dat", "/data", "4:bad"}) {
    const bool known = packet.front() == '4';
    CHECK((split("5:" + std::string(packet), Framing::kText).end == Result::kEnd) == known);
    CHECK((split(framed(0, {5}, packet), Framing::kBinary).end == Result::kEnd) == known);
  }
}

TEST_CASE("a packet of a payload may have no data", "[engineio][v3]") {
  checkGood("1:2", Framing::kText, {{PacketType::kPing, "", false}});
  checkGood("2:b4", Framing::kText, {binary("")});
  checkGood(framed(0, {1}, "3"), Framing::kBinary, {{PacketType::kPong, "", false}});
  checkGood(framed(1, {1}, "\x04"), Framing::kBinary, {binary("")});
}

TEST_CASE("lengths in text", "[engineio][v3]") {
  checkGood("10:4123456789", Framing::kText, {text("123456789")});
  checkGood("100:4" + std::string(99, 'x'), Framing::kText, {text(std::string(99, 'x'))});
  for (const std::string_view body : {"",
                                      ":",
                                      ":4a",
                                      "4a",
                                      "0:",
                                      "0:4a",
                                      "00:",
                                      "02:4a",
                                      "3:4a",
                                      "2",
                                      "2:",
                                      "2:4",
                                      "-2:4a",
                                      "+2:4a",
                                      " 2:4a",
                                      "2 :4a",
                                      "2.0:4a",
                                      "0x2:4a",
                                      "2e0:4a",
                                      "/:4a",
                                      ";4a",
                                      "\xb2:4a",
                                      "999999999:4a",
                                      "1000000002:4a",
                                      "0000000002:4a",
                                      "4294967298:4a",
                                      "18446744073709551618:4a",
                                      "99999999999999999999999999:4a"}) {
    checkBad(body, Framing::kText);
    checkBad("2:4a" + std::string(body.empty() ? "0:" : body), Framing::kText, {text("a")});
  }
}

// As many units or bytes follow as the characters would mean if they went on counting after the 9.
TEST_CASE("only ten digits are digits", "[engineio][v3]") {
  const std::string packet = "4" + std::string(300, 'x');
  for (int digit = 10; digit < 256; ++digit) {
    const auto size = static_cast<std::size_t>(digit);
    checkBad(bytesOf({'0' + digit, ':'}) + packet.substr(0, size), Framing::kText);
    checkBad(framed(0, {digit}, packet.substr(0, size)), Framing::kBinary);
    checkBad(framed(0, {1, digit}, packet.substr(0, 10 + size)), Framing::kBinary);
  }
}

TEST_CASE("lengths in binary", "[engineio][v3]") {
  const std::string ninetyNine(99, 'x');
  checkGood(framed(0, {1, 0, 0}, "4" + ninetyNine), Framing::kBinary, {text(ninetyNine)});
  checkGood(framed(1, {1, 0, 0}, "\x04" + ninetyNine), Framing::kBinary, {binary(ninetyNine)});
  const std::vector<std::string> lengths{bytesOf({}),
                                         bytesOf({0}),
                                         bytesOf({0, 0}),
                                         bytesOf({0, 2}),
                                         bytesOf({3}),
                                         bytesOf({10}),
                                         bytesOf({'2'}),
                                         bytesOf({2, '0'}),
                                         bytesOf({254}),
                                         bytesOf({1, 128}),
                                         bytesOf({9, 9, 9, 9, 9, 9, 9, 9, 9}),
                                         bytesOf({1, 0, 0, 0, 0, 0, 0, 0, 0, 2}),
                                         bytesOf({0, 0, 0, 0, 0, 0, 0, 0, 0, 2}),
                                         bytesOf({4, 2, 9, 4, 9, 6, 7, 2, 9, 8}),
                                         std::string(400, '\x09')};
  for (const std::string& length : lengths) {
    for (const char mark : {'\x00', '\x01'}) {
      const std::string body = mark + length + '\xff' + (mark == '\x00' ? "4a" : "\x04z");
      checkBad(body, Framing::kBinary);
      checkBad(framed(0, {2}, "4a") + body, Framing::kBinary, {text("a")});
    }
  }
}

TEST_CASE("what is not framed at all is an error in binary", "[engineio][v3]") {
  for (const auto& body : {bytesOf({}), bytesOf({0}), bytesOf({1}), bytesOf({255}), bytesOf({0, 255}), bytesOf({0, 2}),
                           bytesOf({1, 1, 255}), bytesOf({2, 2, 255, '4', 'a'}), bytesOf({255, 2, 255, '4', 'a'}),
                           bytesOf({'0', 2, 255, '4', 'a'}), bytesOf({2, 2, 255, 4, 'a'}),
                           bytesOf({255, 2, 255, 4, 'a'}), std::string("2:4a")}) {
    checkBad(body, Framing::kBinary);
  }
}

TEST_CASE("a length in text counts a surrogate pair as two", "[engineio][v3]") {
  checkGood("3:4" + kFilm, Framing::kText, {text(kFilm)});
  checkGood("9:4" + kFilm + kFilm + kFilm + kFilm + "2:4a", Framing::kText,
            {text(kFilm + kFilm + kFilm + kFilm), text("a")});
  checkGood("5:4" + kEuro + kFilm + "\xC3\xA9", Framing::kText, {text(kEuro + kFilm + "\xC3\xA9")});
  checkBad("2:4" + kFilm, Framing::kText);  // cut in two
  checkBad("2:4" + kFilm + "2:4a", Framing::kText);
  checkBad("4:4" + kFilm + kFilm, Framing::kText);
  checkBad("5:4" + kFilm, Framing::kText);                                  // counted in bytes
  checkBad("2:4" + kFilm + kFilm, Framing::kText);                          // counted in characters
  checkGood(framed(0, {5}, "4" + kFilm), Framing::kBinary, {text(kFilm)});  // in binary, bytes count
  checkBad(framed(0, {3}, "4" + kFilm), Framing::kBinary);
}

TEST_CASE("NUL bytes are data", "[engineio][v3]") {
  const std::string nuls("a\0b\0", 4);
  checkGood("5:4" + nuls, Framing::kText, {text(nuls)});
  checkGood("6:b4AAAA1:2", Framing::kText, {binary(std::string(3, '\0')), {PacketType::kPing, "", false}});
  checkGood(framed(0, {5}, "4" + nuls), Framing::kBinary, {text(nuls)});
  checkGood(framed(1, {5}, "\x04" + nuls), Framing::kBinary, {binary(nuls)});
  checkBad(std::string("2\0:4a", 5), Framing::kText);
  checkBad(std::string("1:\0", 3), Framing::kText);
}

TEST_CASE("text that is not UTF-8 is refused, binary data is not looked at", "[engineio][v3]") {
  for (const std::string_view bad : {"\x80", "\xFF", "\xC3", "\xC0\x80", "\xE2\x82", "\xED\xA0\x80", "\xF0\x9F\x8E",
                                     "\xF4\x90\x80\x80", "\xF8\x88\x80\x80\x80", "\xC3(", "(\xA9", "\xC3\xA9\xA9"}) {
    CAPTURE(bad);
    const std::string packet = "4" + std::string(bad);
    // No count of units makes it pass, with and without text to run into.
    for (std::size_t units = 2; units <= packet.size() + 2; ++units) {
      const std::string body = std::to_string(units) + ":" + packet;
      for (const auto& more : {body, body + "2:4a"}) {
        const auto seen = split(more, Framing::kText);
        CHECK(seen.end == Result::kError);
        for (const auto& one : seen.packets)
          CHECK(mediasync::isValidUtf8(one.data));
      }
    }
    const int size = static_cast<int>(packet.size());
    checkBad(framed(0, {size}, packet), Framing::kBinary);
    checkGood(framed(1, {size}, "\x04" + std::string(bad)), Framing::kBinary, {binary(std::string(bad))});
  }
}

TEST_CASE("only a message may be binary", "[engineio][v3]") {
  for (const std::string_view packet : {"b", "b0", "b0AQID", "b1AQID", "b2AQID", "b3AQID", "b5AQID", "b6AQID", "b7AQID",
                                        "bAQID", "bbAQID", "bb4AQID", "B4AQID"}) {
    checkBad(std::to_string(packet.size()) + ":" + std::string(packet), Framing::kText);
  }
  for (int type = 0; type < 256; ++type) {
    if (type != 4) checkBad(framed(1, {3}, bytesOf({type, 1, 2})), Framing::kBinary);
  }
}

TEST_CASE("bad base64 is refused", "[engineio][v3]") {
  for (const std::string_view coded : {"A", "AQ", "AQI", "AQID=", "AQ==AQID", "A Q=", "AA-_", "!!!!", "AB==", "===="}) {
    const std::string packet = "b4" + std::string(coded);
    checkBad(std::to_string(packet.size()) + ":" + packet, Framing::kText);
  }
}

// As the reference decodes it, though nothing writes it: the text of a packet says how to read it, in any framing.
TEST_CASE("base64 may stand in a text packet of the binary framing", "[engineio][v3]") {
  checkGood(framed(0, {6}, "b4AQID"), Framing::kBinary, {binary("\x01\x02\x03")});
  checkBad(framed(0, {6}, "b2AQID"), Framing::kBinary);
}

TEST_CASE("the framings are not mixed", "[engineio][v3]") {
  checkBad(framed(0, {2}, "4a"), Framing::kText);
  checkBad("2:4a" + framed(0, {2}, "4a"), Framing::kText, {text("a")});
  checkBad(framed(0, {2}, "4a") + "2:4a", Framing::kBinary, {text("a")});
}

TEST_CASE("a cut payload is an error, or the packets before the cut", "[engineio][v3]") {
  const std::vector<Seen> packets{text("hello"),
                                  text(kEuro + kFilm + std::string("\0", 1) + kFilm),
                                  binary(bytesOf({1, 2, 3, 4})),
                                  {PacketType::kPing, "probe", false},
                                  text(std::string(120, 'x')),
                                  binary(""),
                                  binary(std::string(101, '\xff')),
                                  text(""),
                                  text("3:4ab")};
  for (const auto framing : {Framing::kText, Framing::kBinary}) {
    std::vector<std::string> encoded;
    for (const auto& packet : packets)
      encoded.push_back(encode(packet, framing));
    checkTruncations(encoded, packets, framing);
  }
}

TEST_CASE("many packets", "[engineio][v3]") {
  constexpr std::size_t kCount = 300'000;
  for (const auto framing : {Framing::kText, Framing::kBinary}) {
    std::string body;
    for (std::size_t i = 0; i < kCount; ++i)
      body += encode({PacketType::kPing, "", false}, framing);
    Decoder decoder(body, framing);
    Packet packet;
    std::size_t count = 0;
    while (decoder.next(packet) == Result::kPacket)
      ++count;
    CHECK(count == kCount);
  }
}

TEST_CASE("packets are added to a payload as the protocol document has them", "[engineio][v3]") {
  std::string out = "x";
  appendTextV3(out, "4hello");
  appendTextV3(out, "4" + kEuro);
  appendTextV3(out, "4" + kFilm);
  appendBase64V3(out, "\x01\x02\x03\x04");
  CHECK(out == "x6:4hello2:4" + kEuro + "3:4" + kFilm + "10:b4AQIDBA==");

  out = "x";
  appendFramedTextV3(out, "4" + kEuro);
  appendFramedBinaryV3(out, "\x01\x02\x03\x04");
  CHECK(out == "x" + bytesOf({0, 4, 255, 0x34, 0xe2, 0x82, 0xac, 1, 5, 255, 4, 1, 2, 3, 4}));
}

TEST_CASE("added lengths", "[engineio][v3]") {
  CHECK(added(appendTextV3, "2") == "1:2");
  CHECK(added(appendTextV3, std::string(1000, '4')).starts_with("1000:4"));
  CHECK(added(appendBase64V3, "") == "2:b4");
  CHECK(added(appendBase64V3, "\xff") == "6:b4/w==");
  CHECK(added(appendBase64V3, std::string(75, '\0')).starts_with("102:b4AAAA"));
  CHECK(added(appendFramedTextV3, "2") == bytesOf({0, 1, 255, '2'}));
  CHECK(added(appendFramedTextV3, std::string(1000, '4')).starts_with(bytesOf({0, 1, 0, 0, 0, 255, '4'})));
  CHECK(added(appendFramedBinaryV3, "") == bytesOf({1, 1, 255, 4}));
  CHECK(added(appendFramedBinaryV3, std::string(99, '\xff')).starts_with(bytesOf({1, 1, 0, 0, 255, 4, 255})));
}

TEST_CASE("what is encoded is decoded", "[engineio][v3]") {
  const std::vector<std::string> characters{"a", "\xC3\xA9", kEuro, kFilm, std::string("\0", 1), ":", "7"};
  std::vector<Seen> packets;
  std::string data;
  for (std::size_t i = 0; i < 300; ++i) {
    packets.push_back({static_cast<PacketType>(i % 7), data, false});
    packets.push_back(binary(data + static_cast<char>(i)));
    data += characters[(i * i + i / 7) % characters.size()];
  }
  for (const auto framing : {Framing::kText, Framing::kBinary}) {
    std::string body;
    for (const auto& packet : packets)
      body += encode(packet, framing);
    CHECK((split(body, framing) == Split{packets, Result::kEnd}));
  }
}

TEST_CASE("a text message of a WebSocket", "[engineio][v3]") {
  std::string decoded = "old";
  auto packet = decodeTextV3("2probe", decoded);
  REQUIRE(packet);
  CHECK(packet->type == PacketType::kPing);
  CHECK(packet->data == "probe");
  CHECK_FALSE(packet->binary);

  packet = decodeTextV3("b4AQIDBA==", decoded);
  REQUIRE(packet);
  CHECK(packet->type == PacketType::kMessage);
  CHECK(packet->data == "\x01\x02\x03\x04");
  CHECK(packet->data.data() == decoded.data());
  CHECK(packet->binary);

  for (const std::string_view bad : {"", "7", "b", "b4A", "b2AQID", "bAQID", "4"}) {
    CAPTURE(bad);
    CHECK(decodeTextV3(bad, decoded).has_value() == (bad == "4"));
  }
}

TEST_CASE("a binary message of a WebSocket", "[engineio][v3]") {
  const std::string bytes = bytesOf({4, 0, 1, 2, 255});
  const auto packet = decodeBinaryV3(bytes);
  REQUIRE(packet);
  CHECK(packet->type == PacketType::kMessage);
  CHECK(packet->data == bytesOf({0, 1, 2, 255}));
  CHECK(packet->binary);
  CHECK(decodeBinaryV3("\x04")->data.empty());
  CHECK_FALSE(decodeBinaryV3(""));
  for (int type = 0; type < 256; ++type)
    CHECK(decodeBinaryV3(bytesOf({type, 1})).has_value() == (type == 4));
}
