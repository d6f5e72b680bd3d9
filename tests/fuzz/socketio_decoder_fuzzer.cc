// The Socket.IO decoder: what it accepts is within its limits, safe to echo, and the same after encoding and
// decoding it again. A plain event is what decoding makes of it.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "core/base/utf8.h"
#include "core/socketio/decoder.h"
#include "core/socketio/encoder.h"
#include "core/socketio/plain_event.h"
#include "tests/fuzz/require.h"

using namespace mediasync::socketio;

namespace {

constexpr Limits kLimits{.maxAttachments = 3, .maxDepth = 5, .maxNamespace = 16};

std::size_t depthOf(const nlohmann::json& value) {
  if (!value.is_structured()) return 0;
  std::size_t deepest = 0;
  for (const auto& child : value)
    deepest = std::max(deepest, depthOf(child));
  return 1 + deepest;
}

std::string encode(const Packet& packet) {
  std::string out = std::to_string(static_cast<int>(packet.type));
  if (packet.attachments > 0) out += std::to_string(packet.attachments) + "-";
  if (packet.nsp != "/") out += packet.nsp + ",";
  if (packet.id) out += std::to_string(*packet.id);
  if (packet.hasData) out += packet.data->dump();
  return out;
}

void checkRoundTrip(const Packet& packet) {
  Packet again;
  FUZZ_REQUIRE(decode(encode(packet), kLimits, again));
  FUZZ_REQUIRE(again.type == packet.type && again.nsp == packet.nsp && again.id == packet.id);
  FUZZ_REQUIRE(again.attachments == packet.attachments && again.hasData == packet.hasData);
  FUZZ_REQUIRE(*again.data == *packet.data);
}

void checkRefusal(const std::string& nsp) {
  std::string out;
  appendConnectError(out, nsp, "Invalid namespace");
  Packet answer;
  FUZZ_REQUIRE(mediasync::isValidUtf8(out) && out.find('\x1e') == std::string::npos);
  FUZZ_REQUIRE(decode(out, kLimits, answer) && answer.nsp == nsp);
}

bool isSame(const mediasync::JsonScalar& scalar, const nlohmann::json& value) {
  switch (scalar.kind) {
    case mediasync::JsonScalar::Kind::kText:
      return value.is_string() && value.get_ref<const std::string&>() == scalar.text;
    case mediasync::JsonScalar::Kind::kNumber:
      return value.is_number() && value.get<double>() == scalar.number;
    case mediasync::JsonScalar::Kind::kBoolean:
      return value.is_boolean() && value.get<bool>() == scalar.boolean;
    default:
      return value.is_null();
  }
}

// What is read where it stands is what decoding makes of it.
void checkPlain(std::string_view text) {
  PlainEvent event;
  if (!readPlainEvent(text, event)) return;
  Packet packet;
  FUZZ_REQUIRE(decode(text, kLimits, packet));
  FUZZ_REQUIRE(packet.type == PacketType::kEvent && packet.nsp == "/" && packet.id == event.id);
  FUZZ_REQUIRE((*packet.data)[0] == std::string(event.name));
  FUZZ_REQUIRE(packet.data->size() == (event.hasData ? 2U : 1U));
  if (!event.hasData) return;
  for (const auto& [name, value] : (*packet.data)[1].items()) {
    const mediasync::JsonScalar* scalar = event.data.find(name);
    FUZZ_REQUIRE(scalar != nullptr && isSame(*scalar, value));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  checkPlain(text);
  Packet packet;
  if (!decode(text, kLimits, packet)) return 0;
  FUZZ_REQUIRE(packet.attachments <= kLimits.maxAttachments);
  FUZZ_REQUIRE(packet.nsp.size() <= kLimits.maxNamespace);
  FUZZ_REQUIRE(depthOf(packet.data) <= kLimits.maxDepth);
  FUZZ_REQUIRE(packet.hasData || packet.data->is_null());
  checkRoundTrip(packet);
  checkRefusal(packet.nsp);
  return 0;
}
