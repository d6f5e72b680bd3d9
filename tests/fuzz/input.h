// The input of a fuzzer, taken piece by piece. What is not there reads as 0 or as nothing.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace mediasync::fuzz {

class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : rest_(reinterpret_cast<const char*>(data), size) {}

  bool atEnd() const { return rest_.empty(); }

  std::uint8_t byte() {
    if (rest_.empty()) return 0;
    const char c = rest_.front();
    rest_.remove_prefix(1);
    return static_cast<std::uint8_t>(c);
  }
  // A number below `n`: the digits of a seed that was written by hand mean themselves.
  std::uint32_t below(std::uint32_t n) { return static_cast<std::uint8_t>(byte() - '0') % n; }

  std::string_view bytes(std::size_t size) {
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(taken.size());
    return taken;
  }
  std::string_view rest() { return bytes(rest_.size()); }

  double number() {
    double value = 0;
    const std::string_view taken = bytes(sizeof value);
    std::memcpy(&value, taken.data(), taken.size());
    return value;
  }

 private:
  std::string_view rest_;
};

}  // namespace mediasync::fuzz
