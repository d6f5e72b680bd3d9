// The state of a WebSocket decoder on its way to another process. Whatever the bytes, restore() makes a decoder of them
// that keeps its bounds, or refuses; and one that was restored goes on exactly as the one that was saved.
//
// Input: a digit that is odd when compression is allowed, the size of the state, the state, then bytes of the peer.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/websocket/decoder.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/require.h"

using namespace mediasync::websocket;

namespace {

constexpr std::size_t kMaxMessage = 300;

Decoder freshDecoder(bool compression) {
  Decoder decoder(kMaxMessage);
  decoder.allowCompression(compression);
  return decoder;
}

std::string saved(const Decoder& decoder) {
  std::string state;
  decoder.save(state);
  return state;
}

// What the decoder makes of the bytes, as text.
std::string decode(Decoder& decoder, std::string_view bytes) {
  std::vector<std::uint8_t> copy(bytes.begin(), bytes.end());
  std::span<std::uint8_t> input(copy);
  std::string seen;
  for (Message message;;) {
    const Decoder::Result result = decoder.next(input, message);
    if (result == Decoder::Result::kNeedMore) return seen;
    if (result == Decoder::Result::kError) return seen + "error " + std::to_string(static_cast<int>(decoder.error()));
    FUZZ_REQUIRE(message.opcode != Opcode::kContinuation);
    seen += std::to_string(static_cast<int>(message.opcode)) + (message.compressed ? "c" : "") +
            std::to_string(message.closeCode) + ":" + std::string(message.payload) + "\n";
  }
}

// The bytes, cut anywhere, mean the same when another decoder goes on after the cut.
void checkCut(const std::string& state, bool compression, std::string_view bytes, std::size_t at) {
  Decoder whole = freshDecoder(compression), before = freshDecoder(compression), after = freshDecoder(compression);
  FUZZ_REQUIRE(whole.restore(state) && before.restore(state));
  const std::string expected = decode(whole, bytes);
  const std::string first = decode(before, bytes.substr(0, at));
  if (first.find("error") != std::string::npos) return;
  FUZZ_REQUIRE(after.restore(saved(before)));
  FUZZ_REQUIRE(first + decode(after, bytes.substr(at)) == expected);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  mediasync::fuzz::Input input(data, size);
  const bool compression = input.below(2) == 1;
  std::string state(input.bytes(input.byte()));
  const std::string_view bytes = input.rest();
  Decoder decoder = freshDecoder(compression);
  if (!decoder.restore(state)) {
    decoder = freshDecoder(compression);
    state = saved(decoder);
  }
  decode(decoder, bytes);
  FUZZ_REQUIRE(decoder.heldBytes() <= 2 * (state.size() + size + kMaxMessage + kMaxControlPayload));
  for (const std::size_t at : {std::size_t{0}, bytes.size() / 3, bytes.size() / 2, bytes.size()})
    checkCut(state, compression, bytes, at);
  return 0;
}
