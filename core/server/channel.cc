// WebSockets: input, the probe and the upgrade of a polling connection, the end.
#include <algorithm>
#include <utility>

#include "core/base/prefetch.h"
#include "core/engineio/packet.h"
#include "core/server/caller.h"
#include "core/server/eviction.h"
#include "core/server/work.h"
#include "core/server/worker.h"
#include "core/websocket/frame.h"

namespace mediasync::server {

using store::ConnectionTransaction;
using store::EndReason;
using store::SessionTransaction;
using store::Transport;
using websocket::CloseCode;

namespace {

// Replies that the peer does not read: beyond this, its input is left alone until it does.
constexpr std::size_t kMaxUnreadReplies = 64 * 1024;

}  // namespace

std::variant<std::unique_ptr<Channel>, NoSpace> Worker::openChannel(WebSocket& socket, const Options& options,
                                                                    const Agreement& agreement,
                                                                    const Newcomer& newcomer) {
  if (const auto full = checkRoom(options)) return *full;
  const Instant now = env_.now();
  Link* link = nullptr;
  store::RandomId sid = randomId();
  auto channel = std::make_unique<Channel>(socket, optionsPool_.share(options), agreement);
  try {
    withRoom(now, [&] {
      ConnectionTransaction txn(zone_, sid);
      create(txn, sid, Transport::kWebSocket, options, agreement.protocol, newcomer, now);
      link = &own(txn, options, now);
      txn.commit();
    });
  } catch (const store::OutOfSpace&) {
    return turnAway(kMemoryFull);
  }
  channel->state_ = Channel::State::kOpen;
  channel->link_ = link;
  link->socket = &socket;
  link->channel = channel.get();
  link->compression = agreement.compression.value_or(Compression{});
  std::string open;
  engineio::appendOpenPacket(open, store::idText(sid), false, options.engine);
  send(*link, open);
  ++counters().handshakes;
  Caller caller{link->connection, *channel->options_, agreement.protocol, link->allowance, link};
  engineApplication(options.application).opened(*this, caller);
  return channel;
}

std::variant<std::unique_ptr<Channel>, engineio::Error> Worker::probeChannel(const store::RandomId& sid,
                                                                             WebSocket& socket, const Options& options,
                                                                             const Agreement& agreement) {
  const Instant now = env_.now();
  ConnectionTransaction txn(zone_, sid);
  if (!findConnection(txn, sid, options)) {
    ++counters().unknownSids;
    return engineio::Error::kUnknownSid;
  }
  const store::ConnectionRecord& record = txn.record();
  auto channel = std::make_unique<Channel>(socket, optionsPool_.share(options), agreement);
  if (record.transport != Transport::kPolling || record.probingUntil > now.mono) {
    channel->state_ = Channel::State::kOpen;  // a second one: it is opened, as clients expect, and closed at once
    failChannel(*channel, {EndReason::kProtocolError});
    return channel;
  }
  txn.edit(record.probingUntil) = now.mono + kUpgradeTimeout;
  txn.edit(record.prober) = id_;
  channel->agreement_.protocol = protocolOf(record);
  channel->sid_ = sid;
  channel->since_ = now.mono;
  probing_.push_back(channel.get());
  txn.commit();
  return channel;
}

void Worker::expectInput(const Channel& channel) {
  prefetch(&channel);
}

void Worker::received(Channel& channel, std::span<std::uint8_t> bytes) {
  prefetch(channel.link_);
  if (channel.link_ != nullptr) channel.link_->traffic.bytesIn += bytes.size();
  if (!channel.input_.empty() || channel.deferred_) {
    keepInput(channel, bytes);
    return;
  }
  const InputTime time(inputAt_, env_.wallMicroseconds());
  process(channel, bytes);
}

// The rest is worked off later: when a command that waits is done, or the peer has read its replies.
void Worker::keepInput(Channel& channel, std::span<const std::uint8_t> bytes) {
  channel.input_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  // A pong may be among what is kept: the peer is alive.
  Link* link = channel.link_;
  if (link != nullptr && link->waiting == Link::Waiting::kForPong) {
    setDeadline(*link, std::max(link->heartbeatAt, env_.now().mono + link->options->engine.pingTimeout));
  }
  channel.socket_.pause(true);
}

void Worker::process(Channel& channel, std::span<std::uint8_t> bytes) {
  const std::int64_t began = inputAt_ != 0 ? inputAt_ : env_.wallMicroseconds();
  const CommandTimer timer(*this, began);
  if (channel.link_ != nullptr) channel.link_->corked = true;
  Turn turn(env_, channel.options_->rates.input, began,
            channel.link_ != nullptr ? channel.link_->pendingCost : channel.probeCost_);
  const auto bucket = [&]() -> TokenBucket& {
    return channel.link_ != nullptr ? channel.link_->allowance.input : channel.probeInput_;
  };
  while (channel.state_ != Channel::State::kFinished) {
    Link* link = channel.link_;
    const bool unread = link != nullptr && link->full && link->out.size() > kMaxUnreadReplies;
    if (channel.deferred_ || (unread && !bytes.empty())) {
      keepInput(channel, bytes);
      break;
    }
    if (const auto wait = bytes.empty() ? std::nullopt : turn.rest(bucket())) {
      keepInput(channel, bytes);
      restFor(channel, *wait);
      break;
    }
    websocket::Message message;
    const std::size_t left = bytes.size();
    const auto result = channel.decoder_.next(bytes, message);
    turn.addBytes(left - bytes.size());
    if (result == websocket::Decoder::Result::kNeedMore) break;
    turn.add(0);
    if (result == websocket::Decoder::Result::kError) {
      failChannel(channel, endingOf(channel.decoder_.error()));
    } else if (message.compressed && !inflate(channel, message, turn)) {
      continue;
    } else if (message.payload.size() > channel.options_->engine.maxPayload) {
      failChannel(channel, endingOf(CloseCode::kMessageTooBig));
    } else if (!handleMessage(channel, message)) {
      failChannel(channel, {EndReason::kProtocolError});
    }
  }
  if (channel.link_ != nullptr) uncork(*channel.link_);
}

// The input that was kept goes on then. What the client answers to a ping is behind it: that takes nothing from its
// time.
void Worker::restFor(Channel& channel, std::int64_t ms) {
  channel.restsUntil_ = std::max<std::int64_t>(env_.now().mono + ms, 1);
  resting_.push_back(&channel);
  Link* link = channel.link_;
  if (link == nullptr || link->waiting != Link::Waiting::kForPong) return;
  setDeadline(*link, std::max(link->heartbeatAt, channel.restsUntil_ + link->options->engine.pingTimeout));
}

// A few at a time, those first that have rested for longest: each takes a turn, and there are other things to do.
void Worker::endRests(std::int64_t now) {
  constexpr std::size_t kAtOnce = 4;
  std::vector<Channel*> due;
  std::erase_if(resting_, [&](Channel* channel) {
    if (channel->restsUntil_ > now || due.size() == kAtOnce) return false;
    due.push_back(channel);
    return true;
  });
  for (Channel* channel : due)
    channel->restsUntil_ = 0;
  for (Channel* channel : due)
    resumeInput(*channel);
}

// False: the connection is to be closed.
bool Worker::handleMessage(Channel& channel, const websocket::Message& message) {
  using websocket::Opcode;
  switch (message.opcode) {
    case Opcode::kPing: {
      std::string pong;
      websocket::appendFrame(pong, Opcode::kPong, message.payload);
      if (channel.link_ != nullptr) {
        sendRaw(*channel.link_, pong);
      } else {
        channel.socket_.write(pong);
      }
      return true;
    }
    case Opcode::kPong:
      return true;
    case Opcode::kClose:
      failChannel(channel, {EndReason::kClientDisconnect, static_cast<CloseCode>(message.closeCode)});
      return true;
    default:
      break;
  }
  const bool isText = message.opcode == Opcode::kText;
  if (channel.link_ != nullptr) ++channel.link_->traffic.messagesIn;
  if (channel.state_ == Channel::State::kProbing) return isText && handleProbe(channel, message.payload);
  std::string binary;
  const bool isOld = channel.agreement_.protocol.revision == engineio::Revision::kV3;
  std::optional<engineio::Packet> packet;
  if (isText) {
    packet = isOld ? engineio::decodeTextV3(message.payload, binary) : engineio::decodeText(message.payload);
  } else if (isOld) {
    packet = engineio::decodeBinaryV3(message.payload);
  } else {
    packet = engineio::Packet{engineio::PacketType::kMessage, message.payload, true};
  }
  return packet && handlePacket(channel, *packet);
}

// In place of what came, what it was before it was compressed. False: that cannot be, and the channel has failed.
bool Worker::inflate(Channel& channel, websocket::Message& message, Turn& turn) {
  using Result = websocket::Inflater::Result;
  std::string& inflated = compressor_.inflated();
  const Result result = compressor_.inflater().inflate(message.payload, channel.options_->engine.maxPayload, inflated);
  turn.add(inflated.size());
  const bool isBadText = message.opcode == websocket::Opcode::kText && !isValidUtf8(inflated);
  if (result == Result::kDone && !isBadText) {
    message.payload = inflated;
    return true;
  }
  failChannel(channel, endingOf(result == Result::kTooBig ? CloseCode::kMessageTooBig : CloseCode::kInvalidPayload));
  return false;
}

// Engine.IO's upgrade: "2probe" is answered with "3probe", and "5" makes this WebSocket the transport.
bool Worker::handleProbe(Channel& channel, std::string_view text) {
  if (text == "5") return channel.probed_ && completeUpgrade(channel);
  if (text != "2probe") return false;
  {
    ConnectionTransaction txn(zone_, channel.sid_);
    if (!txn.find(channel.sid_) || txn.record().transport != Transport::kPolling) return false;
    txn.edit(txn.record().upgradingUntil) = channel.since_ + kUpgradeTimeout;
    txn.commit();
    txn.notifyOwner(wake_);  // a poll that waits is ended, so that the client can go on
  }
  channel.probed_ = true;
  std::string pong;
  websocket::appendFrame(pong, websocket::Opcode::kText, "3probe");
  channel.socket_.write(pong);
  return true;
}

bool Worker::completeUpgrade(Channel& channel) {
  if (stopped_) return false;
  const Instant now = env_.now();
  std::vector<store::WaitingItem> items;
  std::unique_ptr<std::vector<store::WaitingItem>> parts;
  Link* link = nullptr;
  bool awaitsSnapshot = false;
  {
    ConnectionTransaction txn(zone_, channel.sid_);
    if (!txn.find(channel.sid_) || txn.record().closing != store::Closing::kNo || txn.record().overrun) return false;
    const store::ConnectionRecord& record = txn.record();
    if (record.transport != Transport::kPolling) return false;
    const store::WorkerId before = record.owner;
    txn.edit(txn.record().owner) = id_;
    awaitsSnapshot = record.awaitingSnapshot;
    txn.become(Transport::kWebSocket, record.revision);
    txn.endProbe();
    txn.edit(record.pollWaiting) = false;
    txn.endAwaitingSnapshot();
    items = txn.takeItems();
    if (record.parts.first != 0) parts = std::make_unique<std::vector<store::WaitingItem>>(txn.takeParts());
    txn.commit();
    if (before != id_) txn.notify(before.slot, wake_);
    link = linkOf(txn.ref());
    if (link == nullptr) link = &own(txn, *channel.options_, now);
    link->transport = Transport::kWebSocket;
    link->binaryLeft = record.binaryLeft;
    link->maxBinary = ConnectionTransaction::kMaxItemBytes;
    link->parts = std::move(parts);
    link->allowance = Allowance::unpacked(record.allowance, now.mono);
    syncSeat(*link, record);
    link->hasRead = true;                                // it has polled
    if (link->isBehind()) link->behindSince = now.mono;  // of this socket nothing is known yet
    link->cursor = record.cursor;                        // another worker may have served polls since this one did
  }
  std::erase(probing_, &channel);
  channel.state_ = Channel::State::kOpen;
  channel.link_ = link;
  link->channel = &channel;
  link->socket = &channel.socket_;
  link->options = channel.options_;
  link->compression = channel.agreement_.compression.value_or(Compression{});
  link->corked = true;
  endPoll(*link, "6");
  watchFor(*link, now);
  link->awaitsSnapshot = awaitsSnapshot;
  sendFirst(*link, items);
  if (channel.link_ != nullptr && !awaitsSnapshot) sendMissed(*link);
  if (channel.link_ != nullptr) sendItems(*link, items);
  if (channel.link_ != nullptr && awaitsSnapshot) sendMissed(*link);
  ++counters().upgrades;
  return true;
}

// The events since its last poll.
void Worker::sendMissed(Link& link) {
  if (link.room == nullptr) return;
  if (link.cursor < link.room->pulled) fallBehind(link);
  Room& room = *link.room;
  catchUp(link);
  if (link.room == &room) deliver(room);
}

// What waited for the next poll goes over the WebSocket instead: before the events of the session, or after them.
void Worker::sendFirst(Link& link, const std::vector<store::WaitingItem>& items) {
  for (const auto& item : items) {
    if (item.kind == store::ItemKind::kRecovered) send(link, item.text);
  }
}

void Worker::sendItems(Link& link, const std::vector<store::WaitingItem>& items) {
  for (const auto& item : items) {
    if (item.kind == store::ItemKind::kPacket) send(link, item.text);
    if (item.kind == store::ItemKind::kBinary) sendBinary(link, item.text);
    if (store::isSnapshot(item.kind)) sendSnapshot(link, item.kind);
  }
}

bool Worker::handlePacket(Channel& channel, const engineio::Packet& packet) {
  Link& link = *channel.link_;
  prefetchSeat(link);
  if (packet.type == engineio::PacketType::kClose) {
    failChannel(channel, {EndReason::kClientDisconnect});
    return true;
  }
  if (packet.type != engineio::PacketType::kMessage) return handleHeartbeat(link, packet);
  Caller caller{link.connection, *channel.options_, link.protocol, link.allowance, &link};
  const Handled handled =
      engineApplication(channel.options_->application).received(*this, caller, packet, channel.deferred_);
  if (handled == Handled::kDeferred) {
    noteWaiting(channel.deferred_.get());
    waitingChannels_.push_back(&channel);
  }
  if (handled == Handled::kFlood) failChannel(channel, endingOf(handled));
  return handled != Handled::kClose;
}

// What a command is about.
void Worker::prefetchSeat(const Link& link) const {
  if (!link.seat) return;
  prefetch(zone_.arena().at<store::Membership>(link.seat.membership));
  prefetch(zone_.arena().at<store::UserRecord>(link.seat.user));
  prefetch(zone_.arena().at<store::SessionRecord>(link.seat.session));
}

// Pings come from the server in revision 4, and from the client in revision 3. False for one in the wrong direction.
bool Worker::handleHeartbeat(Link& link, const engineio::Packet& packet) {
  const bool clientPings = link.protocol.revision == engineio::Revision::kV3;
  const engineio::Settings& engine = link.options->engine;
  switch (packet.type) {
    case engineio::PacketType::kPing:
      if (!clientPings || isBinaryStalled(link)) return false;
      setDeadline(link, env_.now().mono + engine.pingInterval + engine.pingTimeout);
      send(link, "3" + std::string(packet.data));
      return true;
    case engineio::PacketType::kPong:
      if (clientPings || isBinaryStalled(link)) return false;
      if (link.waiting == Link::Waiting::kForPong) {
        const std::int64_t now = env_.now().mono;
        counters().roundTrip.observe((now - link.pingSent - link.pingLate) * 1000);
        link.waiting = Link::Waiting::kForPing;
        setDeadline(link, now + engine.pingInterval);
      }
      return true;
    default:
      return true;
  }
}

// Closes the WebSocket from this side, with a close frame.
void Worker::failChannel(Channel& channel, const Ending& ending) {
  if (channel.state_ == Channel::State::kFinished) return;
  if (channel.link_ != nullptr) {
    closeLink(*channel.link_, ending);
  } else {
    std::string frame;
    appendCloseFrame(frame, ending);
    channel.socket_.write(frame);
    channel.socket_.finish();
  }
  forget(channel);
}

// Takes the channel off every list; a polling connection that it was to upgrade goes on without it.
void Worker::forget(Channel& channel) {
  std::erase(probing_, &channel);
  std::erase(waitingChannels_, &channel);
  std::erase(resting_, &channel);
  channel.deferred_.reset();
  const bool abandonsUpgrade = channel.state_ == Channel::State::kProbing;
  channel.state_ = Channel::State::kFinished;
  if (!abandonsUpgrade) return;
  ConnectionTransaction txn(zone_, channel.sid_);
  if (!txn.find(channel.sid_) || txn.record().probingUntil == 0) return;
  txn.endProbe();
  txn.commit();
}

void Worker::writable(Channel& channel) {
  Link* link = channel.link_;
  if (link == nullptr || link->ticket != 0) return;
  link->full = false;
  if (!link->out.empty()) sendRaw(*link, {});
  if (link->full) return;
  catchUp(*link);
  if (channel.link_ != nullptr && link->itemsLeft) fetchItems(*link);
  if (channel.link_ == nullptr || channel.deferred_ || channel.input_.empty() || channel.restsUntil_ != 0) return;
  resumeInput(channel);
}

// What was left in the record while the socket took nothing.
void Worker::fetchItems(Link& link) {
  std::vector<store::WaitingItem> items;
  {
    ConnectionTransaction txn(zone_, link.connection.shard);
    if (!txn.open(link.connection) || txn.record().owner != id_) return;
    items = takeNews(link, txn);
  }
  sendFirst(link, items);
  sendItems(link, items);
}

// Works off input that was kept, and lets more come. What fails ends this channel: its callers have others to see to.
void Worker::resumeInput(Channel& channel) {
  std::string input = std::exchange(channel.input_, {});
  try {
    process(channel, {reinterpret_cast<std::uint8_t*>(input.data()), input.size()});
  } catch (...) {
    logFailure();
    failChannel(channel, {EndReason::kInternalError, CloseCode::kInternalError});
  }
  if (channel.state_ != Channel::State::kFinished && channel.input_.empty() && !channel.deferred_) {
    channel.socket_.pause(false);
  }
}

void Worker::gone(Channel& channel, EndReason reason) {
  if (channel.link_ != nullptr) {
    Link& link = *channel.link_;
    link.socket = nullptr;
    dropConnection(link, {reason, CloseCode::kAbnormal});
  }
  forget(channel);
}

void Worker::goAway(Channel& channel) {
  if (channel.link_ != nullptr) channel.link_->departure = Departure::kSentAway;
  failChannel(channel, {departureReason(), CloseCode::kGoingAway});
}

}  // namespace mediasync::server
