// Collects packets into the payload of one poll, in the client's revision.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/engineio/protocol.h"

namespace mediasync::engineio {

class PayloadWriter {
 public:
  explicit PayloadWriter(Protocol protocol) : protocol_(protocol) {}

  // Adds one text packet, such as "4hello".
  void text(std::string_view packet);
  // Adds one binary message.
  void binary(std::string_view bytes);
  // Adds text packets that appendPacket() has encoded.
  void encoded(std::string_view packets);

  bool empty() const { return payload_.empty() && parts_.empty(); }
  // Returns the payload and leaves the writer empty.
  Payload take();

  // Appends one text packet in a form that others can follow and precede.
  static void appendPacket(std::string& out, Revision, std::string_view packet);

 private:
  struct Part {
    std::string bytes;
    bool binary;
  };
  bool framesBinary() const;
  std::string framed() const;
  void appendParts();

  Protocol protocol_;
  std::string payload_;
  // Revision 3 frames the whole payload differently if any packet is binary, so packets are kept until take().
  std::vector<Part> parts_;
  bool hasBinary_ = false;
  bool hasEncoded_ = false;
};

// A payload with a single text packet.
Payload payloadOf(Protocol, std::string_view packet);

}  // namespace mediasync::engineio
