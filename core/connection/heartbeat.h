// Pings, pongs and time-outs of the connections that this worker owns.
#pragma once

#include <cstdint>

#include "core/connection/link.h"
#include "core/context/part.h"
#include "core/engineio/packet.h"

namespace mediasync::server {

class Alarms;
class Links;
class PollAnswers;
class Reload;
class SocketWriter;

class Heartbeat : Part {
 public:
  Heartbeat(Context&, Alarms&, Links&, PollAnswers&, Reload&, SocketWriter&);
  void onDeadline(Link&, Instant now);
  bool handleHeartbeat(Link&, const engineio::Packet&);

 private:
  bool connectOverdue(Link&, std::int64_t now);
  void sendPing(Link&, Instant now);
  void checkPong(Link&, Instant now);

  Alarms& alarms_;
  Links& links_;
  PollAnswers& pollAnswers_;
  Reload& reload_;
  SocketWriter& writer_;
};

}  // namespace mediasync::server
