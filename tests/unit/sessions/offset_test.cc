// The offset that goes with an event: what is written is read again, and nothing else is.
#include "core/sessions/offset.h"

#include <catch2/catch.hpp>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>

using namespace mediasync::server;
using namespace std::string_literals;
using nlohmann::json;

namespace {

constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();

// As it stands in the event, without its quotes.
std::string textOf(const Offset& offset) {
  std::string event = R"(["x"])";
  appendOffset(event, offset);
  return json::parse(event).at(1);
}

}  // namespace

TEST_CASE("an offset comes back as it was given, and is a string at the end of the event", "[server][offset]") {
  constexpr std::uint64_t kBorders[] = {0,    1,        9,          10,         35,         36,       1295,
                                        1296, 1u << 31, 1ull << 32, 1ull << 48, 1ull << 53, kMax - 1, kMax};
  for (const std::uint64_t session : kBorders) {
    for (const std::uint64_t event : kBorders) {
      CAPTURE(session, event);
      CHECK(parseOffset(textOf({session, event})) == Offset{session, event});
    }
  }
  std::string event = R"(42["playback_sync",{"a":[1]}])";
  appendOffset(event, {35, 36});
  CHECK(event == R"(42["playback_sync",{"a":[1]},"z-10"])");
  CHECK(textOf({}) == "0-0");
  CHECK(textOf({kMax, kMax}) == "3w5e11264sgsf-3w5e11264sgsf");
}

TEST_CASE("two offsets never have the same text", "[server][offset]") {
  CHECK(textOf({1, 11}) != textOf({11, 1}));
  CHECK(textOf({1, 36 + 1}) != textOf({36 + 1, 1}));
  CHECK(textOf({0, 1}) != textOf({1, 0}));
}

TEST_CASE("what is no offset is refused", "[server][offset]") {
  const std::string text = GENERATE(
      as<std::string>{}, "", "-", "--", "a", "10", "1-", "-1", "1--1", "-1-1", "0x1-2", "A-1", "1-A", "aB-1", "01-2",
      "1-02", "00-0", "0-00", "1-2-3", "1-2-", " 1-2", "1-2 ", "1 -2", "1- 2", "\t1-2", "1-2\n", "+1-2", "1-+2", "1_2",
      "1.0-2", "1e-", "1,2", "\"1-2\"", "3w5e11264sgsg-1", "1-3w5e11264sgsg", "zzzzzzzzzzzzz-1",
      "1-zzzzzzzzzzzzzzzzzzz", "1000000000000000000000000000-1", "\xC3\xA9-1", "1-\xC2\xB2", "\xEF\xBC\x91-1",
      "1\xE2\x80\x93"
      "2",
      "\xff-\xff", "\0001-2"s, "1\0-2"s, "1-2\0"s, "1-\0"s, "1-2\0003"s, std::string(100'000, '1') + "-1",
      std::string(100'000, '-'), "1-" + std::string(100'000, '0'));
  CAPTURE(text.substr(0, 40), text.size());
  CHECK_FALSE(parseOffset(text));
}

TEST_CASE("of all short texts those are offsets that would be written so", "[server][offset]") {
  const std::string alphabet = "-019azAZ +\0\x80"s;
  int accepted = 0;
  std::vector<std::string> texts{""};
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const std::string text = texts[i];
    if (const auto offset = parseOffset(text)) {
      ++accepted;
      if (textOf(*offset) != text) FAIL_CHECK(text);
    }
    if (text.size() == 4) continue;
    for (const char c : alphabet)
      texts.push_back(text + c);
  }
  // Of one digit: 5. Of two: 4 * 5. "a-b", "ab-c" and "a-bc".
  CHECK(accepted == 5 * 5 + 2 * 20 * 5);
}

TEST_CASE("an offset ends where its view ends", "[server][offset]") {
  const std::string_view text = "1-23";
  CHECK(parseOffset(text.substr(0, 3)) == Offset{1, 2});
  CHECK_FALSE(parseOffset(text.substr(0, 2)));
  CHECK_FALSE(parseOffset({}));
}
