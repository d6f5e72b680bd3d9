#include "core/engineio/payload_v3.h"

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "core/base/utf8.h"
#include "core/engineio/base64.h"

namespace mediasync::engineio {
namespace {

constexpr char kBase64Mark = 'b';
constexpr char kMessageByte = '\x04';
constexpr char kTextMark = '\x00';
constexpr char kBinaryMark = '\x01';
constexpr std::size_t kMaxLengthDigits = 9;

// The form in which a framing writes a length.
struct LengthForm {
  char zero;
  char end;
};

constexpr LengthForm kTextLength{'0', ':'};
constexpr LengthForm kBinaryLength{'\x00', '\xff'};

// Takes a length and its end off `rest`; nullopt unless it is from 1 to 999999999, with no leading zero.
std::optional<std::size_t> takeLength(std::string_view& rest, LengthForm form) {
  const auto size = rest.substr(0, kMaxLengthDigits + 1).find(form.end);
  if (size == std::string_view::npos || size == 0 || rest.front() == form.zero) return std::nullopt;
  std::size_t length = 0;
  for (const char c : rest.substr(0, size)) {
    const auto digit = static_cast<std::uint8_t>(c - form.zero);
    if (digit > 9) return std::nullopt;
    length = length * 10 + digit;
  }
  rest.remove_prefix(size + 1);
  return length;
}

std::string_view takeBytes(std::string_view& rest, std::size_t size) {
  const auto taken = rest.substr(0, size);
  rest.remove_prefix(size);
  return taken;
}

std::optional<Packet> decodeUtf8(std::string_view text, std::string& binary) {
  if (!isValidUtf8(text)) return std::nullopt;
  return decodeTextV3(text, binary);
}

void appendLength(std::string& out, std::size_t length, LengthForm form) {
  std::array<char, std::numeric_limits<std::size_t>::digits10 + 1> digits{};
  const auto written = std::to_chars(digits.data(), digits.data() + digits.size(), length);
  for (const char* digit = digits.data(); digit != written.ptr; ++digit) {
    out.push_back(static_cast<char>(*digit - '0' + form.zero));
  }
  out.push_back(form.end);
}

}  // namespace

PayloadV3Decoder::Result PayloadV3Decoder::next(Packet& packet) {
  if (state_ != Result::kPacket) return state_;

  const auto decoded = framing_ == Framing::kText ? takeText() : takeFramed();
  if (!decoded) return state_ = Result::kError;
  if (rest_.empty()) state_ = Result::kEnd;
  packet = *decoded;
  return Result::kPacket;
}

std::optional<Packet> PayloadV3Decoder::takeText() {
  const auto units = takeLength(rest_, kTextLength);
  if (!units) return std::nullopt;
  const auto size = utf16Prefix(rest_, *units);
  if (!size) return std::nullopt;
  return decodeUtf8(takeBytes(rest_, *size), binary_);
}

std::optional<Packet> PayloadV3Decoder::takeFramed() {
  if (rest_.empty()) return std::nullopt;
  const char mark = rest_.front();
  if (mark != kTextMark && mark != kBinaryMark) return std::nullopt;
  rest_.remove_prefix(1);
  const auto size = takeLength(rest_, kBinaryLength);
  if (!size || *size > rest_.size()) return std::nullopt;
  const auto packet = takeBytes(rest_, *size);
  return mark == kTextMark ? decodeUtf8(packet, binary_) : decodeBinaryV3(packet);
}

std::optional<Packet> decodeTextV3(std::string_view text, std::string& binary) {
  if (!text.starts_with(kBase64Mark)) return decodeText(text);
  text.remove_prefix(1);
  if (!text.starts_with(kMessagePrefix) || !decodeBase64(text.substr(1), binary)) return std::nullopt;
  return Packet{PacketType::kMessage, binary, true};
}

std::optional<Packet> decodeBinaryV3(std::string_view bytes) {
  if (!bytes.starts_with(kMessageByte)) return std::nullopt;
  return Packet{PacketType::kMessage, bytes.substr(1), true};
}

void appendTextV3(std::string& out, std::string_view packet) {
  appendLength(out, utf16Length(packet), kTextLength);
  out += packet;
}

void appendBase64V3(std::string& out, std::string_view bytes) {
  appendLength(out, 2 + base64Size(bytes.size()), kTextLength);
  out.push_back(kBase64Mark);
  out.append(kMessagePrefix);
  appendBase64(out, bytes);
}

void appendFramedTextV3(std::string& out, std::string_view packet) {
  out.push_back(kTextMark);
  appendLength(out, packet.size(), kBinaryLength);
  out += packet;
}

void appendFramedBinaryV3(std::string& out, std::string_view bytes) {
  out.push_back(kBinaryMark);
  appendLength(out, 1 + bytes.size(), kBinaryLength);
  out.push_back(kMessageByte);
  out += bytes;
}

}  // namespace mediasync::engineio
