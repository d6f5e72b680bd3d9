#include "core/websocket/deflate.h"

#include <catch2/catch.hpp>
#include <random>
#include <tuple>
#include <type_traits>

using namespace mediasync::websocket;

namespace {

using Result = Inflater::Result;

constexpr std::size_t kLimit = 10'000'000;

std::string bytes(std::initializer_list<int> values) {
  std::string out;
  for (const int value : values)
    out.push_back(static_cast<char>(value));
  return out;
}

std::string deflated(std::string_view message, int windowBits = 15, int level = 6, int memLevel = 8) {
  std::string out;
  REQUIRE(Deflater(windowBits, level, memLevel).deflate(message, out));
  return out;
}

struct Inflated {
  Result result;
  std::string message;
  friend bool operator==(const Inflated&, const Inflated&) = default;
};

std::ostream& operator<<(std::ostream& out, const Inflated& inflated) {
  return out << static_cast<int>(inflated.result) << ":" << inflated.message.substr(0, 80);
}

Inflated inflated(std::string_view payload, std::size_t maxSize = kLimit) {
  std::string out = "what was there before";
  const Result result = Inflater().inflate(payload, maxSize, out);
  return {result, out};
}

Inflated done(std::string_view message) {
  return {Result::kDone, std::string(message)};
}

const Inflated kInvalid{Result::kInvalid, ""};
const Inflated kTooBig{Result::kTooBig, ""};

const std::string kTail = bytes({0x00, 0x00, 0xff, 0xff});
const std::string kHello = bytes({0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00});
const std::string kFinalHello = bytes({0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00});  // BFINAL=1

// `alphabet` bytes are used: few give matches, 256 give data that cannot be compressed.
std::string randomMessage(std::mt19937& random, std::size_t size, int alphabet) {
  std::uniform_int_distribution<int> byte(0, alphabet - 1);
  std::string out(size, '\0');
  for (char& c : out)
    c = static_cast<char>(byte(random));
  return out;
}

}  // namespace

TEST_CASE("Hello is deflated to the RFC's bytes", "[websocket][deflate]") {
  CHECK(deflated("Hello") == kHello);    // section 7.2.3.1
  CHECK(deflated("") == bytes({0x00}));  // section 7.2.3.6
}

TEST_CASE("the RFC's examples are inflated", "[websocket][deflate]") {
  CHECK(inflated(kHello) == done("Hello"));  // section 7.2.3.1
  // Section 7.2.3.3: a block without compression.
  CHECK(inflated(bytes({0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00})) == done("Hello"));
  // Section 7.2.3.4: a block with BFINAL set.
  CHECK(inflated(kFinalHello + bytes({0x00})) == done("Hello"));
  // Section 7.2.3.5: two blocks.
  CHECK(inflated(bytes({0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00})) ==
        done("Hello"));
  CHECK(inflated(bytes({0x00})) == done(""));  // section 7.2.3.6: an empty message
}

TEST_CASE("the RFC's message that needs the one before is invalid without it", "[websocket][deflate]") {
  Inflater inflater;
  std::string out;
  REQUIRE(inflater.inflate(kHello, kLimit, out) == Result::kDone);
  CHECK(inflater.inflate(bytes({0xf2, 0x00, 0x11, 0x00, 0x00}), kLimit, out) == Result::kInvalid);  // section 7.2.3.2
}

TEST_CASE("deflating appends, and gives the same bytes every time", "[websocket][deflate]") {
  Deflater deflater(15, 6, 8);
  std::string out = "x";
  REQUIRE(deflater.deflate("Hello", out));
  REQUIRE(deflater.deflate("Hello", out));
  CHECK(out == "x" + kHello + kHello);
}

TEST_CASE("an inflater goes on after an invalid and a too big message", "[websocket][deflate]") {
  Inflater inflater;
  std::string out;
  for (int round = 0; round < 3; ++round) {
    CHECK(inflater.inflate("\xFF\xFF\xFF", kLimit, out) == Result::kInvalid);
    CHECK(inflater.inflate(kHello, 4, out) == Result::kTooBig);
    CHECK(inflater.inflate(kHello.substr(0, 3), kLimit, out) == Result::kInvalid);
    REQUIRE(inflater.inflate(kHello, kLimit, out) == Result::kDone);
    CHECK(out == "Hello");
  }
}

TEST_CASE("a payload without any bytes is an empty message", "[websocket][deflate]") {
  CHECK(inflated("") == done(""));
  CHECK(inflated("", 0) == done(""));
  CHECK(inflated(bytes({0x00}), 0) == done(""));
}

