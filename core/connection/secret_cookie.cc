#include "core/connection/secret_cookie.h"

#include <algorithm>

#include "core/store/connection_table.h"

namespace mediasync::server {
namespace {

// Each handshake begins it anew. Longer than a session, and who leads it, is likely to be left alone.
constexpr std::string_view kMaxAge = "2592000";  // seconds: 30 days

}  // namespace

std::string_view secretIn(std::string_view cookies, std::string_view name) {
  while (!cookies.empty()) {
    std::string_view pair = cookies.substr(0, cookies.find(';'));
    cookies.remove_prefix(std::min(pair.size() + 1, cookies.size()));
    pair.remove_prefix(std::min(pair.find_first_not_of(' '), pair.size()));
    if (!pair.starts_with(name) || pair.substr(name.size(), 1) != "=") continue;
    const std::string_view value = pair.substr(name.size() + 1);
    if (store::parseId(value)) return value;
  }
  return {};
}

std::string secretCookie(std::string_view name, std::string_view secret, bool isSecure) {
  std::string cookie(name);
  cookie.append("=").append(secret).append("; Path=/; Max-Age=").append(kMaxAge);
  cookie.append("; HttpOnly; SameSite=Lax");
  if (isSecure) cookie.append("; Secure");
  return cookie;
}

}  // namespace mediasync::server
