#include "core/app/socket_io.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "core/api/text_rules.h"
#include "core/app/services.h"
#include "core/connection/attachments.h"
#include "core/connection/caller.h"
#include "core/connection/channel.h"
#include "core/engineio/base64.h"
#include "core/engineio/packet.h"
#include "core/session/refusal.h"
#include "core/socketio/decoder.h"
#include "core/socketio/encoder.h"
#include "core/socketio/namespace_query.h"
#include "core/socketio/plain_event.h"

namespace mediasync::server {

using nlohmann::json;
using socketio::PacketType;

namespace {

constexpr std::string_view kMain = "/";
constexpr std::string_view kFull = "The server is full";
constexpr std::string_view kLongAuth = "The authentication payload is too long";
constexpr std::string_view kLongAuthData = R"({"code":"AUTH_TOO_LONG"})";
constexpr const char* kUserSecret = "userSecret";
constexpr socketio::Limits kLimits;
constexpr char kBeforeAttachment = '\0';

bool isOld(const Caller& caller) {
  return caller.protocol.revision == engineio::Revision::kV3;
}

void answerConnected(Caller& caller, std::string_view nsp, const store::RandomId& socketId) {
  std::string answer(engineio::kMessagePrefix);
  if (isOld(caller)) {
    socketio::appendConnectV4(answer, nsp);
  } else {
    socketio::appendConnect(answer, nsp, store::idText(socketId));
  }
  caller.reply(answer);
}

void refuseConnect(Caller& caller, std::string_view nsp, std::string_view message, std::string_view data = {}) {
  std::string answer(engineio::kMessagePrefix);
  if (isOld(caller)) {
    socketio::appendConnectErrorV4(answer, nsp, message);
  } else {
    socketio::appendConnectError(answer, nsp, message, data);
  }
  caller.reply(answer);
}

// The string that the client gave under a name; nullopt if it gave none.
std::optional<std::string_view> textOf(const json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string()) return std::nullopt;
  return found->get_ref<const std::string&>();
}

// The part of CONNECT that is kept.
std::string withoutSecret(json auth) {
  auth.erase(kUserSecret);
  return auth.empty() ? std::string() : auth.dump();
}

// The offset that came with CONNECT: nothing when it is none of ours; that it has none yet when it is absent.
std::optional<std::optional<Offset>> offsetOf(const json& auth) {
  const auto found = auth.find("offset");
  if (found == auth.end()) return std::optional<Offset>();
  const auto offset = parseOffset(textOf(auth, "offset").value_or(""));
  if (!offset) return std::nullopt;
  return offset;
}

}  // namespace

// Clients of that time take the connection to the main namespace for granted. There is no packet that could wait.
void SocketIo::opened(Caller& caller) {
  if (!isOld(caller)) return;
  const auto verdict = services_.hooks.consultConnect(caller, kMain, json::object());
  if (verdict && verdict->kind == Verdict::Kind::kAllow) {
    connectMain(caller, json::object());
  } else {
    refuseConnect(caller, kMain, verdict ? verdict->message : kFull);
  }
}

Handled SocketIo::received(Caller& caller, const engineio::Packet& message, std::unique_ptr<Deferred>& deferred) {
  if (message.binary) return attachment(caller, message.data, deferred);
  if (caller.awaitsAttachments()) return Handled::kClose;
  if (const auto handled = plainEvent(caller, message.data)) {
    if (*handled == Handled::kDeferred) deferred = restored(message.data);
    return *handled;
  }
  auto decoded = std::make_unique<Deferred>();
  if (!socketio::decode(message.data, kLimits, decoded->packet)) return Handled::kClose;
  if (decoded->packet.attachments > 0) return beginBinary(caller, message.data, decoded->packet);
  caller.question = &decoded->question;
  const Handled handled = packet(caller, decoded->packet, {});
  if (handled != Handled::kDeferred) return handled;
  decoded->text = message.data;
  deferred = std::move(decoded);
  return handled;
}

// nullopt: it has to be decoded.
std::optional<Handled> SocketIo::plainEvent(Caller& caller, std::string_view text) {
  socketio::PlainEvent event;
  if (!socketio::readPlainEvent(text, event) || !services_.namespaces.isConnected(caller, kMain)) return std::nullopt;
  return application_.plainEvent(caller, event);
}

Handled SocketIo::resumed(Caller& caller, Deferred& deferred) {
  caller.question = &deferred.question;
  return packet(caller, deferred.packet, deferred.attachments);
}

