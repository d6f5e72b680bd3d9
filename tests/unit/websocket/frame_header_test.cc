#include "core/websocket/frame_header.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

namespace mediasync::websocket {
namespace {

using Bytes = std::vector<std::uint8_t>;

// A header of which all bytes have arrived, `step` at a time.
FrameHeader headerOf(Bytes bytes, std::size_t step) {
  FrameHeader header;
  header.want(static_cast<std::uint8_t>(bytes.size()));
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    auto piece = std::span(bytes).subspan(at).first(std::min(step, bytes.size() - at));
    const bool isLast = at + step >= bytes.size();
    CHECK(header.take(piece) == isLast);
    CHECK(piece.empty());
  }
  return header;
}

TEST_CASE("a frame's header is read from whole input and from single bytes") {
  const Bytes bytes{0xc2, 0xfe, 0x01, 0x02, 'a', 'b', 'c', 'd'};
  for (const std::size_t step : {bytes.size(), std::size_t{1}}) {
    const FrameHeader header = headerOf(bytes, step);
    CHECK(header.fin());
    CHECK(header.opcode() == Opcode::kBinary);
    CHECK(header.reservedBits() == kRsv1Bit);
    CHECK(header.isCompressed());
    CHECK(header.isFirstFrame());
    CHECK_FALSE(header.isControl());
    CHECK(header.isSecondByteAllowed());
    CHECK(header.lengthEnd() == 4);
    CHECK(header.length() == 0x0102);
    CHECK(header.isLengthAllowed());
  }
}

TEST_CASE("a frame's header takes no more than is wanted") {
  Bytes bytes{0x81, 0x85, 1, 2, 3, 4, 'x'};
  std::span<std::uint8_t> input(bytes);
  FrameHeader header;
  CHECK(header.take(input));
  CHECK(header.size() == 1);
  header.want(6);
  CHECK(header.take(input));
  CHECK(input.size() == 1);
}

TEST_CASE("a client's second byte has a mask, and a control frame's a short length") {
  CHECK(headerOf({0x81, 0x80}, 2).isSecondByteAllowed());
  CHECK_FALSE(headerOf({0x81, 0x00}, 2).isSecondByteAllowed());
  CHECK(headerOf({0x89, 0x80 | 125}, 2).isSecondByteAllowed());
  CHECK_FALSE(headerOf({0x89, 0x80 | 126}, 2).isSecondByteAllowed());
}

TEST_CASE("a frame's length is in its shortest form") {
  struct Case {
    Bytes bytes;
    std::uint64_t length;
    bool isAllowed;
  };
  const std::vector<Case> cases{
      {{0x82, 0xfd}, 125, true},
      {{0x82, 0xfe, 0, 125}, 125, false},
      {{0x82, 0xfe, 0, 126}, 126, true},
      {{0x82, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 0xffff, false},
      {{0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 0}, 0x10000, true},
      {{0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0}, 0x8000000000000000, false},
  };
  for (const auto& [bytes, length, isAllowed] : cases) {
    const FrameHeader header = headerOf(bytes, bytes.size());
    CHECK(header.length() == length);
    CHECK(header.isLengthAllowed() == isAllowed);
    CHECK(header.lengthEnd() == bytes.size());
  }
}

TEST_CASE("a payload is unmasked in pieces as in one, and leaves the header as it was") {
  const std::string text = "a payload that is longer than a word and no multiple of one";
  const Bytes key{0x11, 0x22, 0x33, 0x44};
  Bytes masked(text.begin(), text.end());
  for (std::size_t i = 0; i < masked.size(); ++i)
    masked[i] ^= key[i % key.size()];
  for (std::size_t step = 1; step <= masked.size(); ++step) {
    FrameHeader header = headerOf({0x81, 0xfe, 0, 200, key[0], key[1], key[2], key[3]}, 8);
    header.beginPayload();
    CHECK(header.size() == 0);
    CHECK(header.wanted() == 1);
    Bytes bytes = masked;
    for (std::size_t at = 0; at < bytes.size(); at += step)
      header.unmask(std::span(bytes).subspan(at).first(std::min(step, bytes.size() - at)));
    CHECK(std::string(bytes.begin(), bytes.end()) == text);
    CHECK(header.maskAt() == text.size() % key.size());
    CHECK(header.length() == 200);
  }
}

}  // namespace
}  // namespace mediasync::websocket
