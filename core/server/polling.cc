// Engine.IO over HTTP: the handshake, the polls and the posts of a connection, each on whichever worker it arrives.
#include <algorithm>
#include <utility>

#include "core/engineio/payload_writer.h"
#include "core/server/caller.h"
#include "core/server/eviction.h"
#include "core/server/work.h"
#include "core/server/worker.h"

namespace mediasync::server {

using engineio::Error;
using store::ConnectionTransaction;
using store::EndReason;
using store::Transport;

namespace {

// How late a ping of ours may be before a client is blamed.
constexpr std::int64_t kPingSlack = 1'000;

void noteTimes(ConnectionTransaction& txn, const Options& options) {
  txn.edit(txn.record().pingInterval) = static_cast<std::uint32_t>(options.engine.pingInterval);
  txn.edit(txn.record().pingTimeout) = static_cast<std::uint32_t>(options.engine.pingTimeout);
  txn.edit(txn.record().lastPing) = txn.record().lastHeard;
  txn.edit(txn.record().timestampUnit) = static_cast<std::uint8_t>(options.timestamps);
}

}  // namespace

std::variant<Worker::Opened, NoSpace> Worker::open(const Options& options, engineio::Protocol protocol,
                                                   const Newcomer& newcomer) {
  if (const auto full = checkRoom(options)) return *full;
  const Instant now = env_.now();
  const store::RandomId sid = randomId();
  Link* link = nullptr;
  try {
    withRoom(now, [&] {
      ConnectionTransaction txn(zone_, sid);
      create(txn, sid, Transport::kPolling, options, protocol, newcomer, now);
      link = &own(txn, options, now);
      txn.commit();
    });
  } catch (const store::OutOfSpace&) {
    return turnAway(kMemoryFull);
  }
  ++counters().handshakes;
  Opened opened{store::idText(sid), {}};
  std::string packet;
  engineio::appendOpenPacket(packet, opened.sid, true, options.engine);
  opened.payload = engineio::payloadOf(protocol, packet);
  link->traffic.sent(opened.payload.bytes.size(), 1);
  Allowance allowance;
  Caller caller{link->connection, options, protocol, allowance};
  engineApplication(options.application).opened(*this, caller);
  return opened;
}

NoSpace Worker::turnAway(NoSpace why) {
  counters().turnedAway.add(why.why);
  if (why.why == store::HandshakeRefusal::kMemory) noteFull();
  return why;
}

std::optional<NoSpace> Worker::checkRoom(const Options& options) {
  if (options.maxConnections == 0 || zone_.connectionCount() < options.maxConnections) return std::nullopt;
  return turnAway(kConnectionsFull);
}

void Worker::create(ConnectionTransaction& txn, const store::RandomId& sid, Transport transport, const Options& options,
                    engineio::Protocol protocol, const Newcomer& newcomer, Instant now) {
  txn.create(sid, id_, transport, now);
  txn.become(transport, static_cast<std::uint8_t>(protocol.revision));
  txn.edit(txn.record().base64) = protocol.base64;
  txn.edit(txn.record().realm) = realmOf(options);
  if (options.asksSecret) {  // without one it has one that nobody knows
    const bool isUnknown = newcomer.secret.empty();
    txn.edit(txn.record().secret) = zone_.hashOfSecret(isUnknown ? store::idText(randomId()) : newcomer.secret);
  }
  txn.edit(txn.record().client) = zone_.clientOf(newcomer.network);
  noteTimes(txn, options);
  txn.edit(txn.record().allowance) = Allowance().packed(now.mono);
  beginConnectTime(txn, options);
  if (options.log != 0) txn.openAccount(options.log, newcomer.address, now);
}

store::Realm Worker::realmOf(const Options& options) const {
  // The lowest bit tells a hash from nobody.
  return {options.user ? zone_.hash(*options.user) | 1 : 0, static_cast<std::uint8_t>(options.application),
          options.asksSecret};
}

// Whether there is such a connection at this location, for this client; makes it the current one. One whose time is
// over is ended even though the timer that would do so has not fired yet.
bool Worker::findConnection(ConnectionTransaction& txn, const store::RandomId& sid, const Options& options) {
  if (!txn.find(sid) || txn.record().closing != store::Closing::kNo) return false;
  const store::ConnectionRecord& record = txn.record();
  if (record.realm != realmOf(options)) return false;
  const std::int64_t now = env_.now().mono;
  const bool isIdle = record.connectBy != 0 && now >= record.connectBy && !txn.isConnectedSomewhere();
  if (record.transport != Transport::kPolling || (!isIdle && !isOverdue(record, now))) return true;
  markClosing(txn, store::Closing::kByServer, isIdle ? EndReason::kConnectTimeout : EndReason::kPingTimeout);
  txn.commit();
  txn.notifyOwner(wake_);
  return false;
}

bool Worker::isOverdue(const store::ConnectionRecord& record, std::int64_t now) {
  const std::int64_t timeout = record.pingTimeout;
  if (record.revision == static_cast<std::uint8_t>(engineio::Revision::kV3)) {
    return now >= record.lastHeard + record.pingInterval + timeout;
  }
  if (record.lastPing > record.lastHeard) return now >= record.lastPing + timeout;
  return now >= record.lastHeard + record.pingInterval + timeout + kPingSlack;
}

Worker::PollResult Worker::poll(const store::RandomId& sid, Poll& poll, const Options& options) {
  Link* link = nullptr;
  {
    ConnectionTransaction txn(zone_, sid);
    if (!findConnection(txn, sid, options)) return lastPoll(txn, options);
    const store::ConnectionRecord& record = txn.record();
    if (record.transport != Transport::kPolling) return {PollOutcome::kRefused, {}, Error::kBadRequest};
    const store::WorkerId before = record.owner;
    if (record.pollWaiting) {  // two polls at a time: the protocol allows one, and ends the connection
      markClosing(txn, store::Closing::kByServer, EndReason::kProtocolError);
      txn.commit();
      txn.notifyOwner(wake_);
      return {PollOutcome::kRefused, {}, Error::kBadRequest};
    }
    txn.edit(txn.record().owner) = id_;
    txn.edit(record.pollWaiting) = true;
    if (txn.account() != nullptr && txn.account()->location != options.log) {
      txn.edit(txn.account()->location) = options.log;  // another configuration has come
    }
    txn.commit();
    if (before != id_) txn.notify(before.slot, wake_);
    link = linkOf(txn.ref());
    if (link == nullptr) {
      link = &own(txn, options, env_.now());
    } else if (before != id_) {
      syncHeartbeat(*link, record);
    }
    syncSeat(*link, record);
  }
  if (*link->options != options) link->options = optionsPool_.share(options);
  link->poll = &poll;
  engineio::Payload payload;
  const Collected collected = collect(*link, payload);
  if (collected == Collected::kNothing) return {PollOutcome::kWaits, {}};
  link->poll = nullptr;
  if (collected == Collected::kLost) doom(*link);
  return {PollOutcome::kAnswered, std::move(payload)};
}

// A poll that crossed the client's own close is ended like one that waited for it; there is no other after it.
Worker::PollResult Worker::lastPoll(ConnectionTransaction& txn, const Options& options) {
  if (txn.isNone() || txn.record().closing != store::Closing::kByClient || txn.record().realm != realmOf(options)) {
    ++counters().unknownSids;
    return {PollOutcome::kRefused, {}, Error::kUnknownSid};
  }
  txn.edit(txn.record().closing) = store::Closing::kByServer;
  txn.commit();
  txn.notifyOwner(wake_);
  return {PollOutcome::kAnswered, engineio::payloadOf(protocolOf(txn.record()), "6")};
}

// The client gave the poll up: to the protocol that is the end of the connection.
void Worker::abandon(const store::RandomId& sid, Poll& poll) {
  Link* link = nullptr;
  {
    ConnectionTransaction txn(zone_, sid);
    if (txn.find(sid)) link = linkOf(txn.ref());
  }
  if (link == nullptr || link->poll != &poll) {
    // The record is gone or belongs to a successor already; the link that holds the poll is still here.
    const auto holder =
        std::find_if(links_.begin(), links_.end(), [&poll](const auto& entry) { return entry.second->poll == &poll; });
    if (holder == links_.end()) return;
    link = holder->second.get();
  }
  link->poll = nullptr;
  dropConnection(*link, {EndReason::kTransportClose});
}

std::optional<Worker::PostResult> Worker::post(PostJob& job) {
  const InputTime time(inputAt_, env_.wallMicroseconds());
  const CommandTimer timer(*this, inputAt_);
  if (const auto error = beginPost(job)) return PostResult{error};
  return runPost(job);
}

std::optional<Error> Worker::beginPost(PostJob& job) {
  ConnectionTransaction txn(zone_, job.sid_);
  if (!findConnection(txn, job.sid_, job.options_)) {
    ++counters().unknownSids;
    return Error::kUnknownSid;
  }
  const store::ConnectionRecord& record = txn.record();
  if (record.transport != Transport::kPolling) return Error::kBadRequest;
  job.connection_ = txn.ref();
  job.protocol_ = protocolOf(record);
  if (job.protocol_.revision == engineio::Revision::kV3) {
    using Framing = engineio::PayloadV3Decoder::Framing;
    job.decoder_.emplace<engineio::PayloadV3Decoder>(job.body_, job.binary_ ? Framing::kBinary : Framing::kText);
  } else {
    job.decoder_.emplace<engineio::PayloadDecoder>(job.body_);
    if (job.binary_) return Error::kBadRequest;  // there is no such content in this revision
  }
  if (record.posting) {  // likewise one POST at a time
    markClosing(txn, store::Closing::kByServer, EndReason::kProtocolError);
    txn.commit();
    txn.notifyOwner(wake_);
    return Error::kBadRequest;
  }
  txn.edit(record.posting) = true;
  txn.edit(record.poster) = id_;
  job.allowance_ = Allowance::unpacked(record.allowance, env_.now().mono);
  txn.addToAccount({job.body_.size(), 0, 0, 0});
  txn.commit();
  return std::nullopt;
}

void Worker::endPost(PostJob& job) {
  ConnectionTransaction txn(zone_, job.connection_.shard);
  if (!txn.open(job.connection_)) return;
  txn.edit(txn.record().posting) = false;
  txn.addToAccount(std::exchange(job.traffic_, {}));
  txn.edit(txn.record().allowance) = job.allowance_.packed(env_.now().mono);
  txn.commit();
}

// nullopt: a command waits for readers to catch up.
std::optional<Worker::PostResult> Worker::runPost(PostJob& job) {
  job.restsUntil_ = 0;
  using Result = engineio::PayloadDecoder::Result;
  Handled handled = Handled::kDone;
  if (auto deferred = std::exchange(job.deferred_, nullptr)) {
    Caller caller{job.connection_, job.options_, job.protocol_, job.allowance_, nullptr, true};
    handled = engineApplication(job.options_.application).resumed(*this, caller, *deferred);
    if (handled == Handled::kDeferred) job.deferred_ = std::move(deferred);
  }
  std::uint32_t pending = 0;
  Turn turn(env_, job.options_.rates.input, env_.wallMicroseconds(), pending);
  while (handled == Handled::kDone) {
    if (isAtEnd(job)) {
      turn.charge(job.allowance_.input, env_.now().mono);
      endPost(job);
      return PostResult{};
    }
    if (isBacklogged(job)) return wait(job);  // answers that nobody collects: the rest waits until somebody does
    if (const auto rest = turn.rest(job.allowance_.input)) return restFor(job, *rest);
    engineio::Packet packet;
    const Result result = nextPacket(job, packet);
    turn.add(packet.data.size());
    if (result == Result::kPacket) ++job.traffic_.messagesIn;
    job.waitingSince_ = 0;
    handled = result == Result::kError ? Handled::kClose : handlePacket(job, packet);
    if (packet.type == engineio::PacketType::kClose && result == Result::kPacket) {
      closeFromAfar(job, store::Closing::kByClient, EndReason::kClientDisconnect);
      return PostResult{};
    }
  }
  turn.charge(job.allowance_.input, env_.now().mono);
  if (handled == Handled::kDeferred) return wait(job);
  closeFromAfar(job, store::Closing::kByServer, endingOf(handled).reason);
  return PostResult{Error::kBadRequest};
}

bool Worker::isAtEnd(const PostJob& job) {
  if (const auto* old = std::get_if<engineio::PayloadV3Decoder>(&job.decoder_)) return old->atEnd();
  return std::get<engineio::PayloadDecoder>(job.decoder_).atEnd();
}

engineio::PayloadDecoder::Result Worker::nextPacket(PostJob& job, engineio::Packet& packet) {
  if (auto* old = std::get_if<engineio::PayloadV3Decoder>(&job.decoder_)) return old->next(packet);
  return std::get<engineio::PayloadDecoder>(job.decoder_).next(packet);
}

// Not for ever: a client that posts and never polls has no right to a request that stays open.
std::optional<Worker::PostResult> Worker::wait(PostJob& job) {
  const std::int64_t now = env_.now().mono;
  const bool asksScripts = job.deferred_ && job.deferred_->question.isOpen();  // which have a time limit of their own
  if (job.waitingSince_ == 0 || (asksScripts && !stopped_)) job.waitingSince_ = now;
  // A process that ends does not wait for scripts: its clients come back to another.
  if (now - job.waitingSince_ > kPostPatience || (asksScripts && stopped_)) {
    closeFromAfar(job, store::Closing::kByServer, asksScripts ? departureReason() : EndReason::kTooSlow);
    return PostResult{Error::kBadRequest};
  }
  noteWaiting(job.deferred_.get());
  waitingJobs_.push_back(&job);
  return std::nullopt;
}

// It goes on then. The client obeys, and cannot say that it is alive as long as this POST is not answered: it is taken
// for it. But not for ever, since its body takes memory: a client with so much to do has it done in pieces.
std::optional<Worker::PostResult> Worker::restFor(PostJob& job, std::int64_t ms) {
  const std::int64_t now = env_.now().mono;
  const engineio::Settings& engine = job.options_.engine;
  if (job.restBy_ == 0) job.restBy_ = now + engine.pingInterval + engine.pingTimeout;
  if (now >= job.restBy_) {
    closeFromAfar(job, store::Closing::kByServer, EndReason::kFlood);
    return PostResult{Error::kBadRequest};
  }
  job.restsUntil_ = std::max<std::int64_t>(now + ms, 1);
  job.waitingSince_ = 0;
  waitingJobs_.push_back(&job);
  ConnectionTransaction txn(zone_, job.connection_.shard);
  if (txn.open(job.connection_) && txn.record().lastHeard < job.restsUntil_) {
    txn.edit(txn.record().lastHeard) = job.restsUntil_;
    txn.commit();
  }
  return std::nullopt;
}

Handled Worker::handlePacket(PostJob& job, const engineio::Packet& packet) {
  Caller caller{job.connection_, job.options_, job.protocol_, job.allowance_};
  const bool clientPings = job.protocol_.revision == engineio::Revision::kV3;
  switch (packet.type) {
    case engineio::PacketType::kMessage:
      return engineApplication(job.options_.application).received(*this, caller, packet, job.deferred_);
    case engineio::PacketType::kPong:
      if (clientPings) return Handled::kClose;
      noteHeard(job);
      return Handled::kDone;
    case engineio::PacketType::kPing:
      if (!clientPings) return Handled::kClose;
      noteHeard(job);
      reply(caller, "3" + std::string(packet.data));
      return Handled::kDone;
    default:
      return Handled::kDone;
  }
}

bool Worker::isBacklogged(PostJob& job) {
  ConnectionTransaction txn(zone_, job.connection_.shard);
  return txn.open(job.connection_) && txn.isBacklogged();
}

void Worker::noteHeard(PostJob& job) {
  ConnectionTransaction txn(zone_, job.connection_.shard);
  if (!txn.open(job.connection_)) return;
  txn.edit(txn.record().lastHeard) = env_.now().mono;
  const bool isOver = isBinaryStalled(txn);
  if (isOver) markClosing(txn, store::Closing::kByServer, EndReason::kProtocolError);
  txn.commit();
  if (isOver) txn.notifyOwner(wake_);
}

// The first reason is the one that counts.
void Worker::markClosing(ConnectionTransaction& txn, store::Closing closing, EndReason reason) {
  if (txn.record().closing == store::Closing::kNo) txn.edit(txn.record().ending) = reason;
  txn.edit(txn.record().closing) = closing;
}

// Ends a polling connection from any worker: its owner does what there is to do.
void Worker::closeFromAfar(PostJob& job, store::Closing closing, EndReason reason) {
  closeFromAfar(job.connection_, closing, reason, std::exchange(job.traffic_, {}));
}

void Worker::closeFromAfar(const store::ConnectionRef& connection, store::Closing closing, EndReason reason,
                           const store::Traffic& traffic) {
  ConnectionTransaction txn(zone_, connection.shard);
  if (!txn.open(connection)) return;
  markClosing(txn, closing, reason);
  txn.addToAccount(traffic);
  txn.edit(txn.record().posting) = false;
  txn.commit();
  txn.notifyOwner(wake_);
}

void Worker::cancel(PostJob& job) {
  std::erase(waitingJobs_, &job);
  endPost(job);
}

}  // namespace mediasync::server
