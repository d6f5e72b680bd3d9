// Text as bytes and bytes as text: the same memory, as whoever reads it wants it. Views last as long as that does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace mediasync {

inline std::span<const std::uint8_t> asBytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

inline std::span<std::uint8_t> asWritableBytes(std::span<char> text) {
  return {reinterpret_cast<std::uint8_t*>(text.data()), text.size()};
}

inline std::string_view asText(std::span<const std::uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// The bytes of an object, whatever it is.
inline std::string_view asText(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace mediasync
