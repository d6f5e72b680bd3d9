#include "ngx_module/identity.h"

#include <new>
#include <span>
#include <string>

#include "core/api/text_rules.h"
#include "core/base/network.h"
#include "core/connection/secret_cookie.h"
#include "core/store/connection_table.h"
#include "ngx_module/hook_directive.h"
#include "ngx_module/process.h"
#include "ngx_module/response.h"
#include "ngx_module/tls.h"

namespace mediasync::ngx {

std::string_view addressOf(const ngx_http_request_t* r) {
  const auto bytesOf = [](const auto& address) { return asText(std::as_bytes(std::span(&address, 1))); };
  const sockaddr* address = r->connection->sockaddr;
  if (address->sa_family == AF_INET) return bytesOf(reinterpret_cast<const sockaddr_in*>(address)->sin_addr);
#if (NGX_HAVE_INET6)
  if (address->sa_family == AF_INET6) return bytesOf(reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr);
#endif
  return {};
}

std::string_view networkOf(const ngx_http_request_t* r) {
  return clientNetwork(addressOf(r));
}

std::optional<server::Options> identify(ngx_http_request_t* r, const LocConf& conf) {
  server::Options options = conf.options();
  options.variables = hookVariables(r, conf);
  if (!conf.bindsUser) return options;
  ngx_str_t user;
  if (ngx_http_complex_value(r, conf.user, &user) != NGX_OK) throw std::bad_alloc();
  if (!api::isId(view(user))) {
    countForbidden(conf.zone, store::Forbidden::kUser);
    return std::nullopt;
  }
  options.user = std::string(view(user));
  return options;
}

std::string sentSecret(ngx_http_request_t* r, const LocConf& conf) {
  if (!conf.options().asksSecret) return {};
  return std::string(server::secretIn(requestHeader(r, "cookie"), view(conf.secretCookie)));
}

std::string handshakeSecret(ngx_http_request_t* r, const LocConf& conf) {
  if (!conf.options().asksSecret) return {};
  std::string secret = sentSecret(r, conf);
  if (secret.empty()) {
    store::RandomId fresh;
    systemRandom().fill(fresh);
    secret = store::idText(fresh);
  }
  const bool isSecure = isTls(r->connection);
  if (!addHeader(r, "Set-Cookie", server::secretCookie(view(conf.secretCookie), secret, isSecure))) {
    throw std::bad_alloc();
  }
  return secret;
}

}  // namespace mediasync::ngx
