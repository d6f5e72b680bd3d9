// The short tokens that clients give back or that come in headers: base64, the ids of connections, the keys of
// WebSocket handshakes, offsets. What is accepted is what would be written, and the other way round. Base64 is compared
// with OpenSSL's.
#include <openssl/evp.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "core/engineio/base64.h"
#include "core/sessions/offset.h"
#include "core/store/connection_table.h"
#include "core/websocket/handshake.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/require.h"

using namespace mediasync;

namespace {

std::string encodedByOpenSsl(std::string_view bytes) {
  std::vector<unsigned char> out(bytes.size() * 2 + 8);
  const int size =
      EVP_EncodeBlock(out.data(), reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  return {out.begin(), out.begin() + size};
}

bool isDecodedByOpenSsl(std::string_view text) {
  std::vector<unsigned char> out(text.size() + 8);
  return EVP_DecodeBlock(out.data(), reinterpret_cast<const unsigned char*>(text.data()),
                         static_cast<int>(text.size())) >= 0;
}

void checkBase64(std::string_view text) {
  std::string encoded, decoded;
  engineio::appendBase64(encoded, text);
  FUZZ_REQUIRE(encoded == encodedByOpenSsl(text) && encoded.size() == engineio::base64Size(text.size()));
  FUZZ_REQUIRE(engineio::decodeBase64(encoded, decoded) && decoded == text);
  if (engineio::decodeBase64(text, decoded)) FUZZ_REQUIRE(encodedByOpenSsl(decoded) == text);
}

void checkWebSocketKey(std::string_view text) {
  std::string accept = websocket::acceptKey(text), digest;
  FUZZ_REQUIRE(engineio::decodeBase64(accept, digest) && digest.size() == SHA_DIGEST_LENGTH);
  if (!websocket::isValidKey(text)) return;
  FUZZ_REQUIRE(text.size() == 24 && isDecodedByOpenSsl(text));
}

void checkId(std::string_view text) {
  const auto id = store::parseId(text);
  if (id) {
    const std::string written = store::idText(*id);
    // The last character has bits that no byte is made of.
    FUZZ_REQUIRE(written.size() == text.size() && text.starts_with(written.substr(0, written.size() - 1)));
    FUZZ_REQUIRE(store::parseId(written) == id);
  }
  store::RandomId made{};
  std::memcpy(made.data(), text.data(), std::min(made.size(), text.size()));
  FUZZ_REQUIRE(store::parseId(store::idText(made)) == made);
  FUZZ_REQUIRE(engineio::base64Size(made.size()) == store::idText(made).size() + 2);
}

void checkOffset(std::string_view text) {
  if (const auto offset = server::parseOffset(text)) {
    std::string written = "[]";
    server::appendOffset(written, *offset);
    FUZZ_REQUIRE(written == "[,\"" + std::string(text) + "\"]");
  }
  server::Offset made;
  fuzz::Input input(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
  for (std::uint64_t* number : {&made.session, &made.event}) {
    const std::string_view bytes = input.bytes(sizeof *number);
    std::memcpy(number, bytes.data(), bytes.size());
  }
  std::string written = "]";
  server::appendOffset(written, made);
  FUZZ_REQUIRE(server::parseOffset(std::string_view(written).substr(2, written.size() - 4)) == made);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  checkBase64(text);
  checkWebSocketKey(text);
  checkId(text);
  checkOffset(text);
  return 0;
}
