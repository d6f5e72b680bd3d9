// Case-insensitive ASCII, as HTTP compares schemes, hosts and media types.
#pragma once

#include <algorithm>
#include <string_view>

namespace mediasync {

inline char toLowerAscii(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

inline bool equalsIgnoreCase(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return toLowerAscii(x) == toLowerAscii(y); });
}

// True if `list`, a comma-separated list of tokens in an HTTP header, names `name`.
inline bool listsToken(std::string_view list, std::string_view name) {
  while (!list.empty()) {
    std::string_view token = list.substr(0, list.find(','));
    list.remove_prefix(std::min(token.size() + 1, list.size()));
    token.remove_prefix(std::min(token.find_first_not_of(" \t"), token.size()));
    token = token.substr(0, token.find_last_not_of(" \t") + 1);
    if (equalsIgnoreCase(token, name)) return true;
  }
  return false;
}

}  // namespace mediasync
