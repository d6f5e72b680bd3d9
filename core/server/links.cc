// What the worker owns: links come, enter rooms, keep their heartbeat, and go.
#include <algorithm>

#include "core/server/worker.h"
#include "core/session/rules.h"
#include "core/websocket/frame.h"

namespace mediasync::server {

namespace {

// After a deadline that could not be dealt with.
constexpr std::int64_t kDeadlineRetry = 1'000;
constexpr std::int64_t kTimerSlack = 100;
// For a poll that crosses its own connection's close.
constexpr std::int64_t kLastPoll = 500;

}  // namespace

using store::ConnectionTransaction;
using store::EndReason;
using store::SessionTransaction;
using store::Transport;
using websocket::CloseCode;

Link& Worker::own(ConnectionTransaction& txn, const Options& options, Instant now) {
  const store::ConnectionRecord& record = txn.record();
  if (Link* stale = linkOf(txn.ref().ref)) letGo(*stale);  // of a connection whose record was freed elsewhere
  auto made = std::make_unique<Link>();
  Link& link = *made;
  link.connection = txn.ref();
  link.options = optionsPool_.share(options);
  link.protocol = protocolOf(record);
  link.transport = record.transport;
  link.namespaceConnected = record.namespaceConnected;
  link.recoverable = record.recoverable;
  link.ownBefore = record.ownBefore;
  link.connectBy = record.connectBy;
  links_[link.connection.ref] = std::move(made);
  watchFor(link, now);
  if (link.transport == Transport::kPolling) syncHeartbeat(link, record);
  return link;
}

// A polling connection that goes from worker to worker keeps its heartbeat.
void Worker::syncHeartbeat(Link& link, const store::ConnectionRecord& record) {
  const engineio::Settings& engine = link.options->engine;
  if (link.protocol.revision == engineio::Revision::kV3) {
    link.pingSent = record.lastHeard + 1;
    setDeadline(link, record.lastHeard + engine.pingInterval + engine.pingTimeout);
  } else if (record.lastPing > record.lastHeard) {
    link.waiting = Link::Waiting::kForPong;
    link.pingSent = record.lastPing;
    setDeadline(link, record.lastPing + engine.pingTimeout);
  } else {
    link.waiting = Link::Waiting::kForPing;
    setDeadline(link, record.lastHeard + engine.pingInterval);
  }
}

Link* Worker::linkOf(const store::ConnectionRef& connection) {
  Link* link = linkOf(connection.ref);
  return link != nullptr && link->connection.serial == connection.serial ? link : nullptr;
}

Link* Worker::linkOf(store::Ref connection) {
  const auto found = links_.find(connection);
  return found == links_.end() ? nullptr : found->second.get();
}

// Whether this worker knows where the connection sits. If not, the mail that tells it is on its way.
bool Worker::isInStep(const Link& link, const store::ConnectionRecord& record) {
  return link.namespaceConnected == record.namespaceConnected && link.recoverable == record.recoverable &&
         link.ownBefore == record.ownBefore && link.seat.membershipSerial == record.seat.membershipSerial;
}

// The record says where the connection sits; another worker may have changed that.
void Worker::syncSeat(Link& link, const store::ConnectionRecord& record) {
  link.namespaceConnected = record.namespaceConnected;
  link.recoverable = record.recoverable;
  link.ownBefore = record.ownBefore;
  if (link.connectBy != record.connectBy) awaitConnect(link, record.connectBy);
  if (record.seat.membershipSerial == link.seat.membershipSerial) return;
  leaveRoom(link);
  link.seat = record.seat;
  if (link.seat) enterRoom(link, record.cursor);
}

// `head`: what a room that is not there yet has read of the log already; the cursor when it is 0.
void Worker::enterRoom(Link& link, std::uint64_t cursor, std::uint64_t head) {
  auto& slot = rooms_[link.seat.session];
  if (!slot) {
    slot = std::make_unique<Room>();
    slot->session = link.seat.session;
    slot->serial = link.seat.sessionSerial;
    slot->shard = link.seat.shard;
    slot->pulled = std::max(cursor, head);
    watch(*slot);
  }
  link.room = slot.get();
  link.cursor = cursor;
  link.behindSince = 0;
  link.hasRead = false;
  slot->members.push_back(link);
  if (cursor < slot->pulled) fallBehind(link);
}

// Asks for news of the session. Without memory for that the room is looked after at every tick.
void Worker::watch(Room& room) {
  room.watched = false;
  try {
    SessionTransaction session(zone_, room.shard);
    if (!session.open(room.session, room.serial)) return;
    session.addWatch(id_);
    session.commit(wake_);
    session.wakeWatcher(id_, wake_);  // members that lag behind are found out by a first delivery
    room.watched = true;
  } catch (const store::OutOfSpace&) {
  }
  needsChanged(room);
}

void Worker::leaveRoom(Link& link) {
  Room* room = std::exchange(link.room, nullptr);
  link.seat = {};
  if (room == nullptr) return;
  if (link.isBehind()) --room->behind;
  link.behindSince = 0;
  room->members.erase(room->members.iterator_to(link));
  needsChanged(*room);  // it may have been the one that the log was kept for
  if (!room->members.empty()) return;
  {
    SessionTransaction session(zone_, room->shard);
    if (session.open(room->session, room->serial)) {
      session.dropWatch(id_);
      session.commit(wake_);
    }
  }
  rooms_.erase(room->session);
}

// Forgets a link whose connection is not this worker's any more.
void Worker::letGo(Link& link) {
  endPoll(link, "6");
  if (link.ticket != 0) {
    link.socket->letGo();
  } else if (link.socket != nullptr) {
    link.socket->finish();
  }
  disown(link);
}

// Forgets the link; the record is somebody else's business.
void Worker::disown(Link& link) {
  leaveRoom(link);
  if (link.DeadlineHook::is_linked()) deadlines_.erase(deadlines_.iterator_to(link));
  if (link.channel != nullptr) {
    std::erase(waitingChannels_, link.channel);
    std::erase(resting_, link.channel);
    link.channel->link_ = nullptr;
    link.channel->state_ = Channel::State::kFinished;
  }
  links_.erase(link.connection.ref);
}

// The connection has no seat any more: the user may have lost its last one. Returns where it was.
store::LostSeat Worker::loseSeat(ConnectionTransaction& txn, Instant now, Departure departure) {
  store::LostSeat lost;
  const store::SeatRef seat = txn.record().seat;
  if (!seat) return lost;
  {
    SessionTransaction session(zone_, seat.shard);
    if (session.openSeat(seat)) {
      lost = session.lostSeat();
      lost.awaitingSnapshot = txn.record().awaitingSnapshot;
      lost.joinedAt = txn.record().joinedAt;
      const Instant lostAt = departure == Departure::kSentAway ? zone_.settings().sentAwayAt(now) : now;
      if (session.removeConnection(seat, now)) session::connectionsLost(session, session.seatUser(), lostAt);
      session.commit(wake_);
    }
  }
  txn.endSeat(lost.userSerial);
  return lost;
}

// It says nothing against a client that its server sends away.
void Worker::chargeForLog(const Leftover& leftover, const Link& link, Instant now) {
  if (link.departure != Departure::kSentAway) chargeForLog(leftover.client, leftover.logBytes, *link.options, now);
}

// Removes the connection and everything it had, unless another worker owns it by now.
void Worker::dropConnection(Link& link, const Ending& ending) {
  const Instant now = env_.now();
  Leftover leftover;
  {
    ConnectionTransaction txn(zone_, link.connection.shard);
    if (txn.open(link.connection) && txn.record().owner == id_) {
      leftover = endConnection(txn, now, link.departure, ending, &link);
    }
  }
  chargeForLog(leftover, link, now);
  disown(link);
  keepForRecovery(leftover, now);
}

// The client has said so, in a POST: the poll that waits is ended. One may be on its way, which is then ended as well.
void Worker::closedByClient(Link& link) {
  if (link.waiting == Link::Waiting::kForLastPoll) return;
  if (link.poll != nullptr) {
    endPoll(link, "6");
    return dropConnection(link, {EndReason::kClientDisconnect});
  }
  const Instant now = env_.now();
  Leftover leftover;
  {
    ConnectionTransaction txn(zone_, link.connection.shard);
    if (!txn.open(link.connection)) return;
    leftover = vacate(txn, now);
    txn.edit(txn.record().recoverable) = false;
    txn.commit();
  }
  chargeForLog(leftover, link, now);
  leaveRoom(link);
  keepForRecovery(leftover, now);
  link.waiting = Link::Waiting::kForLastPoll;
  link.connectBy = 0;
  setDeadline(link, now.mono + kLastPoll);
}

void Worker::closeLink(Link& link, const Ending& ending) {
  if (link.socket != nullptr) {
    std::string frame;
    appendCloseFrame(frame, ending);
    link.corked = false;
    sendRaw(link, frame);
    link.socket->finish();
  }
  endPoll(link, "1");
  dropConnection(link, ending);
}

// This process ends, and others do not: the client is to come back to one of them.
void Worker::sendToOthers(Link& link) {
  link.departure = Departure::kSentAway;
  closeLink(link, {departureReason(), CloseCode::kGoingAway});
}

// The connection cannot go on. It is ended when the events at hand have been handled, since whoever found out may be in
// the middle of something with it.
void Worker::doom(Link& link) {
  if (std::exchange(link.doomed, true)) return;
  doomed_.push_back(link.connection);
  wake_.set(id_.slot);
}

void Worker::endDoomed() {
  const std::vector<store::ConnectionRef> doomed = std::exchange(doomed_, {});
  for (const store::ConnectionRef& connection : doomed) {
    if (Link* link = linkOf(connection)) closeLink(*link, {EndReason::kTooSlow, CloseCode::kGoingAway});
  }
}

void Worker::setDeadline(Link& link, std::int64_t at) {
  link.heartbeatAt = at;
  setAlarm(link, link.connectBy != 0 ? std::min(link.connectBy, at) : at);
}

void Worker::setAlarm(Link& link, std::int64_t at) {
  if (link.DeadlineHook::is_linked()) deadlines_.erase(deadlines_.iterator_to(link));
  link.deadline = at;
  deadlines_.insert(link);
}

// From revision 4 on the server pings; before that the client does, and is waited for from the start.
void Worker::watchFor(Link& link, Instant now) {
  const engineio::Settings& engine = link.options->engine;
  const bool clientPings = link.protocol.revision == engineio::Revision::kV3;
  link.waiting = clientPings ? Link::Waiting::kForPong : Link::Waiting::kForPing;
  link.pingSent = now.mono;
  setDeadline(link, now.mono + engine.pingInterval + (clientPings ? engine.pingTimeout : 0));
}

void Worker::onDeadline(Link& link, Instant now) {
  if (link.ticket != 0) return takeBack(link);
  // First of all out of the way: should what follows fail, it must not keep the others from their turn.
  const std::int64_t heartbeatAt = link.heartbeatAt;
  const std::int64_t connectBy = std::exchange(link.connectBy, 0);
  setDeadline(link, now.mono + kDeadlineRetry);
  if (link.waiting == Link::Waiting::kForLastPoll) return dropConnection(link, {EndReason::kClientDisconnect});
  link.heartbeatAt = heartbeatAt;
  link.connectBy = connectBy;
  if (link.connectBy != 0 && now.mono >= link.connectBy && connectOverdue(link, now.mono)) {
    closeLink(link, {EndReason::kConnectTimeout, CloseCode::kPolicyViolation});
    return;
  }
  if (now.mono < link.heartbeatAt) {
    setDeadline(link, link.heartbeatAt);
  } else if (link.waiting == Link::Waiting::kForPing) {
    sendPing(link, now);
  } else {
    checkPong(link, now);
  }
}

// The time to connect is over.
bool Worker::connectOverdue(Link& link, std::int64_t now) {
  link.connectBy = 0;
  ConnectionTransaction txn(zone_, link.connection.shard);
  if (!txn.open(link.connection)) return true;
  if (txn.isConnectedSomewhere()) return false;
  link.connectBy = txn.record().connectBy;  // it may have begun anew
  return link.connectBy <= now;
}

void Worker::sendPing(Link& link, Instant now) {
  // A timer that fires a little late takes nothing from the client's time, nor gives it any.
  const bool isLate = now.mono - link.heartbeatAt > kTimerSlack;
  link.waiting = Link::Waiting::kForPong;
  link.pingSent = isLate ? now.mono : link.heartbeatAt;
  link.pingLate = static_cast<std::uint8_t>(now.mono - link.pingSent);
  setDeadline(link, link.pingSent + link.options->engine.pingTimeout);
  if (link.transport == Transport::kWebSocket) {
    send(link, "2");
    return;
  }
  bool owned = false;
  {
    ConnectionTransaction txn(zone_, link.connection.shard);
    owned = txn.open(link.connection) && txn.record().owner == id_;
    if (owned) {
      txn.edit(txn.record().pingDue) = true;
      txn.edit(txn.record().lastPing) = link.pingSent;
      txn.commit();
    }
  }
  if (!owned) {
    letGo(link);
  } else if (link.poll != nullptr) {
    answerPoll(link);
  }
}

// The time for the pong, or in revision 3 for the client's next ping, is over. Over WebSocket its arrival would have
// moved the deadline; over polling it may have come to another worker, which noted it in the record.
void Worker::checkPong(Link& link, Instant now) {
  std::int64_t heard = 0;
  bool owned = true;
  if (link.transport == Transport::kPolling) {
    ConnectionTransaction txn(zone_, link.connection.shard);
    owned = txn.open(link.connection) && txn.record().owner == id_;
    if (owned) heard = txn.record().lastHeard;
  }
  if (!owned) return letGo(link);
  if (link.channel != nullptr && link.channel->restsUntil_ != 0) {  // its answer may be behind what is not read yet
    return setDeadline(link, std::max(link.channel->restsUntil_, now.mono) + link.options->engine.pingTimeout);
  }
  if (heard < link.pingSent || link.transport == Transport::kWebSocket) {
    closeLink(link, {EndReason::kPingTimeout});
    return;
  }
  const engineio::Settings& engine = link.options->engine;
  // A POST that rests counts as heard until its rest is over, but the client waits for its ping from now on.
  heard = std::min(heard, std::max(now.mono, link.pingSent));
  if (link.protocol.revision == engineio::Revision::kV3) {
    link.pingSent = heard + 1;
    return setDeadline(link, heard + engine.pingInterval + engine.pingTimeout);
  }
  link.waiting = Link::Waiting::kForPing;
  setDeadline(link, heard + engine.pingInterval);
}

}  // namespace mediasync::server
