// Puts packets into the payload of one poll, in the client's revision.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/engineio/protocol.h"

namespace mediasync::engineio {

class PayloadWriter {
 public:
  explicit PayloadWriter(Protocol protocol) : protocol_(protocol) {}

  // One text packet, such as "4hello".
  void text(std::string_view packet);
  // One binary message.
  void binary(std::string_view bytes);
  // Text packets that appendPacket() has encoded.
  void encoded(std::string_view packets);

  bool empty() const { return payload_.empty() && parts_.empty(); }
  // What was put in. The writer is empty afterwards.
  Payload take();

  // Appends one text packet so that others can follow, and it can follow others.
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
  // Revision 3 frames a whole payload in another way when something in it is binary, so packets are kept until then.
  std::vector<Part> parts_;
  bool hasBinary_ = false;
  bool hasEncoded_ = false;
};

// A payload of one text packet.
Payload payloadOf(Protocol, std::string_view packet);

}  // namespace mediasync::engineio
