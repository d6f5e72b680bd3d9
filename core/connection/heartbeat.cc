#include "core/connection/heartbeat.h"

#include <algorithm>
#include <utility>

#include "core/connection/alarms.h"
#include "core/connection/attachments.h"
#include "core/connection/links.h"
#include "core/connection/reload.h"
#include "core/connection/work.h"
#include "core/delivery/poll_answers.h"
#include "core/delivery/socket_writer.h"
#include "core/engineio/packet.h"
#include "core/websocket/frame.h"

namespace mediasync::server {

using store::ConnectionTransaction;
using store::EndReason;
using store::Transport;
using websocket::CloseCode;

namespace {

// After a deadline that could not be dealt with.
constexpr std::int64_t kDeadlineRetry = 1'000;
constexpr std::int64_t kTimerSlack = 100;

}  // namespace

Heartbeat::Heartbeat(Context& context, Alarms& alarms, Links& links, PollAnswers& pollAnswers, Reload& reload,
                     SocketWriter& writer)
    : Part(context), alarms_(alarms), links_(links), pollAnswers_(pollAnswers), reload_(reload), writer_(writer) {}

// Pings come from the server in revision 4, and from the client in revision 3. False for one in the wrong direction.
bool Heartbeat::handleHeartbeat(Link& link, const engineio::Packet& packet) {
  const bool clientPings = link.protocol.revision == engineio::Revision::kV3;
  const engineio::Settings& engine = link.options->engine;
  switch (packet.type) {
    case engineio::PacketType::kPing:
      if (!clientPings || isBinaryStalled(link)) return false;
      alarms_.setDeadline(link, env_.now().mono + engine.pingInterval + engine.pingTimeout);
      writer_.send(link, std::string(engineio::kPongPrefix).append(packet.data));
      return true;
    case engineio::PacketType::kPong:
      if (clientPings || isBinaryStalled(link)) return false;
      if (link.waiting == Link::Waiting::kForPong) {
        const std::int64_t now = env_.now().mono;
        counters().roundTrip.observe((now - link.pingSent - link.pingLate) * 1000);
        link.waiting = Link::Waiting::kForPing;
        alarms_.setDeadline(link, now + engine.pingInterval);
      }
      return true;
    default:
      return true;
  }
}

void Heartbeat::onDeadline(Link& link, Instant now) {
  if (link.ticket != 0) return reload_.takeBack(link);
  // First of all out of the way: should what follows fail, it must not keep the others from their turn.
  const std::int64_t heartbeatAt = link.heartbeatAt;
  const std::int64_t connectBy = std::exchange(link.connectBy, 0);
  alarms_.setDeadline(link, now.mono + kDeadlineRetry);
  if (link.waiting == Link::Waiting::kForLastPoll) return links_.dropConnection(link, {EndReason::kClientDisconnect});
  link.heartbeatAt = heartbeatAt;
  link.connectBy = connectBy;
  if (link.connectBy != 0 && now.mono >= link.connectBy && connectOverdue(link, now.mono)) {
    links_.closeLink(link, {EndReason::kConnectTimeout, CloseCode::kPolicyViolation});
    return;
  }
  if (now.mono < link.heartbeatAt) {
    alarms_.setDeadline(link, link.heartbeatAt);
  } else if (link.waiting == Link::Waiting::kForPing) {
    sendPing(link, now);
  } else {
    checkPong(link, now);
  }
}

// The time to connect is over.
bool Heartbeat::connectOverdue(Link& link, std::int64_t now) {
  link.connectBy = 0;
  ConnectionTransaction txn(zone_, link.connection.shard);
  if (!txn.open(link.connection)) return true;
  if (txn.isConnectedSomewhere()) return false;
  link.connectBy = txn.record().connectBy;  // it may have begun anew
  return link.connectBy <= now;
}

void Heartbeat::sendPing(Link& link, Instant now) {
  // A timer that fires a little late takes nothing from the client's time, nor gives it any.
  const bool isLate = now.mono - link.heartbeatAt > kTimerSlack;
  link.waiting = Link::Waiting::kForPong;
  link.pingSent = isLate ? now.mono : link.heartbeatAt;
  link.pingLate = static_cast<std::uint8_t>(now.mono - link.pingSent);
  alarms_.setDeadline(link, link.pingSent + link.options->engine.pingTimeout);
  if (link.transport == Transport::kWebSocket) {
    writer_.send(link, engineio::kPingPacket);
    return;
  }
  bool owned = false;
  {
    ConnectionTransaction txn(zone_, link.connection.shard);
    owned = txn.open(link.connection) && txn.record().owner == id_;
    if (owned) {
      txn.pingSent(link.pingSent);
      txn.commit();
    }
  }
  if (!owned) {
    links_.letGo(link);
  } else if (link.poll != nullptr) {
    pollAnswers_.answerPoll(link);
  }
}

// The time for the pong, or in revision 3 for the client's next ping, is over. Over WebSocket its arrival would have
// moved the deadline; over polling it may have come to another worker, which noted it in the record.
void Heartbeat::checkPong(Link& link, Instant now) {
  std::int64_t heard = 0;
  bool owned = true;
  if (link.transport == Transport::kPolling) {
    ConnectionTransaction txn(zone_, link.connection.shard);
    owned = txn.open(link.connection) && txn.record().owner == id_;
    if (owned) heard = txn.record().lastHeard;
  }
  if (!owned) return links_.letGo(link);
  if (link.channel != nullptr && link.channel->restsUntil != 0) {  // its answer may be behind what is not read yet
    return alarms_.setDeadline(link, std::max(link.channel->restsUntil, now.mono) + link.options->engine.pingTimeout);
  }
  if (heard < link.pingSent || link.transport == Transport::kWebSocket) {
    links_.closeLink(link, {EndReason::kPingTimeout});
    return;
  }
  const engineio::Settings& engine = link.options->engine;
  // A POST that rests counts as heard until its rest is over, but the client waits for its ping from now on.
  heard = std::min(heard, std::max(now.mono, link.pingSent));
  if (link.protocol.revision == engineio::Revision::kV3) {
    link.pingSent = heard + 1;
    return alarms_.setDeadline(link, heard + engine.pingInterval + engine.pingTimeout);
  }
  link.waiting = Link::Waiting::kForPing;
  alarms_.setDeadline(link, heard + engine.pingInterval);
}

}  // namespace mediasync::server
