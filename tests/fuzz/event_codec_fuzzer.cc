// Events as they lie in a session's log, in memory that other processes write to. What is decoded encodes to the bytes
// that it was decoded from, but for flags, of which any value but 0 is true; no part of an event is one; and what the
// limits of the texts allow is within the log's limits and becomes JSON.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

#include "core/api/events.h"
#include "core/base/utf8.h"
#include "core/session/event.h"
#include "core/store/event_codec.h"
#include "tests/fuzz/require.h"

using namespace mediasync;
using namespace mediasync::session;

namespace {

// Calls fn(text, most bytes) for each text of an event.
template <class Fn>
void eachTextOf(const EventBody& body, Fn fn) {
  const auto look = [&fn](const auto& value, const auto& entry) {
    if constexpr (std::is_base_of_v<Text, std::remove_cvref_t<decltype(entry.form)>>) {
      const std::optional<std::string_view> text = value;
      if (text) fn(*text, entry.form.most);
    }
  };
  std::visit([&look](const auto& event) { eachKept(event, look); }, body);
}

bool areTextsWithinLimits(const EventBody& body) {
  bool are = true;
  eachTextOf(body, [&are](std::string_view text, std::size_t most) { are = are && text.size() <= most; });
  return are;
}

bool areTextsUtf8(const EventBody& body) {
  bool are = true;
  eachTextOf(body, [&are](std::string_view text, std::size_t) { are = are && isValidUtf8(text); });
  return are;
}

std::optional<Event> decode(std::string_view bytes) {
  return store::decodeEvent(std::as_bytes(std::span(bytes)));
}

// Bytes that say nothing but whether: only their being 0 counts.
bool isSameButForFlags(std::string_view encoded, std::string_view bytes) {
  return std::equal(encoded.begin(), encoded.end(), bytes.begin(),
                    [](char a, char b) { return a == b || (a == 1 && b != 0); });
}

void checkSizes(const Event& event, std::size_t size) {
  if (!areTextsWithinLimits(event.body)) return;
  FUZZ_REQUIRE(size <= store::kMaxEncodedEvent);
  const bool isCertain = factsOf(event.body).room == Room::kAlways;
  FUZZ_REQUIRE(!isCertain || size <= store::kMaxCertainEvent);
}

void checkJson(const Event& event) {
  if (!areTextsUtf8(event.body)) return;
  if (std::holds_alternative<CustomEvent>(event.body)) return;  // sent as it is: whoever makes one has it from a JSON value
  for (const auto unit : {api::TimestampUnit::kSeconds, api::TimestampUnit::kMilliseconds}) {
    std::string out;
    api::appendEvent(out, event, unit);
    const auto args = nlohmann::json::parse(out);
    FUZZ_REQUIRE(args.size() == 2 && args[0].is_string() && args[1].is_object());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto event = decode(bytes);
  if (!event) return 0;
  std::string encoded;
  store::encodeEvent(*event, encoded);
  FUZZ_REQUIRE(encoded.size() <= size && isSameButForFlags(encoded, bytes));
  const auto again = decode(encoded);
  FUZZ_REQUIRE(again && again->timestamp == event->timestamp && again->body.index() == event->body.index());
  std::string same;
  store::encodeEvent(*again, same);
  FUZZ_REQUIRE(same == encoded);
  for (const std::size_t part : {std::size_t{0}, encoded.size() / 2, encoded.size() - 1})
    FUZZ_REQUIRE(!decode(std::string_view(encoded).substr(0, part)));
  checkSizes(*event, encoded.size());
  checkJson(*event);
  return 0;
}
