// Secrets by which clients show that they are who they were. What is kept of one is a hash under a key of the zone
// (HMAC-SHA-256, RFC 2104, its first 128 bits): it tells whether a secret is the same, and not what it is.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace mediasync {

using SecretKey = std::array<std::uint8_t, 32>;
using SecretHash = std::array<std::uint8_t, 16>;

SecretHash hashSecret(const SecretKey&, std::string_view secret);

// Takes as long wherever the two differ.
bool isSameSecret(const SecretHash&, const SecretHash&);

}  // namespace mediasync
