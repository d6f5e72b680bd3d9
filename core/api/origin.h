// Which pages may connect: compares the Origin header (RFC 6454) with the server's own host and with listed origins.
#pragma once

#include <optional>
#include <string_view>

namespace mediasync::api {

// `origin` is the value of the Origin header ("" if absent), `host` that of Host. `scheme` is the scheme of the
// server's pages, "http" or "https", or "" if a proxy may hide it. Returns true if `origin` is absent, or if it is an
// origin whose host:port equals `host` and whose scheme equals `scheme`, unless that is "". ws and wss, which native
// clients send, count as http and https. The comparison ignores case and drops the default port of the origin's scheme
// on both sides. "null", lists and malformed values are not same-origin.
bool isSameOrigin(std::string_view origin, std::string_view host, std::string_view scheme = {});

// An additional admitted origin: "null", or SCHEME://HOST[:PORT] with any scheme. The host may be "*.DOMAIN", for all
// names below it, or empty for schemes without hosts, as in "file://"; the port may be "*". The views point into the
// parsed text.
struct OriginPattern {
  std::string_view scheme;  // empty: "null"
  std::string_view host;
  std::string_view port;  // empty: the default port
  bool subdomains = false;
  bool anyPort = false;

  bool matches(std::string_view origin) const;
};

// Returns nullopt for a pattern that no origin can match.
std::optional<OriginPattern> parseOriginPattern(std::string_view text);

}  // namespace mediasync::api
