#include "core/store/random_id.h"

namespace mediasync::store {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::size_t kIdText = 22;

}  // namespace

std::string idText(const RandomId& id) {
  std::string text;
  text.reserve(kIdText);
  std::uint32_t bits = 0;
  int count = 0;
  for (const std::uint8_t byte : id) {
    bits = bits << 8 | byte;
    for (count += 8; count >= 6; count -= 6)
      text.push_back(kAlphabet[bits >> (count - 6) & 63]);
  }
  text.push_back(kAlphabet[bits << (6 - count) & 63]);
  return text;
}

std::optional<RandomId> parseId(std::string_view text) {
  if (text.size() != kIdText) return std::nullopt;
  RandomId id{};
  std::uint32_t bits = 0;
  int count = 0;
  std::size_t at = 0;
  for (const char c : text) {
    const std::size_t value = kAlphabet.find(c);
    if (value == std::string_view::npos) return std::nullopt;
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    count += 6;
    if (count >= 8 && at < id.size()) {
      count -= 8;
      id[at++] = static_cast<std::uint8_t>(bits >> count);
    }
  }
  return id;
}

}  // namespace mediasync::store
