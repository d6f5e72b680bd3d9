// The header of a client's frame (RFC 6455 section 5.2), whose bytes may arrive one at a time, and its masking key.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/websocket/frame.h"

namespace mediasync::websocket {

// The decoder judges each part when it has arrived, and wants the next. All fields are bytes: whatever they are copied
// from, each has a value.
class FrameHeader {
 public:
  // Takes bytes from the front of `input` until wanted() have arrived. False: `input` ended before.
  bool take(std::span<std::uint8_t>& input);

  // Bytes that have arrived, and bytes to have before the next part can be judged. After beginPayload() those of the
  // next header.
  std::uint8_t size() const { return size_; }
  std::uint8_t wanted() const { return wanted_; }
  void want(std::uint8_t size) { wanted_ = size; }

  // Valid from the first byte on.
  bool fin() const { return (bytes_[0] & 0x80) != 0; }
  std::uint8_t reservedBits() const { return bytes_[0] & 0x70; }
  bool isCompressed() const { return (bytes_[0] & kRsv1Bit) != 0; }
  Opcode opcode() const { return static_cast<Opcode>(bytes_[0] & 0x0f); }
  bool isControl() const { return (bytes_[0] & 0x08) != 0; }
  bool isFirstFrame() const { return opcode() == Opcode::kText || opcode() == Opcode::kBinary; }

  // Valid from the second byte on: whether it may follow the first (section 5.1: a client masks every frame; section
  // 5.5: a control frame has up to 125 bytes), and where the masking key begins.
  bool isSecondByteAllowed() const;
  std::uint8_t lengthEnd() const;

  // Valid when lengthEnd() bytes have arrived: the length of the payload, and whether it is in the shortest form with a
  // top bit of 0 (section 5.2).
  std::uint64_t length() const;
  bool isLengthAllowed() const;

  // The whole header has arrived. It stays valid until the next one begins.
  void beginPayload();
  // Unmasks the next bytes of the payload in place (section 5.3).
  void unmask(std::span<std::uint8_t> bytes);
  // The position in the masking key, 0 to 3.
  std::uint8_t maskAt() const { return maskAt_; }

 private:
  static constexpr std::size_t kMaxSize = 14;

  std::array<std::uint8_t, kMaxSize> bytes_{};
  std::uint8_t size_ = 0;
  std::uint8_t wanted_ = 1;
  std::uint8_t maskAt_ = 0;
};

}  // namespace mediasync::websocket
