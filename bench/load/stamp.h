// What a message carries so that whoever gets it knows when it was sent and which one it is: 25 bytes that any server
// passes on as part of a text. Members find it by its first byte, which occurs nowhere else in what is sent.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace mediasync::bench {

struct Stamp {
  std::int64_t sentNs = 0;
  std::uint32_t sequence = 0;  // within its session, from 0
};

inline constexpr char kStampMark = '~';
inline constexpr std::size_t kStampSize = 1 + 16 + 8;

inline void appendHex(std::string& out, std::uint64_t value, int digits) {
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4)
    out.push_back("0123456789abcdef"[value >> shift & 15]);
}

inline std::string stampText(const Stamp& stamp) {
  std::string text(1, kStampMark);
  appendHex(text, static_cast<std::uint64_t>(stamp.sentNs), 16);
  appendHex(text, stamp.sequence, 8);
  return text;
}

inline std::uint64_t readHex(const char* digits, int count) {
  std::uint64_t value = 0;
  for (int i = 0; i < count; ++i) {
    const auto c = static_cast<unsigned char>(digits[i]);
    value = value << 4 | ((c & 15U) + (c >> 6) * 9U);
  }
  return value;
}

inline std::optional<Stamp> findStamp(std::string_view message) {
  const void* mark = std::memchr(message.data(), kStampMark, message.size());
  if (mark == nullptr) return std::nullopt;
  const char* text = static_cast<const char*>(mark);
  if (static_cast<std::size_t>(message.data() + message.size() - text) < kStampSize) return std::nullopt;
  return Stamp{static_cast<std::int64_t>(readHex(text + 1, 16)), static_cast<std::uint32_t>(readHex(text + 17, 8))};
}

}  // namespace mediasync::bench
