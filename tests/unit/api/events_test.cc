#include "core/api/events.h"

#include <catch2/catch.hpp>

#include "tests/unit/api/sample_session.h"

using namespace mediasync;
using namespace mediasync::api;
using nlohmann::json;

// nlohmann compares objects whole: a missing, extra or renamed key fails, so does another type.

namespace {

constexpr std::int64_t kNow = 1640995200123;
constexpr auto kSeconds = TimestampUnit::kSeconds;
constexpr auto kMilliseconds = TimestampUnit::kMilliseconds;

json eventJson(const session::EventBody& body, TimestampUnit unit = kSeconds) {
  std::string out;
  appendEvent(out, {kNow, body}, unit);
  return json::parse(out);
}

json errorJson(std::string_view event) {
  std::string out;
  appendError(out, session::kNotLeader, event);
  return json::parse(out);
}

}  // namespace

TEST_CASE("user_joined", "[api]") {
  CHECK(eventJson(session::UserJoined{"u1", "Al \"🎉\"", "https://a/b.png"}) == json({"user_joined",
                                                                                     {{"userId", "u1"},
                                                                                      {"username", "Al \"🎉\""},
                                                                                      {"avatar", "https://a/b.png"},
                                                                                      {"timestamp", 1640995200.123}}}));
  CHECK(eventJson(session::UserJoined{"u1", "Al", std::nullopt})[1]["avatar"].is_null());
}

TEST_CASE("user_left", "[api]") {
  CHECK(eventJson(session::UserLeft{"u1", "Al"}, kMilliseconds) ==
        json({"user_left", {{"userId", "u1"}, {"username", "Al"}, {"timestamp", 1640995200123}}}));
}

TEST_CASE("playback_sync", "[api]") {
  json expected = sample::playbackJson();
  expected["timestamp"] = 1640995200.123;
  expected["leaderId"] = "boss";
  CHECK(eventJson(session::PlaybackSync{sample::playback(), "boss"}) == json({"playback_sync", expected}));
}

TEST_CASE("playback_sync without media, in milliseconds", "[api]") {
  session::PlaybackView view;
  view.lastUpdateTime = kNow;
  json expected = sample::emptyPlaybackJson();
  expected["lastUpdateTime"] = expected["timestamp"] = kNow;
  expected["leaderId"] = "boss";
  CHECK(eventJson(session::PlaybackSync{view, "boss"}, kMilliseconds) == json({"playback_sync", expected}));
}

TEST_CASE("a medium of which only the URL is known has every documented field in playback states", "[api]") {
  session::PlaybackView view;
  view.mediaUrl = "/films/one.mp4";
  const json state = eventJson(session::PlaybackSync{view, "boss"})[1];
  CHECK(state["mediaId"] == "/films/one.mp4");
  CHECK(state["mediaTitle"] == "one.mp4");
  CHECK(state["mediaDuration"] == 0);
}

TEST_CASE("media_loaded", "[api]") {
  CHECK(eventJson(session::MediaLoaded{"https://e/v.mp4", "m1", sample::kTitle, 3600.5, "boss"}) ==
        json({"media_loaded",
              {{"mediaUrl", "https://e/v.mp4"},
               {"mediaId", "m1"},
               {"mediaTitle", sample::kTitle},
               {"mediaDuration", 3600.5},
               {"timestamp", 1640995200.123},
               {"loadedBy", "boss"}}}));
  CHECK(eventJson(session::MediaLoaded{"https://e/a%20film.mp4?x", {}, {}, {}, "boss"}) ==
        json({"media_loaded",
              {{"mediaUrl", "https://e/a%20film.mp4?x"},
               {"mediaId", "https://e/a%20film.mp4?x"},
               {"mediaTitle", "a film.mp4"},
               {"mediaDuration", 0},
               {"timestamp", 1640995200.123},
               {"loadedBy", "boss"}}}));
}

TEST_CASE("leadership_changed", "[api]") {
  CHECK(eventJson(session::LeadershipChanged{"u2", "Bo"}) ==
        json({"leadership_changed", {{"newLeaderId", "u2"}, {"newLeaderName", "Bo"}, {"timestamp", 1640995200.123}}}));
}

TEST_CASE("user_buffering", "[api]") {
  json fields{{"userId", "u2"}, {"username", "Bo"}, {"isBuffering", true}, {"timestamp", 1640995200.123}};
  CHECK(eventJson(session::UserBuffering{"u2", "Bo", {true}}) == json({"user_buffering", fields}));
  using enum session::Problem;
  for (const auto& [problem, name] :
       {std::pair{kNetwork, "network"}, {kMissing, "missing"}, {kUnsupported, "unsupported"}}) {
    fields["problem"] = name;
    CHECK(eventJson(session::UserBuffering{"u2", "Bo", {true, problem}}) == json({"user_buffering", fields}));
  }
}

