// WebSockets: input, the probe and the upgrade of a polling connection, the end.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <variant>

#include "core/connection/channel.h"
#include "core/connection/handshakes.h"
#include "core/connection/work.h"
#include "core/context/part.h"
#include "core/engineio/error.h"
#include "core/engineio/packet.h"
#include "core/websocket/decoder.h"

namespace mediasync::server {

class Applications;
class Accounts;
class Alarms;
class Eviction;
class Handshakes;
class Heartbeat;
class Links;
class Mailboxes;
class PollAnswers;
class Rooms;
class SocketWriter;
class WaitingLine;

class Sockets : Part {
 public:
  Sockets(Context&, Accounts&, Alarms&, Eviction&, Handshakes&, Heartbeat&, Links&, Mailboxes&, PollAnswers&, Rooms&,
          SocketWriter&, WaitingLine&, Applications&);
  // A WebSocket without a sid: a new connection.
  std::variant<std::unique_ptr<Channel>, NoSpace> openChannel(WebSocket&, const Options&, const Agreement& = {},
                                                              const Newcomer& = {});
  // A WebSocket for a polling connection: an upgrade. The error answers the HTTP request. When the connection is, or is
  // being, upgraded already, the WebSocket is closed as soon as it is open.
  std::variant<std::unique_ptr<Channel>, engineio::Error> probeChannel(const store::RandomId& sid, WebSocket&,
                                                                       const Options&, const Agreement& = {});
  // There are about to be bytes from the peer.
  static void expectInput(const Channel&);
  // Bytes from the peer. They are worked off or kept; `bytes` is written to (unmasked in place).
  void received(Channel&, std::span<std::uint8_t> bytes);
  void writable(Channel&);
  // The connection is gone. The caller may destroy the channel afterwards.
  void gone(Channel&, store::EndReason = store::EndReason::kTransportClose);
  // The process is about to end: says goodbye.
  void goAway(Channel&);
  void endRests(std::int64_t now);
  void resumeInput(Channel&);
  void failChannel(Channel&, const Ending&);

 private:
  void process(Channel&, std::span<std::uint8_t> bytes);
  bool handleMessage(Channel&, const websocket::Message&);
  void prefetchSeat(const Link&) const;
  bool handleProbe(Channel&, std::string_view text);
  bool completeUpgrade(Channel&);
  void sendMissed(Link&);
  bool inflate(Channel&, websocket::Message&, Turn&);
  void rest(Channel&, std::int64_t ms);
  bool handlePacket(Channel&, const engineio::Packet&);
  void forget(Channel&);
  void keepInput(Channel&, std::span<const std::uint8_t>);

  Accounts& accounts_;
  Alarms& alarms_;
  Eviction& eviction_;
  Handshakes& handshakes_;
  Heartbeat& heartbeat_;
  Links& links_;
  Mailboxes& mailboxes_;
  PollAnswers& pollAnswers_;
  Rooms& rooms_;
  SocketWriter& writer_;
  WaitingLine& waiting_;
  Applications& applications_;
};

}  // namespace mediasync::server
