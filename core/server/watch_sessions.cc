#include "core/server/watch_sessions.h"

#include "core/server/caller.h"
#include "core/server/worker.h"

namespace mediasync::server {

Handled WatchSessions::event(Worker& worker, Caller& caller, const socketio::Packet& packet,
                             const std::vector<std::string>&) {
  return worker.command(caller, packet);
}

Handled WatchSessions::refuseBinary(Worker& worker, Caller& caller, const socketio::Packet& packet) {
  return worker.refuseBinary(caller, packet);
}

}  // namespace mediasync::server
