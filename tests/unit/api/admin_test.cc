#include "core/api/admin.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using namespace mediasync::api;
using Kind = AdminRoute::Kind;
using Command = AdminCommand::Kind;

TEST_CASE("an admin's paths", "[admin]") {
  const AdminRoute end = adminRoute("DELETE", "/sessions/a%2Fb");
  CHECK(end.kind == Kind::kCommand);
  CHECK(end.command.kind == Command::kEndSession);
  CHECK(end.command.sessionId == "a/b");
  const AdminRoute user = adminRoute("DELETE", "/sessions/room/users/ann%20x");
  CHECK(user.command.kind == Command::kRemoveUser);
  CHECK(user.command.sessionId == "room");
  CHECK(user.command.userId == "ann x");
  CHECK(adminRoute("POST", "/messages").command.kind == Command::kMessage);
  CHECK(adminRoute("POST", "/messages").command.sessionId.empty());
  CHECK(adminRoute("POST", "/sessions/room/messages").command.sessionId == "room");
}

TEST_CASE("an admin's paths take one method each", "[admin]") {
  for (const char* method : {"GET", "HEAD", "POST", "PUT", "OPTIONS", "delete"}) {
    const AdminRoute route = adminRoute(method, "/sessions/room");
    CHECK(route.kind == Kind::kMethodNotAllowed);
    CHECK(route.allow == "DELETE, OPTIONS");
  }
  CHECK(adminRoute("DELETE", "/messages").allow == "POST, OPTIONS");
  CHECK(adminRoute("GET", "/messages").kind == Kind::kMethodNotAllowed);
}

TEST_CASE("other paths of an admin lead nowhere", "[admin]") {
  for (const char* path :
       {"", "/", "/sessions", "/sessions/", "/sessions/%zz", "/sessions/a/users", "/sessions/a/users/", "/sessions/a/b",
        "/messages/a", "/sessions/a/users/b/c", "/sessions/a/users/b/", "sessions/a", "/sessions/%00"}) {
    CAPTURE(path);
    CHECK(adminRoute("DELETE", path).kind == Kind::kNotFound);
  }
}

TEST_CASE("the body of a message", "[admin]") {
  AdminCommand command;
  CHECK(parseMessage(R"({"message":"Back at four"})", command).empty());
  CHECK(command.message == "Back at four");
  CHECK(command.event == "server_message");
  CHECK(parseMessage(R"({"message":"x","event":"notice","other":1})", command).empty());
  CHECK(command.event == "notice");
  for (const char* body : {"", "[]", "{}", R"({"message":""})", R"({"message":1})", R"({"message":"a\u0000"})",
                           R"({"message":"x","event":""})", R"({"message":"x","event":null})"}) {
    CAPTURE(body);
    CHECK_FALSE(parseMessage(body, command).empty());
  }
  CHECK_FALSE(parseMessage(R"({"message":")" + std::string(1025, 'x') + "\"}", command).empty());
}

TEST_CASE("a message is none of the API's events, and none that Socket.IO reserves", "[admin]") {
  for (const char* name :
       {"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener", "session_joined",
        "session_state", "user_joined", "user_left", "playback_sync", "media_loaded", "user_buffering",
        "leadership_changed", "desync_recovery", "heartbeat_ack", "error"}) {
    CAPTURE(name);
    AdminCommand command;
    CHECK_FALSE(parseMessage(R"({"message":"x","event":")" + std::string(name) + "\"}", command).empty());
  }
  AdminCommand command;
  CHECK(parseMessage(R"({"message":"x","event":"server_message"})", command).empty());
  CHECK(parseMessage(R"({"message":"x","event":"join_session"})", command).empty());  // only servers tell events
}

TEST_CASE("a message becomes the arguments of an event", "[admin]") {
  AdminCommand command;
  command.message = "say \"hi\"";
  const auto seconds = nlohmann::json::parse(messageArguments(command, 1'640'995'200'500, TimestampUnit::kSeconds));
  CHECK(seconds == nlohmann::json::parse(R"([{"message":"say \"hi\"","timestamp":1640995200.5}])"));
  const auto ms = nlohmann::json::parse(messageArguments(command, 1'640'995'200'500, TimestampUnit::kMilliseconds));
  CHECK(ms[0]["timestamp"] == 1'640'995'200'500);
}
