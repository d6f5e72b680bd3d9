// WebSocket frames from the server (RFC 6455 section 5.2: unmasked), and the close codes of section 7.4.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace mediasync::websocket {

enum class Opcode : std::uint8_t {
  kContinuation = 0,
  kText = 1,
  kBinary = 2,
  kClose = 8,
  kPing = 9,
  kPong = 10,
};

enum class CloseCode : std::uint16_t {
  kNormal = 1000,
  kGoingAway = 1001,
  kProtocolError = 1002,
  kUnsupportedData = 1003,
  kNoStatus = 1005,  // never on the wire: "the close frame had no code"
  kAbnormal = 1006,  // never on the wire: "there was no close frame"
  kInvalidPayload = 1007,
  kPolicyViolation = 1008,
  kMessageTooBig = 1009,
  kInternalError = 1011,
  kServiceRestart = 1012,
};

// In a frame's first byte: the message is compressed (RFC 7692 section 6).
inline constexpr std::uint8_t kRsv1Bit = 0x40;
inline constexpr std::size_t kMaxControlPayload = 125;
// The longest header of a server's frame: two bytes and a 64-bit length.
inline constexpr std::size_t kMaxServerHeader = 10;

// True for codes that a peer may put into a close frame: 1000-1003, 1007-1014 (RFC 6455 section 7.4 and IANA's
// registry), and the free ranges 3000-4999.
bool isValidCloseCode(std::uint16_t code);

// Appends one unmasked FIN frame. The caller must keep a control frame's payload within kMaxControlPayload.
void appendFrame(std::string& out, Opcode opcode, std::string_view payload);
// Appends such a frame with RSV1 set. `compressedPayload` is Deflater's output for a text or binary message (RFC 7692
// section 6). Only for connections that agreed on permessage-deflate.
void appendCompressedFrame(std::string& out, Opcode opcode, std::string_view compressedPayload);
// Appends only the header of an uncompressed frame; the caller sends the payload separately.
void appendFrameHeader(std::string& out, Opcode opcode, std::size_t payloadSize);
// Appends a close frame. `reason` is UTF-8, cut to 123 bytes between two characters. kNoStatus makes a frame without
// code and reason.
void appendCloseFrame(std::string& out, CloseCode code, std::string_view reason = {});

}  // namespace mediasync::websocket
