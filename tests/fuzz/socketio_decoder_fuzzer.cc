// The Socket.IO decoder: what it accepts is within its limits, safe to echo, and the same after encoding and
// decoding it again.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/utf8.h"
#include "core/socketio/decoder.h"
#include "core/socketio/encoder.h"
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
  if (packet.hasData) out += packet.data.dump();
  return out;
}

void checkRoundTrip(const Packet& packet) {
  Packet again;
  FUZZ_REQUIRE(decode(encode(packet), kLimits, again));
  FUZZ_REQUIRE(again.type == packet.type && again.nsp == packet.nsp && again.id == packet.id);
  FUZZ_REQUIRE(again.attachments == packet.attachments && again.hasData == packet.hasData);
  FUZZ_REQUIRE(again.data == packet.data);
}

void checkRefusal(const std::string& nsp) {
  std::string out;
  appendConnectError(out, nsp, "Invalid namespace");
  Packet answer;
  FUZZ_REQUIRE(mediasync::isValidUtf8(out) && out.find('\x1e') == std::string::npos);
  FUZZ_REQUIRE(decode(out, kLimits, answer) && answer.nsp == nsp);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Packet packet;
  if (!decode({reinterpret_cast<const char*>(data), size}, kLimits, packet)) return 0;
  FUZZ_REQUIRE(packet.attachments <= kLimits.maxAttachments);
  FUZZ_REQUIRE(packet.nsp.size() <= kLimits.maxNamespace);
  FUZZ_REQUIRE(depthOf(packet.data) <= kLimits.maxDepth);
  FUZZ_REQUIRE(packet.hasData || packet.data.is_null());
  checkRoundTrip(packet);
  checkRefusal(packet.nsp);
  return 0;
}
