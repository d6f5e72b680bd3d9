#include "core/app/script_calls.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "core/api/command_parser.h"
#include "core/api/events.h"
#include "core/api/text_rules.h"
#include "core/app/hooks.h"
#include "core/app/rest.h"
#include "core/connection/namespaces.h"
#include "core/connection/outbox.h"
#include "core/engineio/packet.h"
#include "core/session/event.h"
#include "core/sessions/sessions.h"
#include "core/socketio/encoder.h"
#include "core/socketio/event_name.h"

namespace mediasync::server {

using nlohmann::json;
using session::Refusal;
using store::ConnectionTransaction;

namespace {

constexpr Refusal kBadCall{"INVALID_ARGUMENT", "An argument is missing, or of the wrong type"};
constexpr Refusal kReservedEvent{"INVALID_ARGUMENT", "Clients end their connection when an event has this name"};
constexpr Refusal kNoOperation{"UNKNOWN_OPERATION", "There is no such operation"};
constexpr Refusal kNoConnection{"NOT_CONNECTED", "There is no such connection"};

constexpr Refusal kTooLong{"EVENT_TOO_LONG",
                           "An event may have 3072 bytes for a session, 32 KB for a connection or with attachments."};

constexpr Refusal kBacklogged{"BACKLOGGED", "The client must take first what it was sent"};
constexpr Refusal kBusySession{"SESSION_BUSY", "Members of the session must catch up first"};
constexpr Refusal kKicked{"KICKED", "You were removed from the session"};
constexpr Refusal kClosed{"SESSION_CLOSED", "The session was ended"};
constexpr Refusal kNotPossible{"REFUSED", "The server refused it"};
constexpr std::size_t kMaxPacket = 32 * 1024;

// Thrown by an operation, to be told to the script.
struct Failed {
  Refusal refusal;
};

// Throws Failed unless the session carried out the request.
void expectDone(const Outcome& outcome) {
  if (outcome.kind == Outcome::Kind::kWait) throw Failed{kBusySession};
  if (!outcome.isDone()) throw Failed{outcome.refusal};
}

// Scripts learn that there is no session before any other fault in their arguments.
void expectSession(const Sessions& sessions, std::string_view sessionId) {
  if (!sessions.exists(sessionId)) throw Failed{session::kSessionNotFound};
}

std::string success(json result) {
  return json{{"ok", true}, {"result", std::move(result)}}.dump();
}

std::string failure(const Refusal& refusal) {
  return json{{"ok", false}, {"code", refusal.code}, {"message", refusal.message}}.dump();
}

std::string textOf(const json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string()) throw Failed{kBadCall};
  return found->get<std::string>();
}

std::optional<std::string> optionalText(const json& object, const char* name) {
  return object.contains(name) && !object[name].is_null() ? std::optional(textOf(object, name)) : std::nullopt;
}

std::string sessionIdOf(const json& object) {
  std::string id = textOf(object, "sessionId");
  if (!api::isId(id)) throw Failed{session::kInvalidSessionId};
  return id;
}

// The array of an event: its name, then its arguments.
std::string eventOf(const json& object) {
  std::string name = textOf(object, "event");
  if (socketio::isReservedEvent(name)) throw Failed{kReservedEvent};
  json event = json::array({std::move(name)});
  const auto arguments = object.find("arguments");
  if (arguments != object.end() && arguments->is_array()) {
    for (const json& one : *arguments)
      event.push_back(one);
  }
  return event.dump();
}

// By what an acknowledgement is asked for; 0: none is.
std::uint32_t questionOf(const json& object) {
  const auto found = object.find("question");
  if (found == object.end()) return 0;
  const auto tag = found->get<std::uint32_t>();
  if (tag >> kAckTagBits != 0) throw Failed{kBadCall};
  return tag;
}

// REST's answers, as results.
std::string resultOf(const RestReply& reply) {
  json body = json::parse(reply.body, nullptr, false);
  if (reply.status < 300) {
    body.erase("success");
    return success(body.contains("session") ? body["session"] : body);
  }
  if (reply.status == 404) return failure(session::kSessionNotFound);
  const std::string message = body.is_object() ? body.value("message", std::string()) : std::string();
  return failure({kNotPossible.code, message.empty() ? kNotPossible.message : std::string_view(message)});
}

// Takes one part of a handle.
std::uint64_t takePart(std::string_view& text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc()) throw Failed{kBadCall};
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  if (!text.empty() && text.front() == '-') text.remove_prefix(1);
  return value;
}

}  // namespace

