// mediasync_user: whom NGINX says the client of a request is; mediasync_user_secret: what it shows to be who it says.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "ngx_module/conf.h"

namespace mediasync::ngx {

// The client's address, as realip has it, of 4 or 16 bytes; "" over a Unix socket. Good as long as the request is.
std::string_view addressOf(const ngx_http_request_t* r);
// The client's network, for server::Newcomer.
std::string_view networkOf(const ngx_http_request_t* r);

// The options of the location for this request. nullopt: a user is asked for, and the value is empty or longer than a
// userId may be.
std::optional<server::Options> identify(ngx_http_request_t* r, const LocConf& conf);

// The secret that the client keeps as a cookie; "" when the location does not ask for one, or it has none.
std::string sentSecret(ngx_http_request_t* r, const LocConf& conf);
// The same for a handshake, whose answer gives the cookie to the client, or gives it again.
std::string handshakeSecret(ngx_http_request_t* r, const LocConf& conf);

}  // namespace mediasync::ngx
