// Randomness as a parameter: core/ never opens a random device.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace mediasync {

class RandomSource {
 public:
  virtual ~RandomSource() = default;
  // Fills `out` with bytes from a cryptographically strong source. Never fails.
  virtual void fill(std::span<std::uint8_t> out) = 0;
};

}  // namespace mediasync
