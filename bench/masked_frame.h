// A text frame as a client sends it (RFC 6455 section 5.3).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace mediasync::bench {

// With a key of zeros, which is as good as any, the payload stays as it is: a generator saves itself the masking.
inline constexpr std::string_view kZeroKey{"\0\0\0\0", 4};

// `key` is of 4 bytes; the payload is at most 65,535 bytes.
inline std::string maskedFrame(std::string_view payload, std::string_view key) {
  std::string frame(1, static_cast<char>(0x81));
  if (payload.size() < 126) {
    frame.push_back(static_cast<char>(0x80U | payload.size()));
  } else {
    frame.push_back(static_cast<char>(0x80U | 126U));
    frame.push_back(static_cast<char>(payload.size() >> 8U));
    frame.push_back(static_cast<char>(payload.size() & 0xffU));
  }
  frame.append(key);
  const std::size_t start = frame.size();
  frame.append(payload);
  if (key == kZeroKey) return frame;
  for (std::size_t i = 0; i < payload.size(); ++i)
    frame[start + i] = static_cast<char>(payload[i] ^ key[i % key.size()]);
  return frame;
}

}  // namespace mediasync::bench
