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
#include <variant>
#include <vector>

#include "core/api/events.h"
#include "core/base/utf8.h"
#include "core/session/command.h"
#include "core/store/event_codec.h"
#include "tests/fuzz/require.h"

using namespace mediasync;
using namespace mediasync::session;

namespace {

struct Text {
  std::string_view text;
  std::size_t limit;
};

class Texts {
 public:
  explicit Texts(const EventBody& body) {
    std::visit([this](const auto& event) { collect(event); }, body);
  }
  bool areWithinLimits() const {
    return std::all_of(texts_.begin(), texts_.end(), [](const Text& t) { return t.text.size() <= t.limit; });
  }
  bool areUtf8() const {
    return std::all_of(texts_.begin(), texts_.end(), [](const Text& t) { return isValidUtf8(t.text); });
  }

 private:
  void add(const std::optional<std::string_view>& text, std::size_t limit) {
    if (text) texts_.push_back({*text, limit});
  }
  void collect(const UserJoined& e) {
    add(e.userId, kMaxIdBytes), add(e.username, kMaxUsernameBytes), add(e.avatar, kMaxAvatarBytes);
  }
  void collect(const UserLeft& e) { add(e.userId, kMaxIdBytes), add(e.username, kMaxUsernameBytes); }
  void collect(const PlaybackSync& e) {
    add(e.state.mediaUrl, kMaxMediaUrlBytes), add(e.state.mediaId, kMaxMediaIdBytes);
    add(e.state.mediaTitle, kMaxMediaTitleBytes), add(e.leaderId, kMaxIdBytes);
  }
  void collect(const MediaLoaded& e) {
    add(e.mediaUrl, kMaxMediaUrlBytes), add(e.mediaId, kMaxMediaIdBytes);
    add(e.mediaTitle, kMaxMediaTitleBytes), add(e.loadedBy, kMaxIdBytes);
  }
  void collect(const CustomEvent& e) { add(e.json, kMaxCustomEventBytes); }
  void collect(const UserBuffering& e) { add(e.userId, kMaxIdBytes), add(e.username, kMaxUsernameBytes); }
  void collect(const LeadershipChanged& e) { add(e.newLeaderId, kMaxIdBytes), add(e.newLeaderName, kMaxUsernameBytes); }

  std::vector<Text> texts_;
};

std::optional<Event> decode(std::string_view bytes) {
  return store::decodeEvent(std::as_bytes(std::span(bytes)));
}

// Bytes that say nothing but whether: only their being 0 counts.
bool isSameButForFlags(std::string_view encoded, std::string_view bytes) {
  return std::equal(encoded.begin(), encoded.end(), bytes.begin(),
                    [](char a, char b) { return a == b || (a == 1 && b != 0); });
}

void checkSizes(const Event& event, std::size_t size) {
  if (!Texts(event.body).areWithinLimits()) return;
  FUZZ_REQUIRE(size <= store::kMaxEncodedEvent);
  const bool isCertain =
      std::holds_alternative<UserLeft>(event.body) || std::holds_alternative<LeadershipChanged>(event.body);
  FUZZ_REQUIRE(!isCertain || size <= store::kMaxCertainEvent);
}

void checkJson(const Event& event) {
  if (!Texts(event.body).areUtf8()) return;
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
