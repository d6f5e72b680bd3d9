#include "core/websocket/frame.h"

#include <catch2/catch.hpp>

#include "core/base/utf8.h"

using namespace mediasync::websocket;

namespace {

std::string frame(Opcode opcode, std::string_view payload) {
  std::string out;
  appendFrame(out, opcode, payload);
  return out;
}

std::string closeFrame(CloseCode code, std::string_view reason = {}) {
  std::string out;
  appendCloseFrame(out, code, reason);
  return out;
}

std::string header(std::size_t payloadSize) {
  std::string out;
  appendFrameHeader(out, Opcode::kBinary, payloadSize);
  return out;
}

}  // namespace

TEST_CASE("a frame is FIN, opcode, length and payload without a mask", "[websocket]") {
  CHECK(frame(Opcode::kText, "Hello") == "\x81\x05Hello");  // RFC 6455 section 5.7
  CHECK(frame(Opcode::kPong, "") == std::string("\x8a\x00", 2));
}

TEST_CASE("frames are appended behind what is there", "[websocket]") {
  std::string out = "x";
  appendFrame(out, Opcode::kBinary, "y");
  CHECK(out == "x\x82\x01y");
}

TEST_CASE("the length takes its shortest form", "[websocket]") {
  CHECK(header(0) == std::string("\x82\x00", 2));
  CHECK(header(125) == "\x82\x7d");
  CHECK(header(126) == std::string("\x82\x7e\x00\x7e", 4));
  CHECK(header(0xffff) == "\x82\x7e\xff\xff");
  CHECK(header(0x10000) == std::string("\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00", 10));
  CHECK(header(0x10000).size() == kMaxServerHeader);
}

TEST_CASE("a close frame carries code and reason", "[websocket]") {
  CHECK(closeFrame(CloseCode::kNormal) == "\x88\x02\x03\xe8");
  CHECK(closeFrame(CloseCode::kGoingAway, "bye") ==
        "\x88\x05\x03\xe9"
        "bye");
}

TEST_CASE("a close frame without status is empty", "[websocket]") {
  CHECK(closeFrame(CloseCode::kNoStatus, "ignored") == std::string("\x88\x00", 2));
}

TEST_CASE("a close reason is cut to 123 bytes between two characters", "[websocket]") {
  CHECK(closeFrame(CloseCode::kNormal, std::string(123, 'a')).size() == 2 + 125);
  CHECK(closeFrame(CloseCode::kNormal, std::string(200, 'a')).size() == 2 + 125);
  const std::string reason = std::string(121, 'a').append("\xE2\x82\xAC").append("tail");
  const std::string out = closeFrame(CloseCode::kNormal, reason);
  CHECK(out.size() == 2 + 2 + 121);
  CHECK(out[1] == 123);
  CHECK(mediasync::isValidUtf8(std::string_view(out).substr(4)));
}

TEST_CASE("only codes that may travel are valid in a peer's close frame", "[websocket]") {
  for (const int code :
       {1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999}) {
    CAPTURE(code);
    CHECK(isValidCloseCode(static_cast<std::uint16_t>(code)));
  }
  for (const int code : {0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535}) {
    CAPTURE(code);
    CHECK_FALSE(isValidCloseCode(static_cast<std::uint16_t>(code)));
  }
}

TEST_CASE("a compressed frame has RSV1 set", "[websocket][deflate]") {
  const std::string payload("\xf2\x48\xcd\xc9\xc9\x07\x00", 7);
  std::string out = "x";
  appendCompressedFrame(out, Opcode::kText, payload);
  CHECK(out == "x\xc1\x07" + payload);  // RFC 7692 section 7.2.3.1
  out.clear();
  appendCompressedFrame(out, Opcode::kBinary, std::string(126, 'p'));
  CHECK(out == std::string("\xc2\x7e\x00\x7e", 4) + std::string(126, 'p'));
}
