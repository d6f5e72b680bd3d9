#include "core/websocket/frame_header.h"

#include <algorithm>
#include <cstring>

namespace mediasync::websocket {
namespace {

constexpr std::uint8_t kMaskBit = 0x80;
constexpr std::uint8_t kLengthBits = 0x7f;
constexpr std::uint8_t kLength16 = 126;
constexpr std::uint8_t kLength64 = 127;
constexpr std::uint8_t kLengthAt = 2;
constexpr std::uint8_t kMaskSize = 4;

std::uint8_t extendedLengthSize(std::uint8_t lengthBits) {
  if (lengthBits == kLength16) return 2;
  if (lengthBits == kLength64) return 8;
  return 0;
}

}  // namespace

bool FrameHeader::take(std::span<std::uint8_t>& input) {
  const std::size_t count = std::min<std::size_t>(input.size(), wanted_ - size_);
  std::memcpy(bytes_.data() + size_, input.data(), count);
  size_ = static_cast<std::uint8_t>(size_ + count);
  input = input.subspan(count);
  return size_ == wanted_;
}

bool FrameHeader::isSecondByteAllowed() const {
  const bool masked = (bytes_[1] & kMaskBit) != 0;
  const bool longControl = isControl() && (bytes_[1] & kLengthBits) > kMaxControlPayload;
  return masked && !longControl;
}

std::uint8_t FrameHeader::lengthEnd() const {
  return static_cast<std::uint8_t>(kLengthAt + extendedLengthSize(bytes_[1] & kLengthBits));
}

std::uint64_t FrameHeader::length() const {
  const std::uint8_t lengthBits = bytes_[1] & kLengthBits;
  const std::uint8_t size = extendedLengthSize(lengthBits);
  if (size == 0) return lengthBits;
  std::uint64_t length = 0;
  for (std::uint8_t i = 0; i < size; ++i)
    length = (length << 8) | bytes_[kLengthAt + i];
  return length;
}

bool FrameHeader::isLengthAllowed() const {
  const std::uint8_t lengthBits = bytes_[1] & kLengthBits;
  const std::uint64_t value = length();
  const bool notMinimal = (lengthBits == kLength16 && value < kLength16) || (lengthBits == kLength64 && value <= 0xffff);
  return !notMinimal && (value >> 63) == 0;
}

void FrameHeader::beginPayload() {
  // The masking key goes to a fixed place, behind the longest length.
  std::memmove(bytes_.data() + kMaxSize - kMaskSize, bytes_.data() + size_ - kMaskSize, kMaskSize);
  size_ = 0;
  wanted_ = 1;
  maskAt_ = 0;
}

void FrameHeader::unmask(std::span<std::uint8_t> bytes) {
  std::array<std::uint8_t, 8> key{};
  for (std::size_t i = 0; i < key.size(); ++i)
    key[i] = bytes_[kMaxSize - kMaskSize + (maskAt_ + i) % kMaskSize];
  std::uint64_t keyWord = 0;
  std::memcpy(&keyWord, key.data(), sizeof keyWord);

  std::size_t at = 0;
  for (; bytes.size() - at >= sizeof keyWord; at += sizeof keyWord) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + at, sizeof word);
    word ^= keyWord;
    std::memcpy(bytes.data() + at, &word, sizeof word);
  }
  for (std::size_t i = 0; at < bytes.size(); ++at, ++i)
    bytes[at] ^= key[i];
  maskAt_ = static_cast<std::uint8_t>((maskAt_ + bytes.size()) % kMaskSize);
}

}  // namespace mediasync::websocket
