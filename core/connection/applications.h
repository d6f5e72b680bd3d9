// The applications of a worker. A packet goes to the application of its connection's location, with the caller to
// answer.
#pragma once

#include "core/connection/application.h"
#include "core/connection/caller_parts.h"

namespace mediasync::server {

class Channel;
class PostJob;

class Applications {
 public:
  Applications(const CallerParts& parts, EngineApplication& sessions, EngineApplication& engineEcho,
               EngineApplication& socketEcho)
      : parts_(parts), sessions_(sessions), engineEcho_(engineEcho), socketEcho_(socketEcho) {}

  // A connection was made, over WebSocket or polling.
  void opened(Channel&);
  void opened(const Link& polled);
  // kDeferred: the channel or the POST has the command that waits.
  Handled received(Channel&, const engineio::Packet&);
  Handled received(PostJob&, const engineio::Packet&);
  Handled resumed(Channel&, Deferred&);
  Handled resumed(PostJob&, Deferred&);
  // See EngineApplication.
  std::unique_ptr<Deferred> restored(const Options&, std::string_view text) const;

 private:
  EngineApplication& of(const Options&) const;

  CallerParts parts_;
  EngineApplication& sessions_;
  EngineApplication& engineEcho_;
  EngineApplication& socketEcho_;
};

}  // namespace mediasync::server
