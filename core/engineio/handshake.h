// The open packet, the first of an Engine.IO connection (protocol 4, section "Handshake").
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace mediasync::engineio {

struct Settings {
  std::int64_t pingInterval = 25000;   // milliseconds
  std::int64_t pingTimeout = 20000;    // milliseconds
  std::uint64_t maxPayload = 1000000;  // bytes
  friend bool operator==(const Settings&, const Settings&) = default;
};

// Appends 0{"sid":…,"upgrades":[…],"pingInterval":…,"pingTimeout":…,"maxPayload":…}. `sid` must contain only characters
// that JSON does not escape.
void appendOpenPacket(std::string& out, std::string_view sid, bool offerWebSocket, const Settings& settings);

}  // namespace mediasync::engineio
