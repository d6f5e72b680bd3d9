#include "core/connection/links.h"

#include "core/connection/account.h"
#include "core/connection/alarms.h"
#include "core/connection/channel.h"
#include "core/connection/departures.h"
#include "core/connection/waiting_line.h"
#include "core/delivery/poll_answers.h"
#include "core/delivery/rooms.h"
#include "core/delivery/socket_writer.h"
#include "core/engineio/packet.h"
#include "core/websocket/frame.h"

namespace mediasync::server {

using store::ConnectionTransaction;
using store::EndReason;
using store::Transport;
using websocket::CloseCode;

namespace {

// For a poll that crosses its own connection's close.
constexpr std::int64_t kLastPoll = 500;

}  // namespace

Links::Links(Context& context, Accounts& accounts, Alarms& alarms, Departures& departures, PollAnswers& pollAnswers,
             Rooms& rooms, SocketWriter& writer, WaitingLine& waiting)
    : Part(context),
      accounts_(accounts),
      alarms_(alarms),
      departures_(departures),
      pollAnswers_(pollAnswers),
      rooms_(rooms),
      writer_(writer),
      waiting_(waiting) {}

Links::~Links() {
  for (const auto& [ref, link] : links_) {
    alarms_.forget(*link);
    if (link->room != nullptr) link->room->members.erase(link->room->members.iterator_to(*link));
  }
}

Link& Links::own(ConnectionTransaction& txn, const Options& options, Instant now) {
  const store::ConnectionRecord& record = txn.record();
  if (Link* stale = linkOf(txn.ref().ref)) letGo(*stale);  // of a connection whose record was freed elsewhere
  auto made = std::make_unique<Link>();
  Link& link = *made;
  link.connection = txn.ref();
  link.options = context_.optionsPool.share(options);
  link.protocol = protocolOf(record);
  link.transport = record.transport;
  link.namespaceConnected = record.namespaceConnected;
  link.recoverable = record.recoverable;
  link.ownBefore = record.ownBefore;
  link.connectBy = record.connectBy;
  links_[link.connection.ref] = std::move(made);
  alarms_.watchFor(link, now);
  if (link.transport == Transport::kPolling) alarms_.syncHeartbeat(link, record);
  return link;
}

Link* Links::linkOf(const store::ConnectionRef& connection) {
  Link* link = linkOf(connection.ref);
  return link != nullptr && link->connection.serial == connection.serial ? link : nullptr;
}

Link* Links::linkOf(store::Ref connection) {
  const auto found = links_.find(connection);
  return found == links_.end() ? nullptr : found->second.get();
}

// The record says where the connection sits; another worker may have changed that.
void Links::syncSeat(Link& link, const store::ConnectionRecord& record) {
  link.namespaceConnected = record.namespaceConnected;
  link.recoverable = record.recoverable;
  link.ownBefore = record.ownBefore;
  if (link.connectBy != record.connectBy) alarms_.awaitConnect(link, record.connectBy);
  if (record.seat.membershipSerial == link.seat.membershipSerial) return;
  rooms_.leaveRoom(link);
  link.seat = record.seat;
  if (link.seat) rooms_.enterRoom(link, record.cursor);
}

// Forgets a link whose connection is not this worker's any more.
void Links::letGo(Link& link) {
  pollAnswers_.endPoll(link, engineio::kNoopPacket);
  if (link.ticket != 0) {
    link.socket->letGo();
  } else if (link.socket != nullptr) {
    link.socket->finish();
  }
  disown(link);
}

// Forgets the link; the record is somebody else's business.
void Links::disown(Link& link) {
  rooms_.leaveRoom(link);
  alarms_.forget(link);
  if (link.channel != nullptr) {
    std::erase(waiting_.pending().waiting, link.channel);
    std::erase(waiting_.pending().resting, link.channel);
    link.channel->link = nullptr;
    link.channel->state = Channel::State::kFinished;
  }
  links_.erase(link.connection.ref);
}

// Removes the connection and everything it had, unless another worker owns it by now.
void Links::dropConnection(Link& link, const Ending& ending) {
  const Instant now = env_.now();
  Leftover leftover;
  {
    ConnectionTransaction txn(zone_, link.connection.shard);
    if (txn.open(link.connection) && txn.record().owner == id_) {
      leftover = departures_.endConnection(txn, now, link.departure, ending, &link);
    }
  }
  departures_.chargeForLog(leftover, link, now);
  disown(link);
  departures_.keepForRecovery(leftover, now);
}

// The client has said so, in a POST: the poll that waits is ended. One may be on its way, which is then ended as well.
void Links::closedByClient(Link& link) {
  if (link.waiting == Link::Waiting::kForLastPoll) return;
  if (link.poll != nullptr) {
    pollAnswers_.endPoll(link, engineio::kNoopPacket);
    return dropConnection(link, {EndReason::kClientDisconnect});
  }
  const Instant now = env_.now();
  Leftover leftover;
  {
    ConnectionTransaction txn(zone_, link.connection.shard);
    if (!txn.open(link.connection)) return;
    leftover = departures_.vacate(txn, now);
    txn.endRecovery();
    txn.commit();
  }
  departures_.chargeForLog(leftover, link, now);
  rooms_.leaveRoom(link);
  departures_.keepForRecovery(leftover, now);
  link.waiting = Link::Waiting::kForLastPoll;
  link.connectBy = 0;
  alarms_.setDeadline(link, now.mono + kLastPoll);
}

void Links::closeLink(Link& link, const Ending& ending) {
  if (link.socket != nullptr) {
    std::string frame;
    appendCloseFrame(frame, ending);
    link.corked = false;
    writer_.sendRaw(link, frame);
    link.socket->finish();
  }
  pollAnswers_.endPoll(link, engineio::kClosePacket);
  dropConnection(link, ending);
}

// This process ends, and others do not: the client is to come back to one of them.
void Links::sendToOthers(Link& link) {
  link.departure = Departure::kSentAway;
  closeLink(link, {accounts_.departureReason(), CloseCode::kGoingAway});
}

void Links::endDoomed() {
  const std::vector<store::ConnectionRef> doomed = std::exchange(context_.doomed, {});
  for (const store::ConnectionRef& connection : doomed) {
    if (Link* link = linkOf(connection)) closeLink(*link, {EndReason::kTooSlow, CloseCode::kGoingAway});
  }
}

}  // namespace mediasync::server
