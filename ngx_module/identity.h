// mediasync_user: whom NGINX says the client of a request is.
#pragma once

#include <optional>

#include "ngx_module/conf.h"

namespace mediasync::ngx {

// The options of the location for this request. nullopt: a user is asked for, and the value is empty or longer than a
// userId may be.
std::optional<server::Options> identify(ngx_http_request_t* r, const LocConf& conf);

}  // namespace mediasync::ngx
