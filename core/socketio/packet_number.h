// Decimal numbers before a packet's data (Socket.IO protocol 5, section "Packet encoding").
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace mediasync::socketio {

// The largest acknowledgement id: JavaScript's numbers count no further.
inline constexpr std::uint64_t kMaxAckId = std::uint64_t{1} << 53;

inline bool isDigit(char c) {
  return c >= '0' && c <= '9';
}

// Takes the decimal number at the front of `text`. Returns false if there is none or it is above `max`.
inline bool takeNumber(std::string_view& text, std::uint64_t max, std::uint64_t& number) {
  if (text.empty() || !isDigit(text.front())) return false;
  number = 0;
  while (!text.empty() && isDigit(text.front())) {
    number = number * 10 + static_cast<std::uint64_t>(text.front() - '0');
    if (number > max) return false;
    text.remove_prefix(1);
  }
  return true;
}

// Takes an acknowledgement id, if there is one. Returns false if it is too large.
inline bool takeId(std::string_view& text, std::optional<std::uint64_t>& id) {
  id.reset();
  if (text.empty() || !isDigit(text.front())) return true;
  std::uint64_t number = 0;
  if (!takeNumber(text, kMaxAckId, number)) return false;
  id = number;
  return true;
}

}  // namespace mediasync::socketio
