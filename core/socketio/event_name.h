// Names that no event of a client may have, as in the reference implementation.
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

namespace mediasync::socketio {

inline bool isReservedEvent(std::string_view name) {
  constexpr std::array<std::string_view, 6> kReserved = {"connect",       "connect_error", "disconnect",
                                                         "disconnecting", "newListener",   "removeListener"};
  return std::find(kReserved.begin(), kReserved.end(), name) != kReserved.end();
}

}  // namespace mediasync::socketio
