// Network addresses, as far as they tell one client from another.
#pragma once

#include <cstddef>
#include <string_view>

namespace mediasync {

// The part of an address, given as the 4 bytes of an IPv4 or the 16 of an IPv6 one, by which its client is known. Of
// IPv6 that is the /64: a client has all addresses in it, and may take another each time. An IPv4 address that is
// written as an IPv6 one is the same client. "": it is no such address.
inline std::string_view clientNetwork(std::string_view address) {
  constexpr std::size_t kIpv4 = 4, kIpv6 = 16, kPrefix = 8;
  constexpr std::string_view kMapped("\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
  if (address.size() == kIpv4) return address;
  if (address.size() != kIpv6) return {};
  return address.starts_with(kMapped) ? address.substr(kMapped.size()) : address.substr(0, kPrefix);
}

}  // namespace mediasync
