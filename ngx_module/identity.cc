#include "ngx_module/identity.h"

#include <new>
#include <string>

#include "core/api/text_rules.h"
#include "ngx_module/response.h"

namespace mediasync::ngx {

std::optional<server::Options> identify(ngx_http_request_t* r, const LocConf& conf) {
  server::Options options = conf.options();
  if (!conf.bindsUser) return options;
  ngx_str_t user;
  if (ngx_http_complex_value(r, conf.user, &user) != NGX_OK) throw std::bad_alloc();
  if (!api::isId(view(user))) return std::nullopt;
  options.user = std::string(view(user));
  return options;
}

}  // namespace mediasync::ngx
