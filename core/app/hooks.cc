#include "core/app/hooks.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <span>
#include <utility>

#include "core/api/command_parser.h"
#include "core/api/events.h"
#include "core/base/json_text.h"
#include "core/connection/caller.h"
#include "core/connection/namespaces.h"
#include "core/engineio/base64.h"
#include "core/session/command.h"
#include "core/session/refusal.h"
#include "core/socketio/placeholders.h"
#include "core/store/event_codec.h"
#include "core/store/session_transaction.h"

namespace mediasync::server {

using nlohmann::json;
using store::ConnectionTransaction;
using store::Notice;
using store::SessionTransaction;

namespace {

constexpr std::size_t kJsonDepth = 64;

bool mayGoOn(Hook hook, const Options& options) {
  return hook == Hook::kCommand && options.hooksMayFail;
}

Hook hookOf(Notice::Kind kind) {
  switch (kind) {
    case Notice::Kind::kSessionCreated:
      return Hook::kSessionCreated;
    case Notice::Kind::kSessionEnded:
      return Hook::kSessionEnded;
    case Notice::Kind::kUserLeft:
      return Hook::kLeave;
    case Notice::Kind::kEvent:
      return Hook::kSessionEvent;
    default:
      return Hook::kLeadership;
  }
}

// Adds the name and the arguments of an event for members. False: it cannot be read.
bool addEvent(json& about, const std::string& encoded) {
  const auto event = store::decodeEvent(std::as_bytes(std::span(encoded)));
  if (!event) return false;
  std::string text;
  api::appendEvent(text, *event, api::TimestampUnit::kSeconds);
  const json array = json::parse(text, nullptr, false);
  if (!array.is_array() || array.empty()) return false;
  about["event"] = array[0];
  about["arguments"] = json(array.begin() + 1, array.end());
  return true;
}

// Attachments, as JSON can have them.
json encoded(const std::vector<std::string>& attachments) {
  json list = json::array();
  for (const std::string& attachment : attachments)
    engineio::appendBase64(list.emplace_back("").get_ref<std::string&>(), attachment);
  return list;
}

}  // namespace

Hooks::Hooks(Context& context) : Part(context) {}

Verdict Hooks::failed(Hook hook, const Options& options) {
  if (mayGoOn(hook, options)) return {};
  return {Verdict::Kind::kDeny, std::string(session::kHookFailed.code), std::string(session::kHookFailed.message), {}};
}

// A connection as scripts know it. They may keep `connection`, and name it in calls.
json Hooks::socketOf(const store::ConnectionRef& connection, std::string_view nsp, const Options& options) {
  json socket{{"connection", handleOf(connection)}, {"namespace", nsp}};
  if (options.user) socket["user"] = *options.user;
  store::SeatRef seat;
  {
    ConnectionTransaction txn(zone_, connection.shard);
    if (!txn.open(connection)) return socket;
    if (txn.record().namespaceConnected) socket["id"] = store::idText(txn.record().socketId);
    socket["transport"] = txn.record().transport == store::Transport::kWebSocket ? "websocket" : "polling";
    seat = txn.record().seat;
  }
  if (!seat) return socket;
  SessionTransaction session(zone_, seat.shard);
  if (!session.openSeat(seat)) return socket;
  const auto user = session.user(session.seatUser());
  socket["sessionId"] = session.id();
  socket["userId"] = user.id;
  socket["username"] = user.username;
  socket["isLeader"] = session.leaderId() == user.id;
  return socket;
}

std::string variablesText(const std::vector<std::pair<std::string_view, std::string_view>>& variables) {
  json object = json::object();
  for (const auto& [name, value] : variables)
    object[std::string(name)] = value;
  return object.dump(-1, ' ', false, json::error_handler_t::replace);
}

Scripts* Hooks::scriptsFor(const Caller& caller) {
  return caller.options.hooks ? env_.scripts() : nullptr;
}

std::optional<Verdict> Hooks::consultConnect(Caller& caller, std::string_view nsp, const json& auth) {
  return consult(caller, Hook::kConnect, [&] {
    json about{{"socket", socketOf(caller.connection, nsp, caller.options)}, {"auth", auth}};
    about["variables"] = parseJson(caller.options.variables, kJsonDepth).value_or(json::object());
    return about.dump();
  });
}

std::optional<Verdict> Hooks::consultCommand(Caller& caller, const socketio::Packet& packet, session::Scripts scripts) {
  if (scripts == session::Scripts::kNotAsked) return Verdict{};
  return consult(caller, scripts == session::Scripts::kAskedToJoin ? Hook::kJoin : Hook::kCommand, [&] {
    json about{{"socket", socketOf(caller.connection, packet.nsp, caller.options)}, {"event", eventName(packet.data)}};
    about["data"] = packet.data->size() > 1 ? (*packet.data)[1] : json();
    return about.dump();
  });
}

bool Hooks::scriptsHave(const Caller& caller, std::string_view nsp) {
  Scripts* scripts = scriptsFor(caller);
  return scripts != nullptr && scripts->hasNamespace(nsp);
}

bool Hooks::isForScripts(const Caller& caller, const socketio::Packet& packet) {
  Scripts* scripts = scriptsFor(caller);
  return packet.nsp != "/" || (scripts != nullptr && scripts->listensTo(packet.nsp, eventName(packet.data)));
}

bool Hooks::scriptsTakeBinary(const Caller& caller, const socketio::Packet& packet) {
  Scripts* scripts = scriptsFor(caller);
  if (scripts == nullptr) return false;
  if (packet.type == socketio::PacketType::kBinaryAck) return scripts->listens(Hook::kAnswer);
  return scripts->listensTo(packet.nsp, eventName(packet.data));
}

// Reads the attachments of scripts. False: they are malformed, or do not fit the placeholders in that member of the
// object.
bool Hooks::decodeAttachments(const json& object, const char* member, std::vector<std::string>& attachments) {
  const auto list = object.find("attachments");
  if (list == object.end()) return true;
  if (!list->is_array() || list->size() > socketio::Limits().maxAttachments) return false;
  const auto values = object.find(member);
  if (values == object.end() || !values->is_array() || !socketio::placeholdersFit(*values, list->size())) return false;
  return std::all_of(list->begin(), list->end(), [&](const json& one) {
    return one.is_string() && engineio::decodeBase64(one.get_ref<const std::string&>(), attachments.emplace_back());
  });
}

// The client's acknowledgement of what they sent.
void Hooks::tellAnswer(const Caller& caller, const socketio::Packet& packet,
                       const std::vector<std::string>& attachments) {
  Scripts* scripts = scriptsFor(caller);
  if (scripts == nullptr || !scripts->listens(Hook::kAnswer)) return;
  if (!attachments.empty() && !socketio::placeholdersFit(packet.data, attachments.size())) return;
  json about{{"socket", socketOf(caller.connection, packet.nsp, caller.options)}};
  about["question"] = tagOf(packet.id.value_or(0));
  about["arguments"] = *packet.data;
  if (!attachments.empty()) about["attachments"] = encoded(attachments);
  scripts->tell(Hook::kAnswer, about.dump());
}

void Hooks::listenToNotices() {
  const Scripts* scripts = env_.scripts();
  const auto listens = [scripts](Hook hook) { return scripts != nullptr && scripts->listens(hook); };
  const Hook told[] = {Hook::kLeave, Hook::kSessionCreated, Hook::kSessionEnded, Hook::kLeadership,
                       Hook::kSessionEvent};
  zone_.collectNotices(std::any_of(std::begin(told), std::end(told), listens) ? &notices_ : nullptr);
  notices_.wantsEvents = listens(Hook::kSessionEvent);
}

void Hooks::tellScripts() {
  const std::vector<Notice> notices = std::exchange(notices_.list, {});
  Scripts* scripts = env_.scripts();
  if (scripts == nullptr) return;
  for (const Notice& notice : notices) {
    const Hook hook = hookOf(notice.kind);
    if (!scripts->listens(hook)) continue;
    json about{{"sessionId", notice.sessionId}};
    if (!notice.userId.empty()) about["userId"] = notice.userId;
    if (hook == Hook::kSessionEvent && !addEvent(about, notice.event)) continue;
    scripts->tell(hook, about.dump());
  }
}

void Hooks::disconnected(const ConnectionTransaction& txn) {
  Scripts* scripts = env_.scripts();
  if (scripts == nullptr || !txn.record().namespaceConnected || !scripts->listens(Hook::kDisconnect)) return;
  const json socket{{"connection", handleOf(txn.ref())}, {"id", store::idText(txn.record().socketId)}};
  scripts->tell(Hook::kDisconnect, json{{"socket", socket}}.dump());
}

std::string Hooks::handleOf(const store::ConnectionRef& connection) {
  char text[64];
  char* at = text;
  for (const std::uint64_t part : {std::uint64_t{connection.shard}, std::uint64_t{connection.ref}, connection.serial}) {
    if (at != text) *at++ = '-';
    at = std::to_chars(at, std::end(text), part, 16).ptr;
  }
  return {text, at};
}

}  // namespace mediasync::server
