// The Engine.IO protocol of a client, from its handshake.
#pragma once

#include <cstdint>
#include <string>

namespace mediasync::engineio {

// The protocol revision: Socket.IO clients 1.x and 2.x speak 3, later ones 4.
enum class Revision : std::uint8_t { kV3 = 3, kV4 = 4 };

struct Protocol {
  Revision revision = Revision::kV4;
  bool base64 = false;  // revision 3 only: binary messages go out as text
};

// The body of a poll's answer.
struct Payload {
  std::string bytes;
  bool binary = false;  // application/octet-stream; otherwise text
};

}  // namespace mediasync::engineio
