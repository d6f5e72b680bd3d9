#include "core/connection/sockets.h"

#include <algorithm>
#include <utility>

#include "core/base/prefetch.h"
#include "core/connection/account.h"
#include "core/connection/alarms.h"
#include "core/connection/applications.h"
#include "core/connection/handshakes.h"
#include "core/connection/heartbeat.h"
#include "core/connection/input_time.h"
#include "core/connection/links.h"
#include "core/connection/mailboxes.h"
#include "core/connection/waiting_line.h"
#include "core/connection/work.h"
#include "core/delivery/poll_answers.h"
#include "core/delivery/rooms.h"
#include "core/delivery/socket_writer.h"
#include "core/engineio/packet.h"
#include "core/engineio/payload_v3.h"
#include "core/sessions/eviction.h"
#include "core/store/session_access.h"
#include "core/websocket/frame.h"

namespace mediasync::server {

using store::ConnectionTransaction;
using store::EndReason;
using store::Transport;
using websocket::CloseCode;

namespace {

// Replies that the peer does not read: beyond this, its input is left alone until it does.
constexpr std::size_t kMaxUnreadReplies = 64 * 1024;

}  // namespace

Sockets::Sockets(Context& context, Accounts& accounts, Alarms& alarms, Eviction& eviction, Handshakes& handshakes,
                 Heartbeat& heartbeat, Links& links, Mailboxes& mailboxes, PollAnswers& pollAnswers, Rooms& rooms,
                 SocketWriter& writer, WaitingLine& waiting, Applications& applications)
    : Part(context),
      accounts_(accounts),
      alarms_(alarms),
      eviction_(eviction),
      handshakes_(handshakes),
      heartbeat_(heartbeat),
      links_(links),
      mailboxes_(mailboxes),
      pollAnswers_(pollAnswers),
      rooms_(rooms),
      writer_(writer),
      waiting_(waiting),
      applications_(applications) {}

std::variant<std::unique_ptr<Channel>, NoSpace> Sockets::openChannel(WebSocket& socket, const Options& options,
                                                                     const Agreement& agreement,
                                                                     const Newcomer& newcomer) {
  if (const auto full = handshakes_.checkRoom(options)) return *full;
  const Instant now = env_.now();
  Link* link = nullptr;
  store::RandomId sid = context_.randomId();
  auto channel = std::make_unique<Channel>(socket, context_.optionsPool.share(options), agreement);
  try {
    eviction_.withRoom(now, [&] {
      ConnectionTransaction txn(zone_, sid);
      handshakes_.create(txn, sid, Transport::kWebSocket, options, agreement.protocol, newcomer, now);
      link = &links_.own(txn, options, now);
      txn.commit();
    });
  } catch (const store::OutOfSpace&) {
    return handshakes_.turnAway(kMemoryFull);
  }
  channel->state = Channel::State::kOpen;
  channel->link = link;
  link->socket = &socket;
  link->channel = channel.get();
  link->compression = agreement.compression.value_or(Compression{});
  std::string open;
  engineio::appendOpenPacket(open, store::idText(sid), false, options.engine);
  writer_.send(*link, open);
  ++counters().handshakes;
  applications_.opened(*channel);
  return channel;
}

std::variant<std::unique_ptr<Channel>, engineio::Error> Sockets::probeChannel(const store::RandomId& sid,
                                                                              WebSocket& socket, const Options& options,
                                                                              const Agreement& agreement) {
  const Instant now = env_.now();
  ConnectionTransaction txn(zone_, sid);
  if (!handshakes_.findConnection(txn, sid, options)) {
    ++counters().unknownSids;
    return engineio::Error::kUnknownSid;
  }
  const store::ConnectionRecord& record = txn.record();
  auto channel = std::make_unique<Channel>(socket, context_.optionsPool.share(options), agreement);
  if (record.transport != Transport::kPolling || record.probingUntil > now.mono) {
    channel->state = Channel::State::kOpen;  // a second one: it is opened, as clients expect, and closed at once
    failChannel(*channel, {EndReason::kProtocolError});
    return channel;
  }
  txn.beginProbe(id_, now.mono + kUpgradeTimeout);
  channel->agreement.protocol = protocolOf(record);
  channel->sid = sid;
  channel->since = now.mono;
  waiting_.pending().probing.push_back(channel.get());
  txn.commit();
  return channel;
}

void Sockets::expectInput(const Channel& channel) {
  prefetch(&channel);
}

void Sockets::received(Channel& channel, std::span<std::uint8_t> bytes) {
  prefetch(channel.link);
  if (channel.link != nullptr) channel.link->traffic.bytesIn += bytes.size();
  if (!channel.input.empty() || channel.deferred) {
    keepInput(channel, bytes);
    return;
  }
  const InputTime time(context_.inputAt, env_.wallMicroseconds());
  process(channel, bytes);
}

// The rest is worked off later: when a command that waits is done, or the peer has read its replies.
void Sockets::keepInput(Channel& channel, std::span<const std::uint8_t> bytes) {
  channel.input.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  // A pong may be among what is kept: the peer is alive.
  Link* link = channel.link;
  if (link != nullptr && link->waiting == Link::Waiting::kForPong) {
    alarms_.setDeadline(*link, std::max(link->heartbeatAt, env_.now().mono + link->options->engine.pingTimeout));
  }
  channel.socket.pause(true);
}

void Sockets::process(Channel& channel, std::span<std::uint8_t> bytes) {
  const std::int64_t began = context_.inputAt != 0 ? context_.inputAt : env_.wallMicroseconds();
  const CommandTimer timer(context_, began);
  if (channel.link != nullptr) channel.link->corked = true;
  Turn turn(env_, channel.options->rates.input, began,
            channel.link != nullptr ? channel.link->pendingCost : channel.probeCost);
  const auto bucket = [&]() -> TokenBucket& {
    return channel.link != nullptr ? channel.link->allowance.input : channel.probeInput;
  };
  while (channel.state != Channel::State::kFinished) {
    Link* link = channel.link;
    const bool unread = link != nullptr && link->full && link->out.size() > kMaxUnreadReplies;
    if (channel.deferred || (unread && !bytes.empty())) {
      keepInput(channel, bytes);
      break;
    }
    if (const auto wait = bytes.empty() ? std::nullopt : turn.rest(bucket())) {
      keepInput(channel, bytes);
      rest(channel, *wait);
      break;
    }
    websocket::Message message;
    const std::size_t left = bytes.size();
    const auto result = channel.decoder.next(bytes, message);
    turn.addBytes(left - bytes.size());
    if (result == websocket::Decoder::Result::kNeedMore) break;
    turn.add(0);
    if (result == websocket::Decoder::Result::kError) {
      failChannel(channel, endingOf(channel.decoder.error()));
    } else if (message.compressed && !inflate(channel, message, turn)) {
      continue;
    } else if (message.payload.size() > channel.options->engine.maxPayload) {
      failChannel(channel, endingOf(CloseCode::kMessageTooBig));
    } else if (!handleMessage(channel, message)) {
      failChannel(channel, {EndReason::kProtocolError});
    }
  }
  if (channel.link != nullptr) writer_.uncork(*channel.link);
}

// The input that was kept goes on then. What the client answers to a ping is behind it: that takes nothing from its
// time.
void Sockets::rest(Channel& channel, std::int64_t ms) {
  channel.restsUntil = std::max<std::int64_t>(env_.now().mono + ms, 1);
  waiting_.pending().resting.push_back(&channel);
  Link* link = channel.link;
  if (link == nullptr || link->waiting != Link::Waiting::kForPong) return;
  alarms_.setDeadline(*link, std::max(link->heartbeatAt, channel.restsUntil + link->options->engine.pingTimeout));
}

// A few at a time, those first that have rested for longest: each takes a turn, and there are other things to do.
void Sockets::endRests(std::int64_t now) {
  constexpr std::size_t kAtOnce = 4;
  std::vector<Channel*> due;
  std::erase_if(waiting_.pending().resting, [&](Channel* channel) {
    if (channel->restsUntil > now || due.size() == kAtOnce) return false;
    due.push_back(channel);
    return true;
  });
  for (Channel* channel : due)
    channel->restsUntil = 0;
  for (Channel* channel : due)
    resumeInput(*channel);
}

// False: the connection is to be closed.
bool Sockets::handleMessage(Channel& channel, const websocket::Message& message) {
  using websocket::Opcode;
  switch (message.opcode) {
    case Opcode::kPing: {
      std::string pong;
      websocket::appendFrame(pong, Opcode::kPong, message.payload);
      if (channel.link != nullptr) {
        writer_.sendRaw(*channel.link, pong);
      } else {
        channel.socket.write(pong);
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
  if (channel.link != nullptr) ++channel.link->traffic.messagesIn;
  if (channel.state == Channel::State::kProbing) return isText && handleProbe(channel, message.payload);
  std::string binary;
  const bool isOld = channel.agreement.protocol.revision == engineio::Revision::kV3;
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
bool Sockets::inflate(Channel& channel, websocket::Message& message, Turn& turn) {
  using Result = websocket::Inflater::Result;
  std::string& inflated = context_.compressor.inflated();
  const Result result =
      context_.compressor.inflater().inflate(message.payload, channel.options->engine.maxPayload, inflated);
  turn.add(inflated.size());
  const bool isBadText = message.opcode == websocket::Opcode::kText && !isValidUtf8(inflated);
  if (result == Result::kDone && !isBadText) {
    message.payload = inflated;
    return true;
  }
  failChannel(channel, endingOf(result == Result::kTooBig ? CloseCode::kMessageTooBig : CloseCode::kInvalidPayload));
  return false;
}

// Engine.IO's upgrade: a probe is answered, and a packet "upgrade" makes this WebSocket the transport.
bool Sockets::handleProbe(Channel& channel, std::string_view text) {
  if (text == engineio::kUpgradePacket) return channel.probed && completeUpgrade(channel);
  if (text != engineio::kProbePacket) return false;
  {
    ConnectionTransaction txn(zone_, channel.sid);
    if (!txn.find(channel.sid) || txn.record().transport != Transport::kPolling) return false;
    txn.answerProbe(channel.since + kUpgradeTimeout);
    txn.commit(wake_);  // a poll that waits is ended, so that the client can go on
  }
  channel.probed = true;
  std::string pong;
  websocket::appendFrame(pong, websocket::Opcode::kText, engineio::kProbeAnswer);
  channel.socket.write(pong);
  return true;
}

bool Sockets::completeUpgrade(Channel& channel) {
  if (context_.stopped) return false;
  const Instant now = env_.now();
  std::vector<store::WaitingItem> items;
  std::unique_ptr<std::vector<store::WaitingItem>> parts;
  Link* link = nullptr;
  bool awaitsSnapshot = false;
  {
    ConnectionTransaction txn(zone_, channel.sid);
    if (!txn.find(channel.sid) || txn.record().closing != store::Closing::kNo || txn.record().overrun) return false;
    const store::ConnectionRecord& record = txn.record();
    if (record.transport != Transport::kPolling) return false;
    awaitsSnapshot = record.awaitingSnapshot;
    txn.becomeWebSocket(id_);
    items = txn.takeItems();
    if (record.parts.first != 0) parts = std::make_unique<std::vector<store::WaitingItem>>(txn.takeParts());
    txn.commit(wake_);
    link = links_.linkOf(txn.ref());
    if (link == nullptr) link = &links_.own(txn, *channel.options, now);
    link->transport = Transport::kWebSocket;
    link->binaryLeft = record.binaryLeft;
    link->maxBinary = ConnectionTransaction::kMaxItemBytes;
    link->parts = std::move(parts);
    link->allowance = Allowance::unpacked(record.allowance, now.mono);
    links_.syncSeat(*link, record);
    link->hasRead = true;                                // it has polled
    if (link->isBehind()) link->behindSince = now.mono;  // of this socket nothing is known yet
    link->cursor = record.cursor;                        // another worker may have served polls since this one did
  }
  std::erase(waiting_.pending().probing, &channel);
  channel.state = Channel::State::kOpen;
  channel.link = link;
  link->channel = &channel;
  link->socket = &channel.socket;
  link->options = channel.options;
  link->compression = channel.agreement.compression.value_or(Compression{});
  link->corked = true;
  pollAnswers_.endPoll(*link, engineio::kNoopPacket);
  alarms_.watchFor(*link, now);
  link->awaitsSnapshot = awaitsSnapshot;
  mailboxes_.sendFirst(*link, items);
  if (channel.link != nullptr && !awaitsSnapshot) sendMissed(*link);
  if (channel.link != nullptr) mailboxes_.sendItems(*link, items);
  if (channel.link != nullptr && awaitsSnapshot) sendMissed(*link);
  ++counters().upgrades;
  return true;
}

// The events since its last poll.
void Sockets::sendMissed(Link& link) {
  if (link.room == nullptr) return;
  if (link.cursor < link.room->pulled) rooms_.fallBehind(link);
  Room& room = *link.room;
  rooms_.catchUp(link);
  if (link.room == &room) rooms_.deliver(room);
}

bool Sockets::handlePacket(Channel& channel, const engineio::Packet& packet) {
  Link& link = *channel.link;
  prefetchSeat(link);
  if (packet.type == engineio::PacketType::kClose) {
    failChannel(channel, {EndReason::kClientDisconnect});
    return true;
  }
  if (packet.type != engineio::PacketType::kMessage) return heartbeat_.handleHeartbeat(link, packet);
  const Handled handled = applications_.received(channel, packet);
  if (handled == Handled::kDeferred) {
    waiting_.noteWaiting(channel.deferred.get());
    waiting_.pending().waiting.push_back(&channel);
  }
  if (handled == Handled::kFlood) failChannel(channel, endingOf(handled));
  return handled != Handled::kClose;
}

// The subject of a command.
void Sockets::prefetchSeat(const Link& link) const {
  if (link.seat) store::prefetchSeat(zone_, link.seat);
}

// Closes the WebSocket from this side, with a close frame.
void Sockets::failChannel(Channel& channel, const Ending& ending) {
  if (channel.state == Channel::State::kFinished) return;
  if (channel.link != nullptr) {
    links_.closeLink(*channel.link, ending);
  } else {
    std::string frame;
    appendCloseFrame(frame, ending);
    channel.socket.write(frame);
    channel.socket.finish();
  }
  forget(channel);
}

// Takes the channel off every list; a polling connection that it was to upgrade goes on without it.
void Sockets::forget(Channel& channel) {
  std::erase(waiting_.pending().probing, &channel);
  std::erase(waiting_.pending().waiting, &channel);
  std::erase(waiting_.pending().resting, &channel);
  channel.deferred.reset();
  const bool abandonsUpgrade = channel.state == Channel::State::kProbing;
  channel.state = Channel::State::kFinished;
  if (!abandonsUpgrade) return;
  ConnectionTransaction txn(zone_, channel.sid);
  if (!txn.find(channel.sid) || txn.record().probingUntil == 0) return;
  txn.endProbe();
  txn.commit();
}

void Sockets::writable(Channel& channel) {
  Link* link = channel.link;
  if (link == nullptr || link->ticket != 0) return;
  link->full = false;
  if (!link->out.empty()) writer_.sendRaw(*link, {});
  if (link->full) return;
  rooms_.catchUp(*link);
  if (channel.link != nullptr && link->itemsLeft) mailboxes_.fetchItems(*link);
  if (channel.link == nullptr || channel.deferred || channel.input.empty() || channel.restsUntil != 0) return;
  resumeInput(channel);
}

// Works off input that was kept, and lets more come. What fails ends this channel: its callers have others to see to.
void Sockets::resumeInput(Channel& channel) {
  std::string input = std::exchange(channel.input, {});
  try {
    process(channel, {reinterpret_cast<std::uint8_t*>(input.data()), input.size()});
  } catch (...) {
    context_.logFailure();
    failChannel(channel, {EndReason::kInternalError, CloseCode::kInternalError});
  }
  if (channel.state != Channel::State::kFinished && channel.input.empty() && !channel.deferred) {
    channel.socket.pause(false);
  }
}

void Sockets::gone(Channel& channel, EndReason reason) {
  if (channel.link != nullptr) {
    Link& link = *channel.link;
    link.socket = nullptr;
    links_.dropConnection(link, {reason, CloseCode::kAbnormal});
  }
  forget(channel);
}

void Sockets::goAway(Channel& channel) {
  if (channel.link != nullptr) channel.link->departure = Departure::kSentAway;
  failChannel(channel, {accounts_.departureReason(), CloseCode::kGoingAway});
}

}  // namespace mediasync::server
