// permessage-deflate's payloads. Any bytes inflate within the limit, to the same message every time, and the limit is
// exact. Any message comes back after deflating it, whatever the settings.
//
// Input: a byte for the limit, one for window and memory level, one for the level, then a payload that is a message
// too.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/websocket/deflate.h"
#include "tests/fuzz/require.h"

using namespace mediasync::websocket;

namespace {

constexpr std::size_t kHeader = 3;
constexpr std::size_t kMaxHeld = 45000;

void checkInflate(Inflater& inflater, std::string_view payload, std::size_t limit) {
  std::string message;
  const Inflater::Result result = inflater.inflate(payload, limit, message);
  FUZZ_REQUIRE(message.size() <= limit && message.capacity() <= limit + std::string().capacity());
  FUZZ_REQUIRE(inflater.heldBytes() <= kMaxHeld);
  if (result != Inflater::Result::kDone) {
    FUZZ_REQUIRE(message.empty());
    return;
  }
  std::string again;
  FUZZ_REQUIRE(inflater.inflate(payload, message.size(), again) == result && again == message);
  if (message.empty()) return;
  FUZZ_REQUIRE(inflater.inflate(payload, message.size() - 1, again) == Inflater::Result::kTooBig && again.empty());
}

void checkRoundTrip(Inflater& inflater, Deflater& deflater, std::string_view message) {
  std::string payload = "x";
  FUZZ_REQUIRE(deflater.deflate(message, payload) && payload.size() > 1 && payload[0] == 'x');
  const std::size_t size = payload.size();
  FUZZ_REQUIRE(deflater.deflate(message, payload));
  const std::string_view first = std::string_view(payload).substr(1, size - 1);
  FUZZ_REQUIRE(std::string_view(payload).substr(size) == first);
  std::string again;
  FUZZ_REQUIRE(inflater.inflate(first, message.size(), again) == Inflater::Result::kDone && again == message);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < kHeader) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + kHeader, size - kHeader);
  const std::size_t limit = std::size_t{data[0]} * data[0];
  Deflater deflater(9 + data[1] % 7, 1 + data[2] % 9, 1 + data[1] / 7 % 9);
  static Inflater inflater;  // kept from input to input, as a worker keeps it
  checkInflate(inflater, bytes, limit);
  checkRoundTrip(inflater, deflater, bytes);
  return 0;
}
