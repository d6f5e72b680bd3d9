// An admin's commands over HTTP: routes and the body of a message.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/api/timestamps.h"

namespace mediasync::api {

struct AdminCommand {
  enum class Kind { kEndSession, kRemoveUser, kMessage };

  Kind kind = Kind::kEndSession;
  std::string sessionId;  // satisfies isId; kMessage: "" for everyone
  std::string userId;     // kRemoveUser: satisfies isId
  std::string event;      // kMessage: the name of the clients' event
  std::string message;    // kMessage
};

struct AdminRoute {
  enum class Kind { kCommand, kNotFound, kMethodNotAllowed };

  Kind kind = Kind::kNotFound;
  AdminCommand command;    // kCommand; for kMessage, parseMessage() adds the content of the body
  std::string_view allow;  // value of the Allow header, in static storage; empty only for kNotFound
};

// `method` is the client's word; `pathAfterLocation` is the client's path, still percent-encoded and without the query,
// after the prefix of its location:
//
//   DELETE /sessions/ID             ends a session
//   DELETE /sessions/ID/users/USER  removes a user from it
//   POST   /sessions/ID/messages    sends a message to its members
//   POST   /messages                sends a message to everyone
//
// A page of another origin cannot make a browser send any of these without a preflight request.
AdminRoute adminRoute(std::string_view method, std::string_view pathAfterLocation);

inline constexpr std::string_view kMessageEvent = "server_message";
inline constexpr std::size_t kMaxMessageBytes = 1024;

// Reads the body of a message, {"message":"…","event":"…"}, into the command; the event is optional. Returns an error
// message; empty on success.
std::string parseMessage(std::string_view body, AdminCommand& command);

// The arguments of the event: [{"message":…,"timestamp":…}].
std::string messageArguments(const AdminCommand& command, std::int64_t wall, TimestampUnit unit);

// {"success":true,"message":…}
void appendAdminDone(std::string& out, std::string_view message);
// {"success":true,"sent":…,"complete":…}: the number of connections a message was sent to, and whether these were all.
void appendAdminSent(std::string& out, std::uint64_t connections, bool isComplete);

}  // namespace mediasync::api
