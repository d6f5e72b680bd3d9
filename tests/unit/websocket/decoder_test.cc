#include "core/websocket/decoder.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <functional>
#include <memory>
#include <random>
#include <vector>

#include "core/websocket/deflate.h"

using namespace mediasync::websocket;

namespace {

constexpr std::size_t kLimit = 200000;
constexpr std::uint8_t kFin = 0x80;
constexpr std::uint8_t kNoFin = 0;
constexpr bool kCompression = true;

struct Seen {
  Opcode opcode;
  std::string payload;
  std::uint16_t closeCode;
  bool compressed = false;
  friend bool operator==(const Seen&, const Seen&) = default;
};

struct Outcome {
  std::vector<Seen> messages;
  int error = 0;  // the close code, or 0
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

std::ostream& operator<<(std::ostream& out, const Outcome& outcome) {
  for (const auto& seen : outcome.messages) {
    out << static_cast<int>(seen.opcode) << ":" << seen.payload.substr(0, 40) << ":" << seen.closeCode
        << (seen.compressed ? ":compressed " : " ");
  }
  return out << "error " << outcome.error;
}

std::string mask(std::string_view payload) {
  static constexpr char kKey[] = {0x37, static_cast<char>(0xfa), 0x21, 0x3d};
  std::string out(kKey, 4);
  for (std::size_t i = 0; i < payload.size(); ++i)
    out.push_back(static_cast<char>(payload[i] ^ kKey[i % 4]));
  return out;
}

// A client's frame; `first` is the first byte's upper half.
std::string clientFrame(std::uint8_t first, int opcode, std::string_view payload) {
  std::string out;
  appendFrameHeader(out, static_cast<Opcode>(opcode), payload.size());
  out[0] = static_cast<char>(first | opcode);
  out[1] = static_cast<char>(out[1] | 0x80);
  return out + mask(payload);
}

std::string text(std::string_view payload) {
  return clientFrame(kFin, 1, payload);
}
std::string binary(std::string_view payload) {
  return clientFrame(kFin, 2, payload);
}
std::string ping(std::string_view payload) {
  return clientFrame(kFin, 9, payload);
}
std::string closeWith(std::string_view payload) {
  return clientFrame(kFin, 8, payload);
}

// True when the decoder is in error.
bool feed(Decoder& decoder, std::string_view piece, Outcome& outcome) {
  std::vector<std::uint8_t> bytes(piece.begin(),
                                  piece.end());  // of its own, so that a stale view shows under ASan
  std::span<std::uint8_t> input(bytes);
  for (;;) {
    Message message;
    switch (decoder.next(input, message)) {
      case Decoder::Result::kMessage:
        outcome.messages.push_back(
            {message.opcode, std::string(message.payload), message.closeCode, message.compressed});
        break;
      case Decoder::Result::kNeedMore:
        if (!input.empty()) FAIL("kNeedMore left input behind");
        return false;
      case Decoder::Result::kError:
        outcome.error = static_cast<int>(decoder.error());
        return true;
    }
  }
}

// `moves`: each piece is decoded by another decoder, which goes on from where the one before was.
Outcome decodeInPieces(std::string_view stream, std::size_t limit, bool compression,
                       const std::function<std::size_t()>& pieceSize, bool moves = false) {
  auto decoder = std::make_unique<Decoder>(limit);
  decoder->allowCompression(compression);
  Outcome outcome;
  while (!stream.empty()) {
    const std::size_t size = std::min(pieceSize(), stream.size());
    if (feed(*decoder, stream.substr(0, size), outcome)) return outcome;
    stream.remove_prefix(size);
    if (!moves) continue;
    std::string saved;
    decoder->save(saved);
    decoder = std::make_unique<Decoder>(limit);
    decoder->allowCompression(compression);
    if (!decoder->restore(saved)) FAIL("what was saved is not restored");
  }
  return outcome;
}

// Decodes whole, byte by byte and in random splits, by one decoder and by several, and checks that all agree.
Outcome decodeAllWays(std::string_view stream, std::size_t limit = kLimit, bool compression = false) {
  const Outcome whole = decodeInPieces(stream, limit, compression, [&] { return stream.size(); });
  CHECK(decodeInPieces(stream, limit, compression, [] { return std::size_t{1}; }) == whole);
  std::mt19937 random(4711);
  const int rounds = stream.size() < 100'000 ? 20 : 4;
  for (int round = 0; round < rounds; ++round) {
    std::uniform_int_distribution<std::size_t> size(1, round % 2 == 0 ? 7 : 1 + stream.size() / 2);
    CHECK(decodeInPieces(
              stream, limit, compression, [&] { return size(random); }, round % 4 < 2) == whole);
  }
  return whole;
}

Outcome messages(std::vector<Seen> seen) {
  return {std::move(seen), 0};
}
int errorOf(std::string_view stream, std::size_t limit = kLimit, bool compression = false) {
  return decodeAllWays(stream, limit, compression).error;
}

std::string deflated(std::string_view message) {
  std::string out;
  REQUIRE(Deflater(15, 6, 8).deflate(message, out));
  return out;
}

std::string inflated(std::string_view payload) {
  std::string out;
  REQUIRE(Inflater().inflate(payload, kLimit, out) == Inflater::Result::kDone);
  return out;
}

}  // namespace

TEST_CASE("the RFC's masked Hello is decoded", "[websocket]") {
  CHECK(decodeAllWays("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58") == messages({{Opcode::kText, "Hello", 0}}));
}

TEST_CASE("messages of every length form are decoded in order", "[websocket]") {
  std::string stream;
  std::vector<Seen> expected;
  for (const std::size_t size : {0, 1, 125, 126, 127, 65535, 65536, 70000}) {
    const std::string payload(size, static_cast<char>('a' + size % 26));
    stream += binary(payload) + text(payload);
    expected.push_back({Opcode::kBinary, payload, 0});
    expected.push_back({Opcode::kText, payload, 0});
  }
  CHECK(decodeAllWays(stream) == messages(expected));
}

TEST_CASE("fragments become one message, with control frames between them", "[websocket]") {
  const std::string stream = clientFrame(kNoFin, 1, "one ") + ping("are you there") + clientFrame(kNoFin, 0, "two ") +
                             clientFrame(kFin, 10, "pong") + clientFrame(kNoFin, 0, "") + ping("") +
                             clientFrame(kFin, 0, "three, and more than a short string") + text("next");
  CHECK(decodeAllWays(stream) == messages({{Opcode::kPing, "are you there", 0},
                                           {Opcode::kPong, "pong", 0},
                                           {Opcode::kPing, "", 0},
                                           {Opcode::kText, "one two three, and more than a short string", 0},
                                           {Opcode::kText, "next", 0}}));
}

TEST_CASE("fragments that are all empty become an empty message", "[websocket]") {
  const std::string stream = clientFrame(kNoFin, 2, "") + ping("x") + clientFrame(kFin, 0, "");
  CHECK(decodeAllWays(stream) == messages({{Opcode::kPing, "x", 0}, {Opcode::kBinary, "", 0}}));
}

TEST_CASE("a character split between fragments is valid text", "[websocket]") {
  const std::string stream = clientFrame(kNoFin, 1, "\xE2") + ping("\xFF") + clientFrame(kNoFin, 0, "\x82") +
                             clientFrame(kFin, 0, "\xAC") + text("\xE2\x82\xAC");
  CHECK(decodeAllWays(stream) ==
        messages({{Opcode::kPing, "\xFF", 0}, {Opcode::kText, "\xE2\x82\xAC", 0}, {Opcode::kText, "\xE2\x82\xAC", 0}}));
}

TEST_CASE("binary messages need not be UTF-8", "[websocket]") {
  CHECK(decodeAllWays(binary("\xFF\xFE")) == messages({{Opcode::kBinary, "\xFF\xFE", 0}}));
}

TEST_CASE("a close frame gives code and reason, 1005 when it is empty", "[websocket]") {
  CHECK(decodeAllWays(closeWith("")) == messages({{Opcode::kClose, "", 1005}}));
  CHECK(decodeAllWays(closeWith("\x03\xe8")) == messages({{Opcode::kClose, "", 1000}}));
  CHECK(decodeAllWays(closeWith("\x0f\xa0gr\xC3\xBC\xC3\x9F")) ==
        messages({{Opcode::kClose, "gr\xC3\xBC\xC3\x9F", 4000}}));
}

TEST_CASE("a whole message in the input is not copied", "[websocket]") {
  Decoder decoder(kLimit);
  std::string stream = text("a message that is longer than a short string");
  std::span<std::uint8_t> input(reinterpret_cast<std::uint8_t*>(stream.data()), stream.size());
  Message message;
  REQUIRE(decoder.next(input, message) == Decoder::Result::kMessage);
  CHECK(message.payload.data() == stream.data() + 6);
  CHECK(decoder.heldBytes() == 0);
}

TEST_CASE("a gathered message holds memory until the call after it, and no longer", "[websocket]") {
  Decoder decoder(kLimit);
  const std::string stream = text(std::string(1000, 'a'));
  Outcome outcome;
  REQUIRE_FALSE(feed(decoder, stream.substr(0, 600), outcome));
  CHECK(decoder.heldBytes() >= 500);
  REQUIRE_FALSE(feed(decoder, stream.substr(600), outcome));
  CHECK(outcome.messages.size() == 1);
  CHECK(decoder.heldBytes() == 0);
}

TEST_CASE("a control frame in pieces leaves no memory held", "[websocket]") {
  Decoder decoder(kLimit);
  const std::string stream = ping(std::string(100, 'p'));
  Outcome outcome;
  for (const char byte : stream)
    REQUIRE_FALSE(feed(decoder, {&byte, 1}, outcome));
  CHECK(outcome.messages.size() == 1);
  CHECK(decoder.heldBytes() == 0);
}

TEST_CASE("memory follows the bytes that arrive, not the declared length", "[websocket]") {
  Decoder decoder(std::size_t{1} << 40);
  Outcome outcome;
  const std::string header("\x82\xff\x00\x00\x00\xff\x00\x00\x00\x00", 10);
  REQUIRE_FALSE(feed(decoder, header + mask("only a few bytes of payload"), outcome));
  CHECK(decoder.heldBytes() < 1000);
}

TEST_CASE("an error releases what was gathered", "[websocket]") {
  Decoder decoder(kLimit);
  Outcome outcome;
  REQUIRE(feed(decoder, clientFrame(kNoFin, 1, std::string(1000, 'a')) + text("again"), outcome));
  CHECK(decoder.heldBytes() == 0);
}

TEST_CASE("an unmasked client frame is a protocol error", "[websocket]") {
  CHECK(errorOf("\x81\x05Hello") == 1002);
}

TEST_CASE("a reserved bit is a protocol error", "[websocket]") {
  for (const int bit : {0x40, 0x20, 0x10})
    CHECK(errorOf(clientFrame(static_cast<std::uint8_t>(kFin | bit), 1, "x")) == 1002);
}

TEST_CASE("a reserved opcode is a protocol error", "[websocket]") {
  for (const int opcode : {3, 4, 5, 6, 7, 11, 12, 13, 14, 15}) {
    CAPTURE(opcode);
    CHECK(errorOf(clientFrame(kFin, opcode, "x")) == 1002);
    CHECK(errorOf(clientFrame(kNoFin, 1, "x") + clientFrame(kFin, opcode, "x")) == 1002);
  }
}

TEST_CASE("a fragmented control frame is a protocol error", "[websocket]") {
  for (const int opcode : {8, 9, 10})
    CHECK(errorOf(clientFrame(kNoFin, opcode, "")) == 1002);
}

TEST_CASE("a control frame of more than 125 bytes is a protocol error", "[websocket]") {
  for (const int opcode : {8, 9, 10})
    CHECK(errorOf(clientFrame(kFin, opcode, std::string(126, 'a'))) == 1002);
  CHECK(errorOf(ping(std::string(65536, 'a'))) == 1002);
  CHECK(errorOf(ping(std::string(125, 'a'))) == 0);
}

TEST_CASE("continuation without a start is a protocol error", "[websocket]") {
  CHECK(errorOf(clientFrame(kFin, 0, "x")) == 1002);
  CHECK(errorOf(clientFrame(kNoFin, 0, "x")) == 1002);
  CHECK(errorOf(clientFrame(kNoFin, 1, "a") + clientFrame(kFin, 0, "b") + clientFrame(kFin, 0, "c")) == 1002);
}

TEST_CASE("a data frame within a fragmented message is a protocol error", "[websocket]") {
  CHECK(errorOf(clientFrame(kNoFin, 1, "a") + text("b")) == 1002);
  CHECK(errorOf(clientFrame(kNoFin, 2, "") + clientFrame(kNoFin, 2, "b")) == 1002);
}

TEST_CASE("a length that is not in its shortest form is a protocol error", "[websocket]") {
  CHECK(errorOf(std::string("\x82\xfe\x00\x7d", 4) + mask(std::string(125, 'a'))) == 1002);
  CHECK(errorOf(std::string("\x82\xff\x00\x00\x00\x00\x00\x00\xff\xff", 10) + mask(std::string(65535, 'a'))) == 1002);
}

TEST_CASE("a 64-bit length with its top bit set is a protocol error", "[websocket]") {
  CHECK(errorOf(std::string("\x82\xff\x80\x00\x00\x00\x00\x00\x00\x00", 10)) == 1002);
}

TEST_CASE("a message over the limit is refused at its length, before its payload", "[websocket]") {
  CHECK(errorOf(binary("12345"), 5) == 0);
  CHECK(errorOf(std::string("\x82\x86", 2), 5) == 1009);
  CHECK(errorOf(std::string("\x82\xfe\x01\x00", 4), 255) == 1009);
  CHECK(errorOf(std::string("\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff", 10)) == 1009);
}

TEST_CASE("the limit counts all fragments of a message, and no control frame", "[websocket]") {
  const std::string start = clientFrame(kNoFin, 2, "123") + ping("a long ping");
  CHECK(errorOf(start + clientFrame(kFin, 0, "45"), 5) == 0);
  CHECK(errorOf(start + std::string("\x80\x83", 2), 5) == 1009);
}

TEST_CASE("text that is not UTF-8 is an invalid payload", "[websocket]") {
  CHECK(errorOf(text("\xFF")) == 1007);
  CHECK(errorOf(text("cut \xE2\x82")) == 1007);
  CHECK(errorOf(clientFrame(kNoFin, 1, "\xE2") + clientFrame(kFin, 0, "x")) == 1007);
  CHECK(errorOf(clientFrame(kNoFin, 1, "\xE2\x82") + clientFrame(kFin, 0, "")) == 1007);
}

TEST_CASE("invalid text fails while the rest of its frame is still to come", "[websocket]") {
  CHECK(errorOf(text("ab\xFF" + std::string(100, 'c')).substr(0, 9)) == 1007);
}

TEST_CASE("what a message held does not spoil the text after it", "[websocket]") {
  CHECK(errorOf(text("\xC3\xA9") + text("\xC3\xA9")) == 0);
  CHECK(errorOf(clientFrame(kNoFin, 2, "\xE2") + clientFrame(kFin, 0, "\xFF") + text("ok")) == 0);
}

TEST_CASE("a close payload of one byte or with an invalid code is a protocol error", "[websocket]") {
  CHECK(errorOf(closeWith("\x03")) == 1002);
  CHECK(errorOf(closeWith("\x03\xed")) == 1002);  // 1005
  CHECK(errorOf(closeWith(std::string("\x00\x00", 2))) == 1002);
  CHECK(errorOf(closeWith("\x13\x88")) == 1002);  // 5000
}

TEST_CASE("a close reason that is not UTF-8 is an invalid payload", "[websocket]") {
  CHECK(errorOf(closeWith("\x03\xe8\xFF")) == 1007);
  CHECK(errorOf(closeWith("\x03\xe8"
                          "cut \xE2\x82")) == 1007);
}

TEST_CASE("messages before an error are given, and the error sticks", "[websocket]") {
  Decoder decoder(kLimit);
  Outcome outcome;
  REQUIRE(feed(decoder, text("first") + "\x81\x05Hello", outcome));
  CHECK(outcome == Outcome{{{Opcode::kText, "first", 0}}, 1002});
  REQUIRE(feed(decoder, text("second"), outcome));
  REQUIRE(feed(decoder, "", outcome));
  CHECK(outcome == Outcome{{{Opcode::kText, "first", 0}}, 1002});
}

TEST_CASE("the RFC's compressed Hello is decoded, whole and in fragments", "[websocket][deflate]") {
  const std::string payload("\xf2\x48\xcd\xc9\xc9\x07\x00", 7);  // RFC 7692 section 7.2.3.1
  const Outcome expected = messages({{Opcode::kText, payload, 0, true}});
  CHECK(decodeAllWays(clientFrame(kFin | kRsv1Bit, 1, payload), kLimit, kCompression) == expected);
  const std::string fragments =
      clientFrame(kRsv1Bit, 1, payload.substr(0, 3)) + clientFrame(kFin, 0, payload.substr(3));
  CHECK(decodeAllWays(fragments, kLimit, kCompression) == expected);
}

TEST_CASE("compressed fragments become one message, with control frames between them", "[websocket][deflate]") {
  const std::string text1 = "{\"event\":\"" + std::string(500, 'x') + "\"}";
  const std::string payload = deflated(text1);
  REQUIRE(payload.size() > 9);
  const std::string stream = clientFrame(kRsv1Bit, 1, payload.substr(0, 4)) + ping("\xFF\xFE") +
                             clientFrame(kNoFin, 0, "") + clientFrame(kNoFin, 0, payload.substr(4, 5)) +
                             clientFrame(kFin, 10, "pong") + clientFrame(kFin, 0, payload.substr(9)) + text("plain") +
                             clientFrame(kFin | kRsv1Bit, 2, payload) + binary("\xFF") + closeWith("\x03\xe8");
  const Outcome outcome = decodeAllWays(stream, kLimit, kCompression);
  CHECK(outcome == messages({{Opcode::kPing, "\xFF\xFE", 0},
                             {Opcode::kPong, "pong", 0},
                             {Opcode::kText, payload, 0, true},
                             {Opcode::kText, "plain", 0},
                             {Opcode::kBinary, payload, 0, true},
                             {Opcode::kBinary, "\xFF", 0},
                             {Opcode::kClose, "", 1000}}));
  CHECK(inflated(outcome.messages[2].payload) == text1);
}

TEST_CASE("compressed text is not checked, and the plain text after it is", "[websocket][deflate]") {
  const std::string compressed = clientFrame(kFin | kRsv1Bit, 1, "\xFF");
  CHECK(errorOf(compressed, kLimit, kCompression) == 0);
  CHECK(errorOf(compressed + text("\xE2\x82\xAC"), kLimit, kCompression) == 0);
  CHECK(errorOf(compressed + text("\xFF"), kLimit, kCompression) == 1007);
  CHECK(errorOf(clientFrame(kRsv1Bit, 1, "\xE2") + ping("") + clientFrame(kFin, 0, "\xFF") + text("\xFF"), kLimit,
                kCompression) == 1007);
}

TEST_CASE("an empty message may be marked as compressed", "[websocket][deflate]") {
  CHECK(decodeAllWays(clientFrame(kFin | kRsv1Bit, 1, ""), kLimit, kCompression) ==
        messages({{Opcode::kText, "", 0, true}}));
}

TEST_CASE("with compression RSV1 stays an error on control frames and continuations", "[websocket][deflate]") {
  for (const int opcode : {8, 9, 10}) {
    CHECK(errorOf(clientFrame(kFin | kRsv1Bit, opcode, ""), kLimit, kCompression) == 1002);
    CHECK(errorOf(clientFrame(kRsv1Bit, 1, "a") + clientFrame(kFin | kRsv1Bit, opcode, ""), kLimit, kCompression) ==
          1002);
  }
  CHECK(errorOf(clientFrame(kFin | kRsv1Bit, 0, "a"), kLimit, kCompression) == 1002);
  for (const int first : {int{kNoFin}, int{kRsv1Bit}}) {
    const std::string start = clientFrame(static_cast<std::uint8_t>(first), 1, "a");
    CHECK(errorOf(start + clientFrame(kFin | kRsv1Bit, 0, "b"), kLimit, kCompression) == 1002);
    CHECK(errorOf(start + clientFrame(kRsv1Bit, 0, "b"), kLimit, kCompression) == 1002);
  }
}

TEST_CASE("with compression RSV2, RSV3 and unknown opcodes stay errors", "[websocket][deflate]") {
  for (const int bits : {0x20, 0x10, 0x30, 0x60, 0x50, 0x70}) {
    CAPTURE(bits);
    for (const int opcode : {1, 2, 9})
      CHECK(errorOf(clientFrame(static_cast<std::uint8_t>(kFin | bits), opcode, "x"), kLimit, kCompression) == 1002);
  }
  for (const int opcode : {3, 7, 11, 15})
    CHECK(errorOf(clientFrame(kFin | kRsv1Bit, opcode, "x"), kLimit, kCompression) == 1002);
}

TEST_CASE("without compression RSV1 is an error on every frame", "[websocket][deflate]") {
  for (const int opcode : {0, 1, 2, 8, 9, 10})
    CHECK(errorOf(clientFrame(kFin | kRsv1Bit, opcode, "")) == 1002);
}

TEST_CASE("the limit is for the compressed size", "[websocket][deflate]") {
  const std::string payload = deflated(std::string(10000, 'a'));
  const std::string stream = clientFrame(kRsv1Bit, 2, payload.substr(0, 5)) + clientFrame(kFin, 0, payload.substr(5));
  CHECK(errorOf(stream, payload.size(), kCompression) == 0);
  CHECK(errorOf(stream, payload.size() - 1, kCompression) == 1009);
}

TEST_CASE("what was begun under a larger maximum is held to the smaller one of who goes on with it", "[websocket]") {
  Decoder before(1000), after(500);
  const auto feed = [](Decoder& decoder, std::string bytes) {
    std::span<std::uint8_t> input{reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size()};
    Message message;
    return decoder.next(input, message);
  };
  REQUIRE(feed(before, clientFrame(kNoFin, 1, std::string(600, 'x'))) == Decoder::Result::kNeedMore);
  std::string saved;
  before.save(saved);
  REQUIRE(after.restore(saved));
  REQUIRE(feed(after, clientFrame(kNoFin, 0, "x")) == Decoder::Result::kError);
  CHECK(after.error() == CloseCode::kMessageTooBig);
}

TEST_CASE("a saved state that no decoder can have come to is refused", "[websocket]") {
  Decoder before(1000);
  before.allowCompression(true);
  std::string bytes = clientFrame(kNoFin, 1, "fragment") + clientFrame(kFin, 0, "rest").substr(0, 8);
  std::span<std::uint8_t> input{reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size()};
  Message message;
  REQUIRE(before.next(input, message) == Decoder::Result::kNeedMore);
  std::string saved;
  before.save(saved);
  const auto isRestored = [](const std::string& state) {
    Decoder after(1000);
    after.allowCompression(true);
    if (!after.restore(state)) return false;
    std::string more(300, '\xff');  // whatever comes now, it stays within its bounds
    std::span<std::uint8_t> rest{reinterpret_cast<std::uint8_t*>(more.data()), more.size()};
    for (Message next; after.next(rest, next) == Decoder::Result::kMessage;) {
    }
    return true;
  };
  REQUIRE(isRestored(saved));
  CHECK_FALSE(isRestored(saved.substr(0, saved.size() - 1)));
  CHECK_FALSE(isRestored(saved + "x"));
  CHECK_FALSE(isRestored(""));
  int refused = 0;
  for (std::size_t at = 0; at < saved.size(); ++at) {
    for (const char change : {'\x01', '\x10', '\x80', '\xff'}) {
      std::string broken = saved;
      broken[at] = static_cast<char>(broken[at] ^ change);
      refused += isRestored(broken) ? 0 : 1;
    }
  }
  CHECK(refused > 80);  // the others change a mask, a text, or nothing
}
