#include "core/server/watch_sessions.h"

#include "core/server/caller.h"
#include "core/server/worker.h"

namespace mediasync::server {

namespace {

// Of an event with its attachments: in Base64 they have to fit a question.
constexpr std::size_t kMaxScriptBytes = 48 * 1024;

}  // namespace

bool WatchSessions::hasNamespace(Worker& worker, const Caller& caller, std::string_view nsp) const {
  return nsp == "/" || worker.scriptsHave(caller, nsp);
}

// Commands have no use for them.
std::size_t WatchSessions::takesBinary(Worker& worker, const Caller& caller, const socketio::Packet& packet) const {
  return worker.scriptsTakeBinary(caller, packet) ? kMaxScriptBytes : 0;
}

Handled WatchSessions::event(Worker& worker, Caller& caller, const socketio::Packet& packet,
                             const std::vector<std::string>& attachments) {
  return worker.isForScripts(caller, packet) ? worker.scriptEvent(caller, packet, attachments)
                                             : worker.command(caller, packet);
}

std::optional<Handled> WatchSessions::plainEvent(Worker& worker, Caller& caller, const socketio::PlainEvent& event) {
  if (caller.options.hooks) return std::nullopt;  // scripts are shown JSON
  return worker.command(caller, event);
}

void WatchSessions::acknowledged(Worker& worker, Caller& caller, const socketio::Packet& packet,
                                 const std::vector<std::string>& attachments) {
  worker.tellAnswer(caller, packet, attachments);
}

Handled WatchSessions::refuseBinary(Worker& worker, Caller& caller, const socketio::Packet& packet,
                                    const session::Refusal& refusal) {
  return worker.refuseBinary(caller, packet, refusal);
}

}  // namespace mediasync::server
