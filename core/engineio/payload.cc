#include "core/engineio/payload.h"

#include <optional>

#include "core/engineio/base64.h"

namespace mediasync::engineio {
namespace {

constexpr char kBinaryMark = 'b';

std::optional<Packet> decodePacket(std::string_view encoded, std::string& binary) {
  if (!encoded.starts_with(kBinaryMark)) return decodeText(encoded);
  if (!decodeBase64(encoded.substr(1), binary)) return std::nullopt;
  return Packet{PacketType::kMessage, binary, true};
}

}  // namespace

PayloadDecoder::Result PayloadDecoder::next(Packet& packet) {
  if (atEnd_) return Result::kEnd;

  const auto end = rest_.find(kSeparator);
  const auto decoded = decodePacket(rest_.substr(0, end), binary_);
  if (!decoded) return Result::kError;  // and again at the next call, as rest_ has not moved
  atEnd_ = end == std::string_view::npos;
  if (!atEnd_) rest_.remove_prefix(end + 1);
  packet = *decoded;
  return Result::kPacket;
}

}  // namespace mediasync::engineio
