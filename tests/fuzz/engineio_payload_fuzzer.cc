// The Engine.IO payload decoder: its packets, encoded again, are the part of the body that it accepted.
#include <openssl/evp.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/engineio/payload.h"
#include "tests/fuzz/require.h"

using namespace mediasync::engineio;

namespace {

std::string encodeBase64(std::string_view bytes) {
  std::vector<unsigned char> out(bytes.size() * 2 + 8);
  const int size =
      EVP_EncodeBlock(out.data(), reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  return {out.begin(), out.begin() + size};
}

std::string encode(const Packet& packet) {
  if (packet.binary) return "b" + encodeBase64(packet.data);
  return static_cast<char>('0' + static_cast<int>(packet.type)) + std::string(packet.data);
}

void checkPayload(std::string_view body) {
  PayloadDecoder decoder(body);
  PayloadDecoder::Result result{};
  std::string encoded;
  bool first = true;
  for (Packet packet; (result = decoder.next(packet)) == PayloadDecoder::Result::kPacket; first = false) {
    FUZZ_REQUIRE(packet.type <= PacketType::kNoop);
    if (!first) encoded.push_back(kSeparator);
    encoded += encode(packet);
  }
  FUZZ_REQUIRE(body.starts_with(encoded));
  FUZZ_REQUIRE((result == PayloadDecoder::Result::kEnd) == (!first && encoded.size() == body.size()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  checkPayload(body);
  return 0;
}