TEST_CASE("playback_sync says when it begins if that is yet to come", "[api]") {
  session::PlaybackView view = sample::playback();
  view.lastUpdateTime = kNow + 250;
  CHECK(eventJson(session::PlaybackSync{view, "boss"})[1]["executeAt"] == 1640995200.373);
  CHECK(eventJson(session::PlaybackSync{view, "boss"}, kMilliseconds)[1]["executeAt"] == kNow + 250);
  view.lastUpdateTime = kNow;
  CHECK_FALSE(eventJson(session::PlaybackSync{view, "boss"})[1].contains("executeAt"));
}

TEST_CASE("session_joined", "[api]") {
  std::string out;
  appendSessionJoined(out, sample::session(), "user-456", true, kSeconds);
  CHECK(json::parse(out) == json({"session_joined",
                                  {{"sessionId", "my-session-id"},
                                   {"userId", "user-456"},
                                   {"isLeader", true},
                                   {"session", sample::sessionJson()}}}));
}

TEST_CASE("session_state is the session object itself", "[api]") {
  std::string out;
  appendSessionState(out, sample::session(), kSeconds);
  CHECK(json::parse(out) == json({"session_state", sample::sessionJson()}));
}

TEST_CASE("a session without media shows nulls, in milliseconds integers", "[api]") {
  session::SessionView view = sample::session();
  view.playback = {};
  std::string out;
  appendSessionState(out, view, kMilliseconds);
  const json shown = json::parse(out)[1];
  CHECK(shown["playbackState"] == sample::emptyPlaybackJson());
  CHECK(shown["lastActivity"].dump() == "1640995201250");
  CHECK(shown["users"][1]["lastSeen"].dump() == "1640995200500");
  CHECK(shown["createdAt"] == "2023-01-01T00:00:00.000Z");
}

TEST_CASE("desync_recovery echoes the report whatever the unit", "[api]") {
  json state = sample::playbackJson();
  state["timestamp"] = kNow;
  state["lastUpdateTime"] = kNow;
  std::string out;
  appendDesyncRecovery(out, sample::playback(), kNow, {-1.5, 1640995200}, kMilliseconds);
  CHECK(json::parse(out) ==
        json({"desync_recovery",
              {{"authoritativeState", state}, {"reportedPosition", -1.5}, {"reportedTime", 1640995200}}}));
  out.clear();
  appendDesyncRecovery(out, sample::playback(), kNow, {10, std::nullopt}, kSeconds);
  CHECK(json::parse(out)[1]["reportedTime"].is_null());
}

TEST_CASE("heartbeat_ack", "[api]") {
  std::string out;
  appendHeartbeatAck(out, kNow, kSeconds);
  CHECK(out == R"(["heartbeat_ack",{"timestamp":1640995200.123}])");
}

TEST_CASE("heartbeat_ack to a probe tells precise times", "[api]") {
  const ProbeTimes times{7, kNow * 1000 + 4, kNow * 1000 + 60, 1'500};
  std::string out;
  appendHeartbeatAck(out, kNow, kSeconds, times);
  CHECK(out == R"(["heartbeat_ack",{"timestamp":1640995200.123,"probe":7,"receivedAt":1640995200.123004,)"
               R"("sentAt":1640995200.123060,"roundTrip":0.001500}])");
  out.clear();
  appendHeartbeatAck(out, kNow, kMilliseconds, ProbeTimes{-1.5, kNow * 1000 + 4, kNow * 1000 + 60, std::nullopt});
  CHECK(out == R"(["heartbeat_ack",{"timestamp":1640995200123,"probe":-1.5,"receivedAt":1640995200123.004,)"
               R"("sentAt":1640995200123.060}])");
}

TEST_CASE("error names message, code and event", "[api]") {
  CHECK(errorJson("sync_\"playback\"") == json({"error",
                                                {{"message", "Only the session leader can control playback"},
                                                 {"code", "NOT_LEADER"},
                                                 {"event", "sync_\"playback\""}}}));
}

TEST_CASE("error repeats at most 128 bytes of the event, whole characters", "[api]") {
  const std::string exact(128, 'x');
  CHECK(errorJson(exact)[1]["event"] == exact);
  CHECK(errorJson(exact + "y")[1]["event"] == exact);
  const std::string stem(126, 'x');
  CHECK(errorJson(stem + "🎬")[1]["event"] == stem);
  CHECK(errorJson(stem + "é" + "z")[1]["event"] == stem + "é");
  CHECK(errorJson("")[1]["event"] == "");
}

TEST_CASE("events are appended after the packet prefix", "[api]") {
  std::string out = "42";
  appendHeartbeatAck(out, 0, kSeconds);
  CHECK(out == R"(42["heartbeat_ack",{"timestamp":0}])");
}
