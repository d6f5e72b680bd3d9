// Commands of an admin over HTTP: which one a request means, and the body of a message.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "core/api/rest.h"
#include "core/api/timestamps.h"

namespace mediasync::api {

struct AdminCommand {
  enum class Kind { kEndSession, kRemoveUser, kMessage };

  Kind kind = Kind::kEndSession;
  std::string sessionId;  // satisfies isId; kMessage: "" for everybody
  std::string userId;     // kRemoveUser: satisfies isId
  std::string event;      // kMessage: what clients get it as
  std::string message;    // kMessage
};

struct AdminRoute {
  enum class Kind { kCommand, kNotFound, kMethodNotAllowed };

  Kind kind = Kind::kNotFound;
  AdminCommand command;    // kCommand; that of kMessage has yet to be filled in from the body
  std::string_view allow;  // value of the Allow header, static storage; empty for kNotFound only
};

// `method` is the word that the client sent; `pathAfterLocation` the path as it sent it, still percent-encoded and
// without the query, after the prefix of its location:
//
//   DELETE /sessions/ID             ends a session
//   DELETE /sessions/ID/users/USER  removes a user from it
//   POST   /sessions/ID/messages    tells its members something
//   POST   /messages                tells everybody something
//
// Each of them is one that no page of another origin can make a browser send without asking first.
AdminRoute adminRoute(std::string_view method, std::string_view pathAfterLocation);

inline constexpr std::string_view kMessageEvent = "server_message";
inline constexpr std::size_t kMaxMessageBytes = 1024;

// Reads the body of a message, {"message":"…","event":"…"}, into the command; the event may be left out. Returns what
// is wrong with it; empty: nothing.
std::string parseMessage(std::string_view body, AdminCommand& command);

// The arguments of the event: [{"message":…,"timestamp":…}].
std::string messageArguments(const AdminCommand& command, std::int64_t wall, TimestampUnit unit);

// {"success":true,"message":…}
void appendAdminDone(std::string& out, std::string_view message);
// How many connections a message was sent to, and whether these were all.
void appendAdminSent(std::string& out, std::uint64_t connections, bool isComplete);

}  // namespace mediasync::api