TEST_CASE("what follows a final block must be whole blocks", "[websocket][deflate]") {
  CHECK(inflated(kFinalHello) == done("Hello"));  // the RFC asks for the 00, zlib users forget it
  CHECK(inflated(kFinalHello + bytes({0x00})) == done("Hello"));
  CHECK(inflated(kFinalHello + kHello) == done("HelloHello"));
  CHECK(inflated(kFinalHello + kFinalHello + bytes({0x00})) == done("HelloHello"));
  for (const auto& garbage : {bytes({0xff}), bytes({0x00, 0x00}), bytes({0x01}), bytes({0x02}), bytes({0x04}),
                              std::string("garbage"), bytes({0x00, 0x00, 0xff, 0xff}), std::string(1000, '\0')}) {
    CAPTURE(garbage.size(), int{garbage[0]});
    CHECK(inflated(kFinalHello + garbage) == kInvalid);
  }
  // Refers to the four bytes before the final block's end.
  CHECK(inflated(kFinalHello + bytes({0xf2, 0x00, 0x11, 0x00, 0x00})) == kInvalid);
}

TEST_CASE("many final blocks cost no more than their bytes", "[websocket][deflate]") {
  std::string payload = deflated(std::string(100000, 'a')) + kTail;
  for (int i = 0; i < 200000; ++i)
    payload += bytes({0x03, 0x00});
  CHECK(inflated(payload) == done(std::string(100000, 'a')));
}

TEST_CASE("a truncated payload is invalid", "[websocket][deflate]") {
  std::mt19937 random(7692);
  for (const std::string& message : {std::string("Hello"), std::string(300, 'a'), randomMessage(random, 400, 256),
                                     randomMessage(random, 2000, 20)}) {
    for (const int level : {1, 6, 9}) {
      const std::string payload = deflated(message, 15, level);
      REQUIRE(inflated(payload) == done(message));
      for (std::size_t size = 1; size < payload.size(); ++size) {
        CAPTURE(payload.size(), size);
        const std::string cut = payload.substr(0, size);
        REQUIRE(inflated(cut) == (cut == bytes({0x00}) ? done("") : kInvalid));
      }
    }
  }
}

TEST_CASE("the tail does not complete a payload that was cut within a stored block", "[websocket][deflate]") {
  const std::string header = bytes({0x00, 0x05, 0x00, 0xfa, 0xff});
  CHECK(inflated(header + "H") == kInvalid);  // the four bytes of the tail would be the other four
  CHECK(inflated(header + "Hell") == kInvalid);
  CHECK(inflated(header + "Hello") == kInvalid);
}

TEST_CASE("the four bytes that must be removed are not expected to be there", "[websocket][deflate]") {
  CHECK(inflated(kHello + kTail) == kInvalid);
}

TEST_CASE("a corrupted payload is invalid or another message, within the limit", "[websocket][deflate]") {
  std::mt19937 random(4711);
  std::string message;
  for (int i = 0; i < 50; ++i)
    message += "{\"id\":" + std::to_string(i) + ",\"name\":\"track " + std::to_string(random()) + "\"}";
  const std::string payload = deflated(message);
  Inflater inflater;
  std::string out;
  int invalid = 0;
  for (std::size_t at = 0; at < payload.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string corrupted = payload;
      corrupted[at] = static_cast<char>(corrupted[at] ^ (1 << bit));
      if (inflater.inflate(corrupted, 5000, out) == Result::kInvalid) ++invalid;
      REQUIRE(out.size() <= 5000);
    }
  }
  CHECK(invalid > 0);
}

TEST_CASE("the limit is exact", "[websocket][deflate]") {
  std::mt19937 random(1);
  for (const std::size_t size : {1, 2, 100, 1023, 1024, 1025, 2047, 2048, 2049, 4096, 5000, 70000}) {
    for (const int alphabet : {1, 20, 256}) {
      CAPTURE(size, alphabet);
      const std::string message = randomMessage(random, size, alphabet);
      const std::string payload = deflated(message);
      CHECK(inflated(payload, size) == done(message));
      CHECK(inflated(payload, size + 1) == done(message));
      CHECK(inflated(payload, size - 1) == kTooBig);
      CHECK(inflated(payload, size / 2) == kTooBig);
      CHECK(inflated(payload, 0) == kTooBig);
    }
  }
}

