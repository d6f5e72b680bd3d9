#include "core/app/echo.h"

#include <nlohmann/json.hpp>

#include "core/app/services.h"
#include "core/connection/caller.h"
#include "core/connection/channel.h"
#include "core/engineio/packet.h"
#include "core/socketio/encoder.h"

namespace mediasync::server {

using nlohmann::json;

namespace {

void send(Caller& caller, const std::string& packet, const json& args, const std::vector<std::string>& attachments) {
  caller.reply(packet + args.dump(), attachments);
}

// The arguments of an event under another name.
json renamed(const json& args, std::string_view name) {
  json result = args;
  result[0] = name;
  return result;
}

std::string eventPrefix(std::string_view nsp, std::size_t attachments, std::optional<std::uint64_t> id = {}) {
  std::string packet(engineio::kMessagePrefix);
  socketio::appendEventPrefix(packet, nsp, attachments, id);
  return packet;
}

}  // namespace

std::unique_ptr<Deferred> EngineEcho::restored(std::string_view) const {
  return nullptr;
}

Handled EngineEcho::received(Caller& caller, const engineio::Packet& message, std::unique_ptr<Deferred>&) {
  if (message.binary) {
    caller.replyBinary(message.data);
  } else {
    caller.reply(std::string(engineio::kMessagePrefix).append(message.data));
  }
  return Handled::kDone;
}

std::size_t SocketEcho::takesBinary(const Caller& caller, const socketio::Packet&) const {
  return caller.options.engine.maxPayload;
}

void SocketEcho::connected(Caller& caller, std::string_view nsp, const json& auth) {
  send(caller, eventPrefix(nsp, 0), json::array({"auth", auth}), {});
}

Handled SocketEcho::event(Caller& caller, const socketio::Packet& packet, const std::vector<std::string>& attachments) {
  const json& args = *packet.data;
  if (args[0] == "message") {
    send(caller, eventPrefix(packet.nsp, attachments.size()), renamed(args, "message-back"), attachments);
  } else if (args[0] == "message-with-ack" && packet.id) {
    std::string prefix(engineio::kMessagePrefix);
    socketio::appendAckPrefix(prefix, packet.nsp, *packet.id, attachments.size());
    send(caller, prefix, json(args.begin() + 1, args.end()), attachments);
  } else if (args[0] == "ask") {
    const std::uint64_t id = services_.namespaces.newAckId(caller.connection, packet.nsp);
    send(caller, eventPrefix(packet.nsp, attachments.size(), id), renamed(args, "question"), attachments);
  }
  return Handled::kDone;
}

void SocketEcho::acknowledged(Caller& caller, const socketio::Packet& packet,
                              const std::vector<std::string>& attachments) {
  json args = *packet.data;
  args.insert(args.begin(), "answer");
  send(caller, eventPrefix(packet.nsp, attachments.size()), args, attachments);
}

}  // namespace mediasync::server
