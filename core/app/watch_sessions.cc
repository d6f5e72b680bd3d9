#include "core/app/watch_sessions.h"

#include "core/app/services.h"
#include "core/connection/caller.h"

namespace mediasync::server {

namespace {

// The limit of an event with its attachments, which must fit into a question in Base64.
constexpr std::size_t kMaxScriptBytes = 48 * 1024;

}  // namespace

bool WatchSessions::hasNamespace(const Caller& caller, std::string_view nsp) const {
  return nsp == "/" || services_.hooks.scriptsHave(caller, nsp);
}

// Commands have no use for them.
std::size_t WatchSessions::takesBinary(const Caller& caller, const socketio::Packet& packet) const {
  return services_.hooks.scriptsTakeBinary(caller, packet) ? kMaxScriptBytes : 0;
}

Handled WatchSessions::event(Caller& caller, const socketio::Packet& packet,
                             const std::vector<std::string>& attachments) {
  return services_.hooks.isForScripts(caller, packet) ? services_.scriptEvents.scriptEvent(caller, packet, attachments)
                                                      : services_.commands.command(caller, packet);
}

std::optional<Handled> WatchSessions::plainEvent(Caller& caller, const socketio::PlainEvent& event) {
  if (caller.options.hooks) return std::nullopt;  // scripts are shown JSON
  return services_.commands.command(caller, event);
}

void WatchSessions::acknowledged(Caller& caller, const socketio::Packet& packet,
                                 const std::vector<std::string>& attachments) {
  services_.hooks.tellAnswer(caller, packet, attachments);
}

Handled WatchSessions::refuseBinary(Caller& caller, const socketio::Packet& packet, const session::Refusal& refusal) {
  return services_.commands.refuseBinary(caller, packet, refusal);
}

}  // namespace mediasync::server
