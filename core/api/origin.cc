#include "core/api/origin.h"

#include <algorithm>
#include <charconv>

#include "core/base/ascii.h"

namespace mediasync::api {
namespace {

constexpr std::string_view kNull = "null";
constexpr std::string_view kAllBelow = "*.";

struct Parts {
  std::string_view scheme;
  std::string_view host;
  std::string_view port;  // empty: none is named
};

// A browser's own word for what a WebSocket has in its place.
std::string_view pageScheme(std::string_view scheme) {
  if (equalsIgnoreCase(scheme, "ws")) return "http";
  if (equalsIgnoreCase(scheme, "wss")) return "https";
  return scheme;
}

std::string_view defaultPort(std::string_view scheme) {
  if (equalsIgnoreCase(scheme, "http")) return "80";
  if (equalsIgnoreCase(scheme, "https")) return "443";
  return {};
}

// The colons in the brackets of an IPv6 address are none before a port.
std::size_t portColon(std::string_view authority) {
  const std::size_t bracket = authority.rfind(']');
  const std::size_t colon = authority.rfind(':');
  return colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket)
             ? colon
             : std::string_view::npos;
}

std::optional<Parts> split(std::string_view origin) {
  const std::size_t schemeEnd = origin.find("://");
  if (schemeEnd == std::string_view::npos || schemeEnd == 0) return std::nullopt;
  const std::string_view authority = origin.substr(schemeEnd + 3);
  if (authority.find_first_of("/@ ,?#\\") != std::string_view::npos) return std::nullopt;
  Parts parts{pageScheme(origin.substr(0, schemeEnd)), authority, {}};
  if (const std::size_t colon = portColon(authority); colon != std::string_view::npos) {
    parts.host = authority.substr(0, colon);
    parts.port = authority.substr(colon + 1);
    if (parts.port.empty()) return std::nullopt;
  }
  if (parts.port == defaultPort(parts.scheme)) parts.port = {};
  return parts;
}

bool isLetter(char c) {
  return toLowerAscii(c) >= 'a' && toLowerAscii(c) <= 'z';
}

bool isDigit(char c) {
  return c >= '0' && c <= '9';
}

bool isScheme(std::string_view text) {
  return !text.empty() && isLetter(text[0]) && std::all_of(text.begin(), text.end(), [](char c) {
    return isLetter(c) || isDigit(c) || c == '+' || c == '-' || c == '.';
  });
}

bool isHost(std::string_view text) {
  if (text.starts_with('[')) {
    return text.size() > 2 && text.ends_with(']') && text.find_first_of("[]", 1) == text.size() - 1;
  }
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return isLetter(c) || isDigit(c) || c == '-' || c == '.' || c == '_' || static_cast<unsigned char>(c) >= 0x80;
  });
}

bool isPort(std::string_view text) {
  unsigned port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size() && port >= 1 && port <= 65535;
}

bool isBelow(std::string_view host, std::string_view domain) {
  return host.size() > domain.size() + 1 && host[host.size() - domain.size() - 1] == '.' &&
         equalsIgnoreCase(host.substr(host.size() - domain.size()), domain);
}

}  // namespace

bool isSameOrigin(std::string_view origin, std::string_view host, std::string_view scheme) {
  if (origin.empty()) return true;
  const auto parts = split(origin);
  if (!parts || parts->host.empty() || defaultPort(parts->scheme).empty()) return false;
  if (!scheme.empty() && !equalsIgnoreCase(parts->scheme, scheme)) return false;
  std::string_view ownPort;
  if (const std::size_t colon = portColon(host); colon != std::string_view::npos) {
    ownPort = host.substr(colon + 1);
    host = host.substr(0, colon);
  }
  if (ownPort == defaultPort(parts->scheme)) ownPort = {};
  return parts->port == ownPort && equalsIgnoreCase(parts->host, host);
}

bool OriginPattern::matches(std::string_view origin) const {
  if (scheme.empty()) return origin == kNull;
  const auto parts = split(origin);
  if (!parts || !equalsIgnoreCase(parts->scheme, scheme) || (!anyPort && parts->port != port)) return false;
  return subdomains ? isBelow(parts->host, host) : equalsIgnoreCase(parts->host, host);
}

std::optional<OriginPattern> parseOriginPattern(std::string_view text) {
  if (text == kNull) return OriginPattern{};
  const auto parts = split(text);
  if (!parts || !isScheme(parts->scheme)) return std::nullopt;
  OriginPattern pattern{parts->scheme, parts->host, parts->port};
  if (pattern.port == "*") {
    pattern.anyPort = true;
    pattern.port = {};
  }
  if (!pattern.port.empty() && !isPort(pattern.port)) return std::nullopt;
  pattern.subdomains = pattern.host.starts_with(kAllBelow);
  if (pattern.subdomains) pattern.host.remove_prefix(kAllBelow.size());
  const bool needsHost = !defaultPort(pattern.scheme).empty() || pattern.subdomains || pattern.anyPort;
  if (!isHost(pattern.host) && (needsHost || !pattern.host.empty())) return std::nullopt;
  return pattern;
}

}  // namespace mediasync::api
