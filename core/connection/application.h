// Receives the packets of a connection. Applications know packets, not transports; they answer the caller.
#pragma once

#include <memory>
#include <string_view>

#include "core/connection/link.h"
#include "core/context/options.h"
#include "core/engineio/packet.h"

namespace mediasync::server {

class Caller;
struct Deferred;

// The outcome of a packet: done, to be tried again when readers have caught up, or a reason to close the connection:
// the packet itself, or that there were too many.
enum class Handled { kDone, kDeferred, kClose, kFlood };

// The end of a connection that is closed for a packet.
inline Ending endingOf(Handled handled) {
  return handled == Handled::kFlood ? Ending{store::EndReason::kFlood, websocket::CloseCode::kPolicyViolation}
                                    : Ending{store::EndReason::kProtocolError};
}

// On Engine.IO messages.
class EngineApplication {
 public:
  virtual ~EngineApplication() = default;
  // A connection was made.
  virtual void opened(Caller&) = 0;
  // A message came. kDeferred: `deferred` is what to try again.
  virtual Handled received(Caller&, const engineio::Packet&, std::unique_ptr<Deferred>& deferred) = 0;
  virtual Handled resumed(Caller&, Deferred&) = 0;
  // The packet that another worker has to try again, restored from its text; null if the application defers none.
  virtual std::unique_ptr<Deferred> restored(std::string_view text) const = 0;
};

}  // namespace mediasync::server
