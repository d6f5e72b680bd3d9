// Events as bytes: what goes in comes out, and nothing else is ever taken for an event.
#include "core/store/event_codec.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "core/session/event.h"
#include "core/session/limits.h"
#include "tests/unit/session/filler.h"

using namespace mediasync;
using namespace mediasync::session;
using store::decodeEvent;
using store::encodeEvent;

namespace {

PlaybackView stateOf(double position, double rate) {
  PlaybackView view;
  view.mediaUrl = "http://u/ü";
  view.mediaTitle = "";  // empty is not absent
  view.mediaDuration = 3600.5;
  view.position = position;
  view.isPlaying = true;
  view.playbackRate = rate;
  view.lastUpdateTime = 1'640'995'200'123;
  return view;
}

std::vector<Event> samples() {
  const auto min = std::numeric_limits<std::int64_t>::min();
  return {
      {1, UserJoined{"ann", "Änn", "http://a"}},
      {-1, UserJoined{"", "", std::nullopt}},
      {min, UserLeft{"ann", "Ann"}},
      {2, PlaybackSync{stateOf(0.1, 1.1), "ann"}},
      {3, PlaybackSync{PlaybackView{}, ""}},
      {4, MediaLoaded{"url", "id", "title", 12.25, "ann"}},
      {5, MediaLoaded{"url", std::nullopt, std::nullopt, std::nullopt, "ann"}},
      {std::numeric_limits<std::int64_t>::max(), LeadershipChanged{"bob", "Bob"}},
      {6, UserBuffering{"bob", "Bob", {true, Problem::kUnsupported}}},
      {7, UserBuffering{"", "", {}}},
      {8, CustomEvent{R"(["chat",{"text":"hello"}])"}},
  };
}

std::string encoded(const Event& event) {
  std::string out = "what was there before";
  encodeEvent(event, out);
  return out;
}

std::optional<Event> decode(std::string_view bytes) {
  return decodeEvent({reinterpret_cast<const std::byte*>(bytes.data()), bytes.size()});
}

// One of each kind, with something in every field.
template <std::size_t... I>
std::vector<Event> filledEvents(std::index_sequence<I...>) {
  std::vector<Event> events;
  const auto add = [&events]<class Body>(Body body) {
    eachKept(body, Filler({1'640'995'200'123, 0}));
    events.push_back({1, body});
  };
  (add(std::variant_alternative_t<I, EventBody>{}), ...);
  return events;
}

}  // namespace

TEST_CASE("each field that an event describes is in its bytes", "[store][codec]") {
  for (const Event& event : filledEvents(std::make_index_sequence<std::variant_size_v<EventBody>>())) {
    const std::string bytes = encoded(event);
    const auto back = decode(bytes);
    REQUIRE(back);
    REQUIRE(back->body.index() == event.body.index());
    CHECK(encoded(*back) == bytes);
    std::visit(
        [&bytes](const auto& body) {
          eachKept(body, [&bytes](const auto& value, const auto& entry) {
            if constexpr (std::is_convertible_v<decltype(value), std::optional<std::string_view>>) {
              CHECK_THAT(bytes, Catch::Contains(std::string(entry.name)));
            }
          });
        },
        back->body);
  }
}

TEST_CASE("every event round trips, field by field", "[store][codec]") {
  for (const Event& event : samples()) {
    const std::string bytes = encoded(event);
    const auto back = decode(bytes);
    REQUIRE(back);
    CHECK(back->timestamp == event.timestamp);
    REQUIRE(back->body.index() == event.body.index());
    CHECK(encoded(*back) == bytes);  // nothing was left out on the way back
  }
  const std::string sync = encoded(samples()[3]);
  const auto back = decode(sync);
  const auto& body = std::get<PlaybackSync>(back->body);
  CHECK(body.leaderId == "ann");
  CHECK(body.state.mediaUrl == "http://u/ü");
  CHECK(body.state.mediaId == std::nullopt);
  CHECK(body.state.mediaTitle == "");
  CHECK(body.state.mediaDuration == 3600.5);
  CHECK(body.state.position == 0.1);
  CHECK(body.state.isPlaying);
  CHECK(body.state.playbackRate == 1.1);
  CHECK(body.state.lastUpdateTime == 1'640'995'200'123);
}

TEST_CASE("an event cut off at any length is no event, and nothing beyond the bytes is read", "[store][codec]") {
  for (const Event& event : samples()) {
    const std::string bytes = encoded(event);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      // A heap block of exactly this size: the sanitizer sees any read outside.
      const std::unique_ptr<char[]> cut(new char[size]);
      std::memcpy(cut.get(), bytes.data(), size);
      INFO("event " << event.body.index() << " cut to " << size << " of " << bytes.size());
      CHECK_FALSE(decode({cut.get(), size}));
    }
  }
}

TEST_CASE("an unknown kind of event is refused", "[store][codec]") {
  std::string bytes = encoded(samples()[0]);
  for (std::size_t kind = std::variant_size_v<EventBody>; kind < 256; ++kind) {
    bytes[0] = static_cast<char>(kind);
    CHECK_FALSE(decode(bytes));
  }
}

TEST_CASE("an unknown problem is refused", "[store][codec]") {
  std::string bytes = encoded({1, UserBuffering{"bob", "Bob", {true, Problem::kUnsupported}}});
  REQUIRE(decode(bytes));
  ++bytes.back();
  CHECK_FALSE(decode(bytes));
}

TEST_CASE("the longest events stay within the bounds that the log is built on", "[store][codec]") {
  const std::string id(kMaxIdBytes, 'i'), name(kMaxUsernameBytes, 'n'), avatar(kMaxAvatarBytes, 'a');
  const std::string url(kMaxMediaUrlBytes, 'u'), mediaId(kMaxMediaIdBytes, 'm'), title(kMaxMediaTitleBytes, 't');
  PlaybackView view = stateOf(1, 1);
  view.mediaUrl = url, view.mediaId = mediaId, view.mediaTitle = title;
  CHECK(encoded({0, UserJoined{id, name, avatar}}).size() <= store::kMaxEncodedEvent);
  CHECK(encoded({0, PlaybackSync{view, id}}).size() <= store::kMaxEncodedEvent);
  CHECK(encoded({0, MediaLoaded{url, mediaId, title, 1.0, id}}).size() <= store::kMaxEncodedEvent);
  CHECK(encoded({0, UserLeft{id, name}}).size() <= store::kMaxCertainEvent);
  CHECK(encoded({0, LeadershipChanged{id, name}}).size() <= store::kMaxCertainEvent);
  CHECK(encoded({0, UserBuffering{id, name, {true, Problem::kMissing}}}).size() <= store::kMaxEncodedEvent);
  const std::string custom(session::kMaxCustomEventBytes, 'x');
  CHECK(encoded({0, CustomEvent{custom}}).size() <= store::kMaxEncodedEvent);
}
