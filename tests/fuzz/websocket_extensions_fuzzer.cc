// The negotiation of permessage-deflate. What is accepted stays within the limit, does not depend on what follows it,
// and is an acceptable offer itself once it is written as an answer.
//
// Input: a byte for the largest window, then the header's value.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/websocket/extensions.h"
#include "tests/fuzz/require.h"

using namespace mediasync::websocket;

namespace {

constexpr std::string_view kDeflate = "permessage-deflate";

void checkAccepted(std::string_view header, std::uint8_t maxWindowBits, const DeflateParams& params) {
  FUZZ_REQUIRE(header.find(kDeflate) != std::string_view::npos);
  FUZZ_REQUIRE(params.serverWindowBits >= kMinWindowBits && params.serverWindowBits <= maxWindowBits);
  FUZZ_REQUIRE(params.sendServerWindowBits || params.serverWindowBits == kMaxWindowBits);
  std::string answer;
  appendDeflateAnswer(answer, params);
  FUZZ_REQUIRE(acceptDeflate(answer, maxWindowBits) == params);
  FUZZ_REQUIRE(acceptDeflate(std::string(header) + ", " + answer, maxWindowBits) == params);
  FUZZ_REQUIRE(acceptDeflate("other; x=\"y\" ," + std::string(header), maxWindowBits) == params);
}

// Behind an acceptable offer, a header decides only whether the grammar is kept.
void checkBehindAnOffer(std::string_view header, std::uint8_t maxWindowBits, bool accepted) {
  const auto first = acceptDeflate(kDeflate, maxWindowBits);
  const auto both = acceptDeflate(std::string(kDeflate) + "," + std::string(header), maxWindowBits);
  FUZZ_REQUIRE(first && (!both || both == first));
  FUZZ_REQUIRE(both || !accepted);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const auto maxWindowBits = static_cast<std::uint8_t>(kMinWindowBits + data[0] % 7);
  const std::string_view header(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto params = acceptDeflate(header, maxWindowBits);
  if (params) checkAccepted(header, maxWindowBits, *params);
  checkBehindAnOffer(header, maxWindowBits, params.has_value());
  return 0;
}
