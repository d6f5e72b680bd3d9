#include "core/context/compressor.h"

namespace mediasync::server {
namespace {

// A hash table for more than the window costs time without gaining anything; 8 is zlib's own for the largest.
int memLevelFor(int windowBits) {
  return windowBits - 7;
}

}  // namespace

void Compressor::appendFrame(std::string& out, const Compression& compression, websocket::Opcode opcode,
                             std::string_view message) {
  if (compression.windowBits != 0 && message.size() >= compression.minLength) {
    const auto key = static_cast<std::uint16_t>(compression.windowBits << 8 | compression.level);
    auto& deflater =
        deflaters_.try_emplace(key, compression.windowBits, compression.level, memLevelFor(compression.windowBits))
            .first->second;
    deflated_.clear();
    if (deflater.deflate(message, deflated_)) return websocket::appendCompressedFrame(out, opcode, deflated_);
  }
  websocket::appendFrame(out, opcode, message);
}

}  // namespace mediasync::server
