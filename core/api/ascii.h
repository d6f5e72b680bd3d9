// Case-insensitive ASCII, as HTTP compares schemes, hosts and media types.
#pragma once

#include <algorithm>
#include <string_view>

namespace mediasync::api {

inline char toLowerAscii(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

inline bool equalsIgnoreCase(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return toLowerAscii(x) == toLowerAscii(y); });
}

}  // namespace mediasync::api
