#include "core/websocket/frame.h"

namespace mediasync::websocket {
namespace {

constexpr std::uint8_t kFinBit = 0x80;
constexpr std::size_t kMaxReason = kMaxControlPayload - 2;

void appendBigEndian(std::string& out, std::uint64_t value, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
    out.push_back(static_cast<char>((value >> shift) & 0xff));
}

bool isContinuationByte(char byte) {
  return (static_cast<std::uint8_t>(byte) & 0xc0) == 0x80;
}

std::string_view cutReason(std::string_view reason) {
  if (reason.size() <= kMaxReason) return reason;
  std::size_t size = kMaxReason;
  while (size > 0 && isContinuationByte(reason[size]))
    --size;
  return reason.substr(0, size);
}

}  // namespace

bool isValidCloseCode(std::uint16_t code) {
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

void appendFrameHeader(std::string& out, Opcode opcode, std::size_t payloadSize) {
  out.push_back(static_cast<char>(kFinBit | static_cast<std::uint8_t>(opcode)));
  if (payloadSize <= 125) {
    appendBigEndian(out, payloadSize, 1);
  } else if (payloadSize <= 0xffff) {
    out.push_back(126);
    appendBigEndian(out, payloadSize, 2);
  } else {
    out.push_back(127);
    appendBigEndian(out, payloadSize, 8);
  }
}

void appendFrame(std::string& out, Opcode opcode, std::string_view payload) {
  appendFrameHeader(out, opcode, payload.size());
  out.append(payload);
}

void appendCompressedFrame(std::string& out, Opcode opcode, std::string_view compressedPayload) {
  const std::size_t firstByte = out.size();
  appendFrame(out, opcode, compressedPayload);
  out[firstByte] = static_cast<char>(out[firstByte] | kRsv1Bit);
}

void appendCloseFrame(std::string& out, CloseCode code, std::string_view reason) {
  if (code == CloseCode::kNoStatus) return appendFrameHeader(out, Opcode::kClose, 0);
  reason = cutReason(reason);
  appendFrameHeader(out, Opcode::kClose, 2 + reason.size());
  appendBigEndian(out, static_cast<std::uint16_t>(code), 2);
  out.append(reason);
}

}  // namespace mediasync::websocket