ScriptCalls::ScriptCalls(Context& context, Hooks& hooks, Namespaces& namespaces, Outbox& outbox, Rest& rest,
                         Sessions& sessions)
    : Part(context), hooks_(hooks), namespaces_(namespaces), outbox_(outbox), rest_(rest), sessions_(sessions) {}

store::ConnectionRef ScriptCalls::connectionOf(const json& arguments) {
  const std::string handle = textOf(arguments, "connection");
  std::string_view rest = handle;
  const std::uint64_t shard = takePart(rest);
  const std::uint64_t ref = takePart(rest);
  store::ConnectionRef connection{static_cast<store::Ref>(ref), takePart(rest), static_cast<std::uint16_t>(shard)};
  if (!rest.empty() || shard >= zone_.shards()) throw Failed{kNoConnection};
  return connection;
}

// Sends a packet of a namespace to the connection if it is connected to that. False: it is not.
bool ScriptCalls::sendTo(const store::ConnectionRef& connection, std::string_view nsp, const Assembled& whole) {
  if (whole.size() > kMaxPacket) throw Failed{kTooLong};
  ConnectionTransaction txn(zone_, connection.shard);
  if (!txn.open(connection)) return false;
  if (nsp == "/" ? !txn.record().namespaceConnected : !txn.hasNamespace(nsp)) return false;
  if (txn.isMemoryScarce()) throw store::OutOfSpace();
  if (!outbox_.tryLeave(txn, whole)) throw Failed{kBacklogged};
  return true;
}

// Those that have no room are left out, unless nobody has.
ScriptCalls::Reach ScriptCalls::sendToEach(const std::vector<store::ConnectionRef>& connections, std::string_view nsp,
                                           const Assembled& whole) {
  Reach reach;
  for (const store::ConnectionRef& connection : connections) {
    try {
      reach.sent += sendTo(connection, nsp, whole) ? 1 : 0;
    } catch (const Failed& failed) {
      if (failed.refusal == kTooLong) throw;
      reach.isComplete = false;
    } catch (const store::OutOfSpace&) {
      if (reach.sent == 0) throw;
      reach.isComplete = false;
      break;
    }
  }
  if (!reach.isComplete && reach.sent == 0) throw Failed{kBacklogged};
  return reach;
}

// To those of one shard that take it.
std::string ScriptCalls::emitToShard(const json& number, std::string_view nsp, const Assembled& whole) {
  const auto shard = number.get<std::uint32_t>();
  if (shard >= zone_.shards()) throw Failed{kBadCall};
  std::vector<store::ConnectionRef> connections;
  {
    ConnectionTransaction txn(zone_, shard);
    txn.forEach([&](const store::ConnectionRef& ref, const store::ConnectionRecord&) { connections.push_back(ref); });
  }
  Reach reach;
  try {
    reach = sendToEach(connections, nsp, whole);
  } catch (const Failed& failed) {
    if (failed.refusal != kBacklogged) throw;
    reach.isComplete = false;
  }
  return success({{"sent", reach.sent}, {"complete", reach.isComplete}, {"shards", zone_.shards()}});
}

std::string ScriptCalls::emitEvent(const json& arguments) {
  const std::string event = eventOf(arguments);
  const std::string nsp = optionalText(arguments, "namespace").value_or("/");
  Assembled whole;
  if (!hooks_.decodeAttachments(arguments, "arguments", whole.attachments)) throw Failed{kBadCall};
  const auto assemble = [&](std::optional<std::uint64_t> id = {}) -> const Assembled& {
    whole.packet = engineio::kMessagePrefix;
    socketio::appendEventPrefix(whole.packet, nsp, whole.attachments.size(), id);
    whole.packet += event;
    return whole;
  };
  if (arguments.contains("connection")) {
    const store::ConnectionRef connection = connectionOf(arguments);
    std::optional<std::uint64_t> id;
    if (const std::uint32_t tag = questionOf(arguments)) id = namespaces_.newAckId(connection, nsp, tag);
    if (!sendTo(connection, nsp, assemble(id))) throw Failed{kNoConnection};
    return success(1);
  }
  if (arguments.contains("shard")) return emitToShard(arguments["shard"], nsp, assemble());
  return emitToSession(arguments, event, nsp, assemble());
}

