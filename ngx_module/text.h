// NGINX's strings as ours, and ours as NGINX's.
#pragma once

#include <string_view>

#include "core/base/bytes.h"
#include "ngx_module/nginx.h"

namespace mediasync::ngx {

inline std::string_view view(const ngx_str_t& text) {
  return asText({text.data, text.len});
}

// NGINX does not have `const`: for those of its functions that only read.
inline u_char* ngxBytes(std::string_view text) {
  return const_cast<u_char*>(asBytes(text).data());
}

// The same; the result is good as long as `text` is.
inline ngx_str_t ngxString(std::string_view text) {
  return {text.size(), ngxBytes(text)};
}

}  // namespace mediasync::ngx
