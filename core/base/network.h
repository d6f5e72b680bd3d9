// Network addresses as identities of clients.
#pragma once

#include <cstddef>
#include <string_view>

namespace mediasync {

// The part of an address that identifies its client. `address` has the 4 bytes of an IPv4 or the 16 of an IPv6 address.
// The part of an IPv6 address is its /64: a client owns all addresses in it, and may use another each time. An
// IPv4-mapped IPv6 address identifies the same client as the IPv4 address. Returns "" for any other length.
inline std::string_view clientNetwork(std::string_view address) {
  constexpr std::size_t kIpv4 = 4, kIpv6 = 16, kPrefix = 8;
  constexpr std::string_view kMapped("\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
  if (address.size() == kIpv4) return address;
  if (address.size() != kIpv6) return {};
  return address.starts_with(kMapped) ? address.substr(kMapped.size()) : address.substr(0, kPrefix);
}

}  // namespace mediasync