// Through the log of the session, or past it to the connections of one user. What has attachments goes past it, too:
// the log is of JSON.
std::string ScriptCalls::emitToSession(const json& arguments, const std::string& event, std::string_view nsp,
                                       const Assembled& whole) {
  const std::string sessionId = sessionIdOf(arguments);
  const auto userId = optionalText(arguments, "userId");
  if (!userId && whole.attachments.empty()) {
    if (event.size() > session::kMaxCustomEventBytes) {
      expectSession(sessions_, sessionId);
      throw Failed{kTooLong};
    }
    const Outcome outcome = sessions_.apply(sessionId, session::CustomEvent{event}, env_.now());
    expectDone(outcome);
    return success(outcome.connections);
  }
  std::vector<store::ConnectionRef> connections;
  expectDone(sessions_.listConnections(sessionId, userId, connections));
  return success(sendToEach(connections, nsp, whole).sent);
}

// The user's clients are told why before they lose their seats; one that takes nothing any more is closed. False: there
// is no such user (any more).
bool ScriptCalls::remove(const std::string& sessionId, const std::string& userId, const Refusal& why) {
  std::vector<store::ConnectionRef> connections;
  const Outcome found = sessions_.listConnections(sessionId, userId, connections);
  if (found.refusal == kUserNotFound) return false;
  expectDone(found);
  std::string packet(engineio::kMessagePrefix);
  socketio::appendEventPrefix(packet);
  api::appendError(packet, why, "");
  for (const store::ConnectionRef& connection : connections)
    outbox_.leaveFor(connection, store::ItemKind::kPacket, packet);
  const Outcome removed = sessions_.apply(sessionId, RemoveUser{userId}, env_.now());
  if (removed.refusal == kUserNotFound || removed.refusal == session::kSessionNotFound) return false;
  expectDone(removed);
  return true;
}

std::string ScriptCalls::endSession(const json& arguments) {
  const std::string sessionId = sessionIdOf(arguments);
  for (;;) {
    std::string firstUser;
    expectDone(sessions_.end(sessionId, firstUser, env_.now()));
    if (firstUser.empty()) return success(true);
    remove(sessionId, firstUser, kClosed);
  }
}

std::string ScriptCalls::callSession(std::string_view operation, const json& arguments) {
  const std::string sessionId = sessionIdOf(arguments);
  if (operation == "kick") {
    if (!remove(sessionId, textOf(arguments, "userId"), kKicked)) throw Failed{kUserNotFound};
    return success(true);
  }
  expectSession(sessions_, sessionId);
  if (operation == "set_leader") {
    const std::string userId = textOf(arguments, "userId");
    expectDone(sessions_.apply(sessionId, Appoint{userId}, env_.now()));
    return success(true);
  }
  const json event = json::array({"load_media", arguments});
  const auto parsed = api::parseCommand(event);
  if (const auto* refusal = std::get_if<Refusal>(&parsed)) throw Failed{*refusal};
  const auto& media = std::get<session::LoadMedia>(std::get<session::Command>(parsed));
  expectDone(sessions_.apply(sessionId, media, env_.now()));
  return success(true);
}

std::string ScriptCalls::call(std::string_view operation, const json& arguments) {
  static const Options kOptions;
  try {
    if (!arguments.is_object()) throw Failed{kBadCall};
    if (operation == "list") {
      api::ListQuery query;
      query.limit = std::clamp<std::uint32_t>(arguments.value("limit", query.limit), 1, query.kMaxLimit);
      if (const std::string after = arguments.value("after", ""); !after.empty()) {
        const auto place = api::parseListPlace(after);
        if (!place) throw Failed{kBadCall};
        query.after = *place;
      }
      return resultOf(rest_.listSessions(query, kOptions));
    }
    if (operation == "get") return resultOf(rest_.showSession(sessionIdOf(arguments), kOptions));
    if (operation == "create") {
      auto parsed = api::parseCreate(arguments.dump());
      if (const auto* bad = std::get_if<api::BadRequest>(&parsed)) return failure({kBadCall.code, bad->message});
      return resultOf(rest_.createSession(std::get<api::CreateSession>(parsed), kOptions));
    }
    if (operation == "emit") return emitEvent(arguments);
    if (operation == "end_session") return endSession(arguments);
    if (operation == "kick" || operation == "set_leader" || operation == "load_media") {
      return callSession(operation, arguments);
    }
    if (operation == "disconnect") {
      const store::ConnectionRef connection = connectionOf(arguments);
      outbox_.closeFromAfar(connection, store::Closing::kByServer, store::EndReason::kKicked);
      return success(true);
    }
    throw Failed{kNoOperation};
  } catch (const Failed& failed) {
    return failure(failed.refusal);
  } catch (const store::OutOfSpace&) {
    return failure(session::kZoneFull);
  } catch (const json::exception&) {
    return failure(kBadCall);
  }
}

}  // namespace mediasync::server
