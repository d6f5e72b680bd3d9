#include "core/engineio/payload_writer.h"

#include <utility>

#include "core/engineio/base64.h"
#include "core/engineio/payload.h"
#include "core/engineio/payload_v3.h"

namespace mediasync::engineio {

void PayloadWriter::appendPacket(std::string& out, Revision revision, std::string_view packet) {
  if (revision == Revision::kV3) return appendTextV3(out, packet);
  out.push_back(kSeparator);
  out.append(packet);
}

void PayloadWriter::text(std::string_view packet) {
  if (protocol_.revision == Revision::kV4) return appendPacket(payload_, protocol_.revision, packet);
  parts_.push_back({std::string(packet), false});
}

void PayloadWriter::binary(std::string_view bytes) {
  if (protocol_.revision == Revision::kV4) {
    payload_.append({kSeparator, 'b'});
    return appendBase64(payload_, bytes);
  }
  hasBinary_ = true;
  parts_.push_back({std::string(bytes), true});
}

void PayloadWriter::encoded(std::string_view packets) {
  if (packets.empty()) return;
  hasEncoded_ = true;
  appendParts();
  payload_.append(packets);
}

// Packets that are encoded already cannot be framed, but a text payload can hold binary messages as well.
bool PayloadWriter::framesBinary() const {
  return hasBinary_ && !hasEncoded_ && !protocol_.base64;
}

std::string PayloadWriter::framed() const {
  std::string out;
  for (const Part& part : parts_) {
    if (part.binary) {
      appendFramedBinaryV3(out, part.bytes);
    } else {
      appendFramedTextV3(out, part.bytes);
    }
  }
  return out;
}

void PayloadWriter::appendParts() {
  for (const Part& part : std::exchange(parts_, {})) {
    if (part.binary) {
      appendBase64V3(payload_, part.bytes);
    } else {
      appendTextV3(payload_, part.bytes);
    }
  }
}

Payload PayloadWriter::take() {
  Payload payload;
  if (framesBinary()) {
    payload = {framed(), true};
    parts_.clear();
  } else {
    appendParts();
    payload.bytes = std::exchange(payload_, {});
    if (protocol_.revision == Revision::kV4 && !payload.bytes.empty()) payload.bytes.erase(0, 1);  // a separator
  }
  hasBinary_ = hasEncoded_ = false;
  return payload;
}

Payload payloadOf(Protocol protocol, std::string_view packet) {
  PayloadWriter writer(protocol);
  writer.text(packet);
  return writer.take();
}

}  // namespace mediasync::engineio
