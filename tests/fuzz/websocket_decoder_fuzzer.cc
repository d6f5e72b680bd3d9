// Two invariants of the WebSocket decoder. A stream gives the same messages and the same error whole and in
// pieces. What was decoded, encoded again as a client would send it, decodes to the same messages.
//
// Input: a byte that seeds the sizes of the pieces and whose top bit allows compression, a byte for the message limit,
// then the stream.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/websocket/decoder.h"
#include "core/websocket/frame.h"
#include "tests/fuzz/require.h"

using namespace mediasync::websocket;

namespace {

struct Seen {
  Opcode opcode;
  std::string payload;
  std::uint16_t closeCode;
  bool compressed;
  friend bool operator==(const Seen&, const Seen&) = default;
};

struct Limits {
  std::size_t message;
  bool compression;
};

struct Outcome {
  std::vector<Seen> messages;
  bool failed = false;
  CloseCode error{};
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

void feed(Decoder& decoder, std::string_view piece, Outcome& outcome) {
  std::vector<std::uint8_t> bytes(piece.begin(), piece.end());
  std::span<std::uint8_t> input(bytes);
  for (;;) {
    Message message;
    switch (decoder.next(input, message)) {
      case Decoder::Result::kMessage:
        FUZZ_REQUIRE(message.opcode != Opcode::kContinuation);
        outcome.messages.push_back(
            {message.opcode, std::string(message.payload), message.closeCode, message.compressed});
        break;
      case Decoder::Result::kNeedMore:
        FUZZ_REQUIRE(input.empty());
        return;
      case Decoder::Result::kError:
        FUZZ_REQUIRE(decoder.heldBytes() == 0);
        outcome.failed = true;
        outcome.error = decoder.error();
        return;
    }
  }
}

// Pieces of 1 to 16 bytes by a linear congruential sequence; a seed of 0 gives the stream whole, 1 single
// bytes.
Outcome decode(std::string_view stream, const Limits& limits, std::uint32_t seed) {
  Decoder decoder(limits.message);
  decoder.allowCompression(limits.compression);
  Outcome outcome;
  std::uint32_t state = seed;
  do {
    state = state * 1664525U + 1013904223U;
    const std::size_t wanted = seed == 0 ? stream.size() : seed == 1 ? 1 : 1 + (state >> 28);
    const std::size_t size = std::min(wanted, stream.size());
    feed(decoder, stream.substr(0, size), outcome);
    stream.remove_prefix(size);
  } while (!stream.empty() && !outcome.failed);
  FUZZ_REQUIRE(decoder.heldBytes() <= 2 * (limits.message + kMaxControlPayload) + 64);
  return outcome;
}

void appendMasked(std::string& out, const Seen& seen) {
  std::string unmasked;
  if (seen.opcode == Opcode::kClose) {
    appendCloseFrame(unmasked, static_cast<CloseCode>(seen.closeCode), seen.payload);
  } else if (seen.compressed) {
    appendCompressedFrame(unmasked, seen.opcode, seen.payload);
  } else {
    appendFrame(unmasked, seen.opcode, seen.payload);
  }
  const std::size_t payloadSize = seen.opcode == Opcode::kClose ? unmasked.size() - 2 : seen.payload.size();
  const std::size_t headerSize = unmasked.size() - payloadSize;
  FUZZ_REQUIRE(headerSize <= kMaxServerHeader);
  unmasked[1] = static_cast<char>(unmasked[1] | 0x80);
  constexpr std::string_view kKey = "\x5a\x01\xc3\x7f";
  out.append(unmasked, 0, headerSize).append(kKey);
  for (std::size_t i = 0; i < payloadSize; ++i)
    out.push_back(static_cast<char>(unmasked[headerSize + i] ^ kKey[i % 4]));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const Limits limits{std::size_t{data[1]} * 8, (data[0] & 0x80) != 0};
  const std::string_view stream(reinterpret_cast<const char*>(data) + 2, size - 2);

  const Outcome whole = decode(stream, limits, 0);
  FUZZ_REQUIRE(decode(stream, limits, 1) == whole);
  FUZZ_REQUIRE(decode(stream, limits, 2 + std::uint32_t{data[0]}) == whole);

  std::string encoded;
  for (const auto& seen : whole.messages) {
    const bool isData = seen.opcode == Opcode::kText || seen.opcode == Opcode::kBinary;
    FUZZ_REQUIRE(!seen.compressed || (limits.compression && isData));
    appendMasked(encoded, seen);
  }
  FUZZ_REQUIRE((decode(encoded, limits, 0) == Outcome{whole.messages, false, {}}));
  return 0;
}