TEST_CASE("a bomb costs no more than the limit", "[websocket][deflate]") {
  const std::string bomb = deflated(std::string(1 << 20, '\0'));
  REQUIRE(bomb.size() < 1100);
  for (const std::size_t limit : {1000, 1500, 3000, 100000}) {
    CAPTURE(limit);
    Inflater inflater;
    std::string out;
    CHECK(inflater.inflate(bomb, limit, out) == Result::kTooBig);
    CHECK(out.empty());
    CHECK(out.capacity() <= limit);
    CHECK(inflater.heldBytes() < 45000);
  }
}

TEST_CASE("memory follows what was inflated, not the limit", "[websocket][deflate]") {
  std::string out;
  REQUIRE(Inflater().inflate(kHello, kLimit, out) == Result::kDone);
  CHECK(out.capacity() <= 1024);
  REQUIRE(Inflater().inflate(deflated(std::string(10000, 'a')), kLimit, out) == Result::kDone);
  CHECK(out.capacity() <= 20000);
}

TEST_CASE("messages come back for every window size", "[websocket][deflate]") {
  const int windowBits = GENERATE(range(9, 16));
  std::mt19937 random(static_cast<unsigned>(windowBits));
  Deflater deflater(windowBits, 1 + windowBits % 9, 1 + windowBits % 9);
  Inflater inflater;
  std::string payload;
  std::string out;
  for (int round = 0; round < 300; ++round) {
    const std::size_t size = random() % (round % 30 == 0 ? 200000 : 2000);
    const std::string message = randomMessage(random, size, round % 3 == 0 ? 256 : 1 + round % 40);
    payload.clear();
    REQUIRE(deflater.deflate(message, payload));
    REQUIRE(inflater.inflate(payload, size, out) == Result::kDone);
    REQUIRE(out == message);
  }
}

TEST_CASE("every level and memory level deflates what cannot be compressed", "[websocket][deflate]") {
  std::mt19937 random(99);
  const std::string message = randomMessage(random, 100000, 256);
  for (int windowBits = 9; windowBits <= 15; ++windowBits) {
    for (int level = 1; level <= 9; ++level) {
      for (const int memLevel : {1, 4, 8, 9}) {
        CAPTURE(windowBits, level, memLevel);
        const std::string payload = deflated(message, windowBits, level, memLevel);
        CHECK(payload.size() < message.size() + message.size() / 16);
        CHECK((inflated(payload) == done(message)));
      }
    }
  }
}

TEST_CASE("settings that zlib does not know fail and leave the output alone", "[websocket][deflate]") {
  for (auto [windowBits, level, memLevel] :
       {std::tuple{8, 6, 8}, {16, 6, 8}, {0, 6, 8}, {-15, 6, 8}, {15, 10, 8}, {15, 6, 0}, {15, 6, 10}}) {
    CAPTURE(windowBits, level, memLevel);
    Deflater deflater(windowBits, level, memLevel);
    std::string out = "before";
    CHECK_FALSE(deflater.deflate("Hello", out));
    CHECK(out == "before");
    CHECK(deflater.heldBytes() == 0);
  }
}

TEST_CASE("zlib's memory is held from the first use until it is released", "[websocket][deflate]") {
  Deflater deflater(12, 6, 5);
  Inflater inflater;
  std::string payload;
  std::string out;
  for (int round = 0; round < 2; ++round) {
    CHECK(deflater.heldBytes() == 0);
    CHECK(inflater.heldBytes() == 0);
    payload.clear();
    REQUIRE(deflater.deflate("Hello", payload));
    REQUIRE(inflater.inflate(payload, kLimit, out) == Result::kDone);
    const std::size_t held = deflater.heldBytes();
    CHECK(held >= (1 << 14) + (1 << 14));
    CHECK(held < 50000);
    CHECK(inflater.heldBytes() > 0);
    for (int i = 0; i < 10; ++i)
      REQUIRE(deflater.deflate("Hello", payload));
    CHECK(deflater.heldBytes() == held);
    deflater.release();
    inflater.release();
  }
}

TEST_CASE("deflater and inflater can be moved while they hold state", "[websocket][deflate]") {
  static_assert(!std::is_copy_constructible_v<Deflater> && !std::is_copy_assignable_v<Inflater>);
  Deflater deflater(15, 6, 8);
  Inflater inflater;
  std::string payload;
  std::string out;
  REQUIRE(deflater.deflate("Hello", payload));
  REQUIRE(inflater.inflate(payload, kLimit, out) == Result::kDone);
  Deflater otherDeflater(std::move(deflater));
  Inflater otherInflater(std::move(inflater));
  payload.clear();
  REQUIRE(otherDeflater.deflate("Hello again", payload));
  REQUIRE(otherInflater.inflate(payload, kLimit, out) == Result::kDone);
  CHECK(out == "Hello again");
}
