#include "core/api/admin.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <tuple>
#include <vector>

#include "core/api/json_writer.h"
#include "core/api/percent.h"
#include "core/api/reply.h"
#include "core/api/text_rules.h"
#include "core/api/timestamps.h"
#include "core/base/json_text.h"
#include "core/session/event.h"
#include "core/session/limits.h"
#include "core/socketio/event_name.h"

namespace mediasync::api {
namespace {

constexpr std::string_view kDeletes = "DELETE, OPTIONS";
constexpr std::string_view kPosts = "POST, OPTIONS";
constexpr std::size_t kMostSegments = 4;
constexpr std::size_t kDepth = 8;
constexpr std::size_t kMaxEventBytes = 64;
// A message has none of the data of an event of the API, and clients would take it for that.
template <class... Reply>
constexpr bool isReply(std::string_view name, const std::tuple<Reply...>*) {
  return ((name == Reply::kName) || ...);
}
bool isApiEvent(std::string_view name) {
  constexpr const Replies* kReplies = nullptr;
  return isReply(name, kReplies) ||
         std::any_of(session::kEventFacts.begin(), session::kEventFacts.end(),
                     [name](const session::EventFacts& facts) { return facts.name == name; });
}

// The parts of a path between its slashes. Empty: it has too many, or does not begin with one.
std::vector<std::string_view> segmentsOf(std::string_view path) {
  std::vector<std::string_view> segments;
  while (!path.empty()) {
    if (path.front() != '/' || segments.size() == kMostSegments) return {};
    path.remove_prefix(1);
    segments.push_back(path.substr(0, path.find('/')));
    path.remove_prefix(segments.back().size());
  }
  return segments;
}

std::optional<std::string> idOf(std::string_view segment) {
  if (segment.size() > 3 * session::kMaxIdBytes) return std::nullopt;
  auto id = percentDecode(segment);
  return id && isId(*id) ? id : std::nullopt;
}

// The command that the path alone tells.
std::optional<AdminCommand> commandOf(const std::vector<std::string_view>& path) {
  using Kind = AdminCommand::Kind;
  if (path.size() == 1 && path[0] == "messages") return AdminCommand{Kind::kMessage, {}, {}, {}, {}};
  if (path.size() < 2 || path[0] != "sessions") return std::nullopt;
  const auto session = idOf(path[1]);
  if (!session) return std::nullopt;
  if (path.size() == 2) return AdminCommand{Kind::kEndSession, *session, {}, {}, {}};
  if (path.size() == 3 && path[2] == "messages") return AdminCommand{Kind::kMessage, *session, {}, {}, {}};
  const auto user = path.size() == 4 && path[2] == "users" ? idOf(path[3]) : std::nullopt;
  if (!user) return std::nullopt;
  return AdminCommand{Kind::kRemoveUser, *session, *user, {}, {}};
}

}  // namespace

AdminRoute adminRoute(std::string_view method, std::string_view pathAfterLocation) {
  auto command = commandOf(segmentsOf(pathAfterLocation));
  if (!command) return {};
  const bool isMessage = command->kind == AdminCommand::Kind::kMessage;
  const bool isAllowed = method == (isMessage ? "POST" : "DELETE");
  return {isAllowed ? AdminRoute::Kind::kCommand : AdminRoute::Kind::kMethodNotAllowed, std::move(*command),
          isMessage ? kPosts : kDeletes};
}

std::string parseMessage(std::string_view body, AdminCommand& command) {
  const auto parsed = parseJson(body, kDepth);
  if (!parsed || !parsed->is_object()) return "The body must be a JSON object";
  const auto text = [&](const char* name) -> const std::string* {
    const auto found = parsed->find(name);
    return found == parsed->end() ? nullptr : found->get_ptr<const std::string*>();
  };
  const std::string* message = text("message");
  if (message == nullptr || message->empty() || !isText(*message, kMaxMessageBytes)) {
    return "message must be 1 to 1024 bytes of text without control characters";
  }
  command.message = *message;
  command.event = kMessageEvent;
  if (!parsed->contains("event")) return {};
  const std::string* event = text("event");
  if (event == nullptr || event->empty() || !isText(*event, kMaxEventBytes)) {
    return "event must be 1 to 64 bytes of text without control characters";
  }
  if (socketio::isReservedEvent(*event)) return "event must not be a name that Socket.IO reserves";
  if (isApiEvent(*event)) return "event must not be an event of the API";
  command.event = *event;
  return {};
}

std::string messageArguments(const AdminCommand& command, std::int64_t wall, TimestampUnit unit) {
  std::string out;
  JsonWriter json(out);
  json.beginArray().beginObject();
  json.key("message").string(command.message);
  json.key("timestamp");
  writeTimestamp(json, wall, unit);
  json.endObject().endArray();
  return out;
}

void appendAdminDone(std::string& out, std::string_view message) {
  JsonWriter json(out);
  json.beginObject().key("success").boolean(true);
  json.key("message").string(message).endObject();
}

void appendAdminSent(std::string& out, std::uint64_t connections, bool isComplete) {
  JsonWriter json(out);
  json.beginObject().key("success").boolean(true);
  json.key("sent").integer(static_cast<std::int64_t>(connections));
  json.key("complete").boolean(isComplete).endObject();
}

}  // namespace mediasync::api
