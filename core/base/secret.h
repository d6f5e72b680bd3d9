// Secrets by which clients prove their identity. Only a hash of a secret is stored, under a key of the zone
// (HMAC-SHA-256, RFC 2104, its first 128 bits): it can be compared with a secret and does not reveal it.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace mediasync {

using SecretKey = std::array<std::uint8_t, 32>;
using SecretHash = std::array<std::uint8_t, 16>;

SecretHash hashSecret(const SecretKey&, std::string_view secret);

// Compares in constant time.
bool isSameSecret(const SecretHash&, const SecretHash&);

}  // namespace mediasync