// The text of a packet, and each attachment behind a byte that it cannot have in it.
std::unique_ptr<Deferred> SocketIo::restored(std::string_view text) const {
  auto deferred = std::make_unique<Deferred>();
  deferred->text = text;
  std::size_t end = text.find(kBeforeAttachment);
  if (!socketio::decode(text.substr(0, end), kLimits, deferred->packet)) return nullptr;
  while (end != std::string_view::npos) {
    const std::size_t from = end + 1;
    end = text.find(kBeforeAttachment, from);
    if (!engineio::decodeBase64(text.substr(from, end - from), deferred->attachments.emplace_back())) return nullptr;
  }
  if (deferred->attachments.size() != deferred->packet.attachments) return nullptr;
  return deferred;
}

Handled SocketIo::packet(Caller& caller, const socketio::Packet& packet, const std::vector<std::string>& attachments) {
  if (packet.type == PacketType::kConnect) return connect(caller, packet);
  if (!services_.namespaces.isConnected(caller, packet.nsp)) return Handled::kClose;  // the reference's "invalid state"
  if (packet.type == PacketType::kDisconnect) return disconnect(caller, packet.nsp);
  return deliver(caller, packet, attachments);
}

Handled SocketIo::deliver(Caller& caller, const socketio::Packet& packet, const std::vector<std::string>& attachments) {
  switch (packet.type) {
    case PacketType::kEvent:
    case PacketType::kBinaryEvent:
      return application_.event(caller, packet, attachments);
    case PacketType::kAck:
    case PacketType::kBinaryAck:
      if (packet.id && services_.namespaces.takeAckId(caller, packet.nsp, *packet.id)) {
        application_.acknowledged(caller, packet, attachments);
      }
      return Handled::kDone;
    default:
      return Handled::kDone;
  }
}

Handled SocketIo::connect(Caller& caller, const socketio::Packet& packet) {
  services_.namespaces.chargeConnect(caller);
  std::string nsp = packet.nsp;
  json auth = packet.hasData ? *packet.data : json::object();
  if (isOld(caller)) socketio::splitQuery(nsp, auth);
  if (!application_.hasNamespace(caller, nsp)) {
    refuseConnect(caller, nsp, "Invalid namespace");
    return Handled::kDone;
  }
  if (!services_.namespaces.isConnected(caller, nsp)) {
    if (services_.namespaces.connectsTooOften(caller)) return Handled::kFlood;
    if (caller.options.hooks && auth.dump().size() > store::ConnectionTransaction::kMaxAuthBytes) {
      refuseConnect(caller, nsp, kLongAuth, kLongAuthData);
      return Handled::kDone;
    }
    const auto verdict = services_.hooks.consultConnect(caller, nsp, auth);
    if (!verdict) return Handled::kDeferred;
    if (verdict->kind != Verdict::Kind::kAllow) {
      refuseConnect(caller, nsp, verdict->message, json{{"code", verdict->code}}.dump());
      return Handled::kDone;
    }
  }
  return nsp == kMain ? connectMain(caller, auth) : connectOther(caller, nsp, auth);
}

bool SocketIo::isRecoverable(const Caller& caller, const json& auth) const {
  if (!application_.recovers() || !services_.recovery.canRecover(caller)) return false;
  const auto wanted = auth.find("recovery");
  return wanted == auth.end() || *wanted != false;
}

