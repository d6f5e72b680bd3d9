#include "core/engineio/packet.h"

namespace mediasync::engineio {

std::optional<Packet> decodeText(std::string_view text) {
  if (text.empty() || text.front() < '0' || text.front() > '6') return std::nullopt;
  return Packet{static_cast<PacketType>(text.front() - '0'), text.substr(1), false};
}

}  // namespace mediasync::engineio
