#include "ngx_module/identity.h"

#include <new>
#include <string>

#include "core/api/text_rules.h"
#include "core/server/secret_cookie.h"
#include "core/store/connection_table.h"
#include "ngx_module/process.h"
#include "ngx_module/response.h"

namespace mediasync::ngx {

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
  const bool isSecure = r->connection->ssl != nullptr;
  if (!addHeader(r, "Set-Cookie", server::secretCookie(view(conf.secretCookie), secret, isSecure))) {
    throw std::bad_alloc();
  }
  return secret;
}

}  // namespace mediasync::ngx
