#include "core/connection/applications.h"

#include "core/connection/channel.h"
#include "core/connection/post_caller.h"
#include "core/connection/post_job.h"
#include "core/connection/socket_caller.h"

namespace mediasync::server {

EngineApplication& Applications::of(const Options& options) const {
  switch (options.application) {
    case Application::kEngineEcho:
      return engineEcho_;
    case Application::kSocketEcho:
      return socketEcho_;
    default:
      return sessions_;
  }
}

void Applications::opened(Channel& channel) {
  SocketCaller caller(parts_, channel);
  of(*channel.options).opened(caller);
}

void Applications::opened(const Link& polled) {
  Allowance allowance;
  PostCaller caller(parts_, polled, allowance);
  of(*polled.options).opened(caller);
}

Handled Applications::received(Channel& channel, const engineio::Packet& packet) {
  SocketCaller caller(parts_, channel);
  return of(*channel.options).received(caller, packet, channel.deferred);
}

Handled Applications::received(PostJob& job, const engineio::Packet& packet) {
  PostCaller caller(parts_, job);
  return of(job.options).received(caller, packet, job.deferred);
}

Handled Applications::resumed(Channel& channel, Deferred& deferred) {
  SocketCaller caller(parts_, channel, true);
  return of(*channel.options).resumed(caller, deferred);
}

Handled Applications::resumed(PostJob& job, Deferred& deferred) {
  PostCaller caller(parts_, job, true);
  return of(job.options).resumed(caller, deferred);
}

std::unique_ptr<Deferred> Applications::restored(const Options& options, std::string_view text) const {
  return of(options).restored(text);
}

}  // namespace mediasync::server
