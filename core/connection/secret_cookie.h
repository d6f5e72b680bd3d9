// mediasync_user_secret: the cookie in which a browser keeps the secret of its user. Pages cannot read it.
#pragma once

#include <string>
#include <string_view>

namespace mediasync::server {

// The secret in a Cookie header (RFC 6265, section 4.2); "" when there is none that this module may have set.
std::string_view secretIn(std::string_view cookies, std::string_view name);

// The value of the Set-Cookie header that gives it to the browser, for requests of this site alone; `isSecure`: over
// TLS alone.
std::string secretCookie(std::string_view name, std::string_view secret, bool isSecure);

}  // namespace mediasync::server
