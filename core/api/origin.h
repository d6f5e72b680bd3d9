// The same-origin rule for pages that connect.
#pragma once

#include <string_view>

namespace mediasync::api {

// `origin` is the value of the Origin header ("" when absent), `host` that of Host. True when `origin` is
// absent, or when it is an http or https origin whose host:port equals `host`, compared without regard to
// case and with the default port of the origin's scheme dropped on both sides. "null", lists and anything
// malformed are not same-origin.
bool isSameOrigin(std::string_view origin, std::string_view host);

}  // namespace mediasync::api
