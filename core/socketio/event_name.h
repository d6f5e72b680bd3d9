// Event names that the reference implementation reserves: a server refuses them, and a client that receives one takes
// the packet for broken and closes its connection.
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
