#include "core/app/watch_sessions.h"

#include "core/app/services.h"
#include "core/connection/caller.h"

namespace mediasync::server {

namespace {

// Of an event with its attachments: in Base64 they have to fit a question.
constexpr std::size_t kMaxScriptBytes = 48 * 1024;

}  // namespace

bool WatchSessions::hasNamespace(Services& services, const Caller& caller, std::string_view nsp) const {
  return nsp == "/" || services.hooks.scriptsHave(caller, nsp);
}

// Commands have no use for them.
std::size_t WatchSessions::takesBinary(Services& services, const Caller& caller, const socketio::Packet& packet) const {
  return services.hooks.scriptsTakeBinary(caller, packet) ? kMaxScriptBytes : 0;
}

Handled WatchSessions::event(Services& services, Caller& caller, const socketio::Packet& packet,
                             const std::vector<std::string>& attachments) {
  return services.hooks.isForScripts(caller, packet) ? services.scriptEvents.scriptEvent(caller, packet, attachments)
                                                     : services.commands.command(caller, packet);
}

std::optional<Handled> WatchSessions::plainEvent(Services& services, Caller& caller,
                                                 const socketio::PlainEvent& event) {
  if (caller.options.hooks) return std::nullopt;  // scripts are shown JSON
  return services.commands.command(caller, event);
}

void WatchSessions::acknowledged(Services& services, Caller& caller, const socketio::Packet& packet,
                                 const std::vector<std::string>& attachments) {
  services.hooks.tellAnswer(caller, packet, attachments);
}

Handled WatchSessions::refuseBinary(Services& services, Caller& caller, const socketio::Packet& packet,
                                    const session::Refusal& refusal) {
  return services.commands.refuseBinary(caller, packet, refusal);
}

}  // namespace mediasync::server
