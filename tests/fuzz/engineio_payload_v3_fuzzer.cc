// The payload decoder of Engine.IO revision 3: its packets, encoded again in either framing, decode to the same
// packets. The lowest bit of the first byte picks the framing (so '0' is text and '1' is binary), the rest is the body.
// The decoders of WebSocket messages run on the same bytes.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/utf8.h"
#include "core/engineio/payload_v3.h"
#include "tests/fuzz/require.h"

using namespace mediasync;
using namespace mediasync::engineio;

namespace {

using Framing = PayloadV3Decoder::Framing;
using Result = PayloadV3Decoder::Result;

struct Seen {
  PacketType type;
  std::string data;
  bool binary;
  friend bool operator==(const Seen&, const Seen&) = default;
};

void checkPacket(const Packet& packet) {
  FUZZ_REQUIRE(packet.type <= PacketType::kNoop);
  if (packet.binary) {
    FUZZ_REQUIRE(packet.type == PacketType::kMessage);
  } else {
    FUZZ_REQUIRE(isValidUtf8(packet.data));
    FUZZ_REQUIRE(utf16Prefix(packet.data, utf16Length(packet.data)) == packet.data.size());
  }
}

std::vector<Seen> decode(std::string_view body, Framing framing, Result& result) {
  PayloadV3Decoder decoder(body, framing);
  std::vector<Seen> packets;
  for (Packet packet; (result = decoder.next(packet)) == Result::kPacket;) {
    checkPacket(packet);
    packets.push_back({packet.type, std::string(packet.data), packet.binary});
  }
  Packet none;
  FUZZ_REQUIRE(decoder.next(none) == result);
  return packets;
}

std::string encode(const std::vector<Seen>& packets, Framing framing) {
  const bool text = framing == Framing::kText;
  std::string out;
  for (const Seen& packet : packets) {
    if (packet.binary) {
      (text ? appendBase64V3 : appendFramedBinaryV3)(out, packet.data);
    } else {
      const std::string plain = static_cast<char>('0' + static_cast<int>(packet.type)) + packet.data;
      (text ? appendTextV3 : appendFramedTextV3)(out, plain);
    }
  }
  return out;
}

void checkRoundTrip(const std::vector<Seen>& packets, Framing framing) {
  Result result{};
  FUZZ_REQUIRE(decode(encode(packets, framing), framing, result) == packets);
  FUZZ_REQUIRE(result == (packets.empty() ? Result::kError : Result::kEnd));
}

void checkPayload(std::string_view body, Framing framing) {
  Result result{};
  const auto packets = decode(body, framing, result);
  checkRoundTrip(packets, Framing::kText);
  checkRoundTrip(packets, Framing::kBinary);
  if (framing == Framing::kBinary) return;  // it has two forms for a binary packet
  const std::string encoded = encode(packets, framing);
  FUZZ_REQUIRE(body.starts_with(encoded));
  FUZZ_REQUIRE((result == Result::kEnd) == (!packets.empty() && encoded.size() == body.size()));
}

void checkMessages(std::string_view message) {
  std::string binary;
  if (const auto packet = decodeTextV3(message, binary); packet && packet->binary) {
    std::string encoded;
    appendBase64V3(encoded, packet->data);
    FUZZ_REQUIRE(encoded == std::to_string(message.size()) + ":" + std::string(message));
  }
  if (const auto packet = decodeBinaryV3(message)) {
    FUZZ_REQUIRE(packet->binary && packet->data == message.substr(1));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view body(reinterpret_cast<const char*>(data + 1), size - 1);
  checkPayload(body, (data[0] & 1) == 0 ? Framing::kText : Framing::kBinary);
  checkMessages(body);
  return 0;
}
