#include "core/api/acks.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using namespace mediasync;
using namespace mediasync::api;
using nlohmann::json;

TEST_CASE("a plain acknowledgement", "[api]") {
  std::string out;
  appendAckSuccess(out);
  CHECK(out == R"([{"success":true}])");
}

TEST_CASE("the acknowledgement of a join", "[api]") {
  std::string out;
  appendAckJoined(out, "s\"1", "ü-🎬", true);
  CHECK(json::parse(out) == json::parse(R"([{"success":true,"sessionId":"s\"1","userId":"ü-🎬","isLeader":true}])"));
}

TEST_CASE("the acknowledgement of a heartbeat in both units", "[api]") {
  std::string out;
  appendAckHeartbeat(out, 1640995200123, TimestampUnit::kSeconds);
  CHECK(out == R"([{"success":true,"timestamp":1640995200.123}])");
  out.clear();
  appendAckHeartbeat(out, 1640995200123, TimestampUnit::kMilliseconds);
  CHECK(out == R"([{"success":true,"timestamp":1640995200123}])");
  out.clear();
  appendAckHeartbeat(out, 1640995200123, TimestampUnit::kSeconds,
                     ProbeTimes{3, 1640995200123000, 1640995200123001, {}});
  CHECK(out == R"([{"success":true,"timestamp":1640995200.123,"probe":3,"receivedAt":1640995200.123000,)"
               R"("sentAt":1640995200.123001}])");
}

TEST_CASE("the acknowledgement of a refused event", "[api]") {
  std::string out;
  appendAckRefused(out, session::kNotLeader);
  CHECK(json::parse(out) ==
        json::parse(
            R"([{"success":false,"code":"NOT_LEADER","message":"Only the session leader can control playback"}])"));
}