Handled SocketIo::connectMain(Caller& caller, const json& auth) {
  if (services_.namespaces.isConnected(caller, kMain)) return isOld(caller) ? Handled::kDone : Handled::kClose;
  Connecting connecting;
  if (!auth.empty()) connecting.auth = withoutSecret(auth);
  if (connecting.auth.size() > store::ConnectionTransaction::kMaxAuthBytes) {  // before anything is claimed by it
    refuseConnect(caller, kMain, kLongAuth, kLongAuthData);
    return Handled::kDone;
  }
  const bool givesSecret = caller.options.asksSecret && auth.contains(kUserSecret) && !auth[kUserSecret].is_null();
  const auto secret = givesSecret ? textOf(auth, kUserSecret) : std::nullopt;
  if (givesSecret && !(secret && api::isSecret(*secret))) {
    refuseConnect(caller, kMain, session::kInvalidUserSecret.message, R"({"code":"INVALID_USER_SECRET"})");
    return Handled::kDone;
  }
  connecting.secret = services_.recovery.secretOf(caller, secret);
  const bool recoverable = isRecoverable(caller, auth);
  const auto pid = recoverable ? store::parseId(textOf(auth, "pid").value_or("")) : std::nullopt;
  if (const auto claim = pid ? services_.recovery.claim(caller, *pid, connecting) : std::nullopt) {
    std::string answer(engineio::kMessagePrefix);
    socketio::appendConnect(answer, kMain, store::idText(claim->socketId), store::idText(claim->pid));
    if (const auto offset = offsetOf(auth)) {
      const Outcome outcome = services_.recovery.comeBack(caller, *claim, connecting, *offset, answer);
      if (outcome.isDone()) return Handled::kDone;
      if (outcome.kind == Outcome::Kind::kWait) return Handled::kDeferred;
    }
    services_.recovery.forgetClaim(caller, *claim);
  }

  connecting.socketId = services_.context.randomId();
  const store::RandomId fresh = services_.context.randomId();
  if (recoverable && services_.recovery.makeRecoverable(caller, fresh, connecting)) connecting.pid = fresh;
  Connected connected = Connected::kNoSpace;
  try {
    connected = services_.namespaces.connectMain(caller, connecting);
  } catch (const store::OutOfSpace&) {
  }
  if (connected != Connected::kDone && connecting.pid) services_.departures.forgetRecovery(fresh, caller.connection);
  if (connected == Connected::kNoSpace) {
    services_.context.noteFull();
    refuseConnect(caller, kMain, kFull);
    return Handled::kDone;
  }
  if (connected != Connected::kDone) return Handled::kClose;
  if (connecting.pid) {
    std::string answer(engineio::kMessagePrefix);
    socketio::appendConnect(answer, kMain, store::idText(connecting.socketId), store::idText(fresh));
    caller.reply(answer);
  } else {
    answerConnected(caller, kMain, connecting.socketId);
  }
  application_.connected(caller, kMain, auth);
  return Handled::kDone;
}

Handled SocketIo::connectOther(Caller& caller, const std::string& nsp, const json& auth) {
  const store::RandomId socketId = services_.context.randomId();
  try {
    if (services_.namespaces.connectOther(caller, nsp, socketId) != Connected::kDone) return Handled::kClose;
  } catch (const store::OutOfSpace&) {
    services_.context.noteFull();
    refuseConnect(caller, nsp, kFull);
    return Handled::kDone;
  }
  answerConnected(caller, nsp, socketId);
  application_.connected(caller, nsp, auth);
  return Handled::kDone;
}

Handled SocketIo::disconnect(Caller& caller, const std::string& nsp) {
  services_.namespaces.chargeConnect(caller);
  if (nsp == kMain) {
    services_.namespaces.disconnectMain(caller);
  } else {
    services_.namespaces.disconnectOther(caller, nsp);
  }
  return Handled::kDone;
}

Handled SocketIo::beginBinary(Caller& caller, std::string_view text, const socketio::Packet& packet) {
  if (!services_.namespaces.isConnected(caller, packet.nsp)) return Handled::kClose;
  const std::size_t maxBytes = application_.takesBinary(caller, packet);
  if (maxBytes == 0) {
    const Handled handled = application_.refuseBinary(caller, packet, session::kBinaryUnsupported);
    if (handled != Handled::kDone) return handled;
  }
  const bool isKept = caller.expectAttachments(packet.attachments, text, maxBytes);
  if (isKept || maxBytes == 0) return Handled::kDone;
  return application_.refuseBinary(caller, packet, session::kBinaryTooLong);
}

Handled SocketIo::attachment(Caller& caller, std::string_view bytes, std::unique_ptr<Deferred>& deferred) {
  Assembled whole;
  const Attached attached = caller.takeAttachment(bytes, whole);
  if (attached == Attached::kRefused) return Handled::kClose;
  if (attached == Attached::kMore) return Handled::kDone;
  auto decoded = std::make_unique<Deferred>();
  if (!socketio::decode(whole.packet, kLimits, decoded->packet)) return Handled::kClose;
  if (attached == Attached::kTooLong || whole.size() > application_.takesBinary(caller, decoded->packet)) {
    return application_.refuseBinary(caller, decoded->packet, session::kBinaryTooLong);
  }
  decoded->attachments = std::move(whole.attachments);
  caller.question = &decoded->question;
  const Handled handled = packet(caller, decoded->packet, decoded->attachments);
  if (handled != Handled::kDeferred) return handled;
  decoded->text = std::move(whole.packet);
  for (const std::string& one : decoded->attachments) {
    decoded->text.push_back(kBeforeAttachment);
    engineio::appendBase64(decoded->text, one);
  }
  deferred = std::move(decoded);
  return handled;
}

}  // namespace mediasync::server
