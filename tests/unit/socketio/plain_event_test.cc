#include "core/socketio/plain_event.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "core/socketio/decoder.h"

using namespace mediasync;
using namespace mediasync::socketio;

namespace {

bool isPlain(std::string_view text) {
  PlainEvent event;
  return readPlainEvent(text, event);
}

}  // namespace

TEST_CASE("plain events are read as decode() reads them", "[socketio]") {
  for (const char* text : {
           R"(2["heartbeat"])",
           R"(2["heartbeat",{}])",
           R"(2["heartbeat",{"probe":17.25}])",
           R"(212["request_session_state"])",
           R"(29007199254740992["leave_session"])",
           R"(2["sync_playback",{"position":1.5,"isPlaying":true,"mediaUrl":"https://e/v.mp4","playbackRate":1}])",
           "2 [ \"x\" , { \"a\" : null } ] ",
       }) {
    CAPTURE(text);
    PlainEvent event;
    Packet decoded;
    REQUIRE(readPlainEvent(text, event));
    REQUIRE(decode(text, {}, decoded));
    CHECK(decoded.type == PacketType::kEvent);
    CHECK(decoded.nsp == "/");
    CHECK(decoded.id == event.id);
    CHECK((*decoded.data)[0] == std::string(event.name));
    CHECK((decoded.data->size() == 2) == event.hasData);
    if (event.hasData) {
      for (const auto& [name, value] : (*decoded.data)[1].items())
        CHECK(event.data.find(name) != nullptr);
    }
  }
}

TEST_CASE("nothing of an event before is left", "[socketio]") {
  PlainEvent event;
  REQUIRE(readPlainEvent(R"(27["a",{"b":1}])", event));
  REQUIRE(readPlainEvent(R"(2["c",{}])", event));
  CHECK_FALSE(event.id);
  CHECK(event.data.find("b") == nullptr);
  REQUIRE(readPlainEvent(R"(2["d"])", event));
  CHECK_FALSE(event.hasData);
}

TEST_CASE("other packets are left to decode()", "[socketio]") {
  for (const char* text : {
           "", "0", "1", "2", "2[", "2[]", "3[\"a\"]", "51-[\"a\"]", "2/x,[\"a\"]", "2/,[\"a\"]", "2[1]", "2[null]",
           "2{}", "2[\"a\",1]", "2[\"a\",null]", "2[\"a\",[]]", "2[\"a\",{},{}]", "2[\"a\",{}", "2[\"a\"]x", "2[\"a\",]",
           "2[\"caf\xc3\xa9\"]", "2[\"a\\u0062\"]", "2[\"a\",{\"b\":{}}]", "2[\"connect\"]", "2[\"connect_error\",{}]",
           "2[\"disconnect\"]", "2[\"disconnecting\"]", "2[\"newListener\"]", "2[\"removeListener\"]",
           "29007199254740993[\"a\"]", "2 1[\"a\"]",
       }) {
    CAPTURE(text);
    CHECK_FALSE(isPlain(text));
  }
}
