#include "core/server/watch_sessions.h"

#include "core/server/caller.h"
#include "core/server/worker.h"

namespace mediasync::server {

bool WatchSessions::hasNamespace(Worker& worker, const Caller& caller, std::string_view nsp) const {
  return nsp == "/" || worker.scriptsHave(caller, nsp);
}

Handled WatchSessions::event(Worker& worker, Caller& caller, const socketio::Packet& packet,
                             const std::vector<std::string>&) {
  return worker.isForScripts(caller, packet) ? worker.scriptEvent(caller, packet) : worker.command(caller, packet);
}

std::optional<Handled> WatchSessions::plainEvent(Worker& worker, Caller& caller, const socketio::PlainEvent& event) {
  if (caller.options.hooks) return std::nullopt;  // scripts are shown JSON
  return worker.command(caller, event);
}

void WatchSessions::acknowledged(Worker& worker, Caller& caller, const socketio::Packet& packet,
                                 const std::vector<std::string>&) {
  worker.tellAnswer(caller, packet);
}

Handled WatchSessions::refuseBinary(Worker& worker, Caller& caller, const socketio::Packet& packet) {
  return worker.refuseBinary(caller, packet);
}

}  // namespace mediasync::server
