// The buffer for everything that is read from WebSockets.
#pragma once

#include <array>

#include "ngx_module/nginx.h"

namespace mediasync::ngx {

// Input is worked off before the next read, so that one buffer serves every connection of the process.
inline std::array<u_char, 64 * 1024> readBuffer;

}  // namespace mediasync::ngx
