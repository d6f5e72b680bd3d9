// Which pages may connect: the Origin header (RFC 6454) against the server's own host, and against those that are
// named.
#pragma once

#include <optional>
#include <string_view>

namespace mediasync::api {

// `origin` is the value of the Origin header ("" when absent), `host` that of Host. `scheme` is what the page's side of
// the server speaks, "http" or "https"; "" when a proxy may stand before it. True when `origin` is absent, or when it
// is an origin whose host:port equals `host` and whose scheme is `scheme`, where that is known. ws and wss, which
// native clients send, are http and https. Compared without regard to case and with the default port of the origin's
// scheme dropped on both sides. "null", lists and anything malformed are not same-origin.
bool isSameOrigin(std::string_view origin, std::string_view host, std::string_view scheme = {});

// Origins that are let in besides: "null", or SCHEME://HOST[:PORT] with any scheme, where the host may be "*.DOMAIN",
// for all names below it, the port "*", and the host empty for schemes that have none, as in "file://". The views point
// into the text that it was parsed from.
struct OriginPattern {
  std::string_view scheme;  // empty: "null"
  std::string_view host;
  std::string_view port;  // empty: the default one
  bool subdomains = false;
  bool anyPort = false;

  bool matches(std::string_view origin) const;
};

// nullopt for what no origin could match.
std::optional<OriginPattern> parseOriginPattern(std::string_view text);

}  // namespace mediasync::api
