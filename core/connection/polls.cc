#include "core/connection/polls.h"

#include <algorithm>
#include <utility>

#include "core/connection/account.h"
#include "core/connection/alarms.h"
#include "core/connection/applications.h"
#include "core/connection/handshakes.h"
#include "core/connection/input_time.h"
#include "core/connection/links.h"
#include "core/connection/outbox.h"
#include "core/connection/waiting_line.h"
#include "core/connection/work.h"
#include "core/delivery/poll_answers.h"
#include "core/engineio/packet.h"
#include "core/engineio/payload_writer.h"
#include "core/sessions/eviction.h"

namespace mediasync::server {

using engineio::Error;
using store::ConnectionTransaction;
using store::EndReason;
using store::Transport;

Polls::Polls(Context& context, Accounts& accounts, Alarms& alarms, Eviction& eviction, Handshakes& handshakes,
             Links& links, Outbox& outbox, PollAnswers& pollAnswers, WaitingLine& waiting, Applications& applications)
    : Part(context),
      accounts_(accounts),
      alarms_(alarms),
      eviction_(eviction),
      handshakes_(handshakes),
      links_(links),
      outbox_(outbox),
      pollAnswers_(pollAnswers),
      waiting_(waiting),
      applications_(applications) {}

std::variant<Polls::Opened, NoSpace> Polls::open(const Options& options, engineio::Protocol protocol,
                                                 const Newcomer& newcomer) {
  if (const auto full = handshakes_.checkRoom(options)) return *full;
  const Instant now = env_.now();
  const store::RandomId sid = context_.randomId();
  Link* link = nullptr;
  try {
    eviction_.withRoom(now, [&] {
      ConnectionTransaction txn(zone_, sid);
      handshakes_.create(txn, sid, Transport::kPolling, options, protocol, newcomer, now);
      link = &links_.own(txn, options, now);
      txn.commit();
    });
  } catch (const store::OutOfSpace&) {
    return handshakes_.turnAway(kMemoryFull);
  }
  ++counters().handshakes;
  Opened opened{store::idText(sid), {}};
  std::string packet;
  engineio::appendOpenPacket(packet, opened.sid, true, options.engine);
  opened.payload = engineio::payloadOf(protocol, packet);
  link->traffic.sent(opened.payload.bytes.size(), 1);
  applications_.opened(*link);
  return opened;
}

Polls::PollResult Polls::poll(const store::RandomId& sid, Poll& poll, const Options& options) {
  Link* link = nullptr;
  {
    ConnectionTransaction txn(zone_, sid);
    if (!handshakes_.findConnection(txn, sid, options)) return lastPoll(txn, options);
    const store::ConnectionRecord& record = txn.record();
    if (record.transport != Transport::kPolling) return {PollOutcome::kRefused, {}, Error::kBadRequest};
    const store::WorkerId before = record.owner;
    if (record.pollWaiting) {  // two polls at a time: the protocol allows one, and ends the connection
      txn.markClosing(store::Closing::kByServer, EndReason::kProtocolError);
      txn.commit(wake_);
      return {PollOutcome::kRefused, {}, Error::kBadRequest};
    }
    txn.beginPoll(id_, options.log);
    txn.commit(wake_);
    link = links_.linkOf(txn.ref());
    if (link == nullptr) {
      link = &links_.own(txn, options, env_.now());
    } else if (before != id_) {
      alarms_.syncHeartbeat(*link, record);
    }
    links_.syncSeat(*link, record);
  }
  if (*link->options != options) link->options = context_.optionsPool.share(options);
  link->poll = &poll;
  engineio::Payload payload;
  const PollAnswers::Collected collected = pollAnswers_.collect(*link, payload);
  if (collected == PollAnswers::Collected::kNothing) return {PollOutcome::kWaits, {}};
  link->poll = nullptr;
  if (collected == PollAnswers::Collected::kLost) doom(context_, *link);
  return {PollOutcome::kAnswered, std::move(payload)};
}

// A poll that crossed the client's own close is ended like one that waited for it; there is no other after it.
Polls::PollResult Polls::lastPoll(ConnectionTransaction& txn, const Options& options) {
  if (txn.isNone() || txn.record().closing != store::Closing::kByClient ||
      txn.record().realm != handshakes_.realmOf(options)) {
    ++counters().unknownSids;
    return {PollOutcome::kRefused, {}, Error::kUnknownSid};
  }
  txn.markClosing(store::Closing::kByServer, txn.record().ending);
  txn.commit(wake_);
  return {PollOutcome::kAnswered, engineio::payloadOf(protocolOf(txn.record()), engineio::kNoopPacket)};
}

// The client gave the poll up: to the protocol that is the end of the connection.
void Polls::abandon(const store::RandomId& sid, Poll& poll) {
  Link* link = nullptr;
  {
    ConnectionTransaction txn(zone_, sid);
    if (txn.find(sid)) link = links_.linkOf(txn.ref());
  }
  if (link == nullptr || link->poll != &poll) {
    // The record is gone or belongs to a successor already; the link that holds the poll is still here.
    const auto holder = std::find_if(links_.all().begin(), links_.all().end(),
                                     [&poll](const auto& entry) { return entry.second->poll == &poll; });
    if (holder == links_.all().end()) return;
    link = holder->second.get();
  }
  link->poll = nullptr;
  links_.dropConnection(*link, {EndReason::kTransportClose});
}

std::optional<Polls::PostResult> Polls::post(PostJob& job) {
  const InputTime time(context_.inputAt, env_.wallMicroseconds());
  const CommandTimer timer(context_, context_.inputAt);
  if (const auto error = beginPost(job)) return PostResult{error};
  return runPost(job);
}

std::optional<Error> Polls::beginPost(PostJob& job) {
  ConnectionTransaction txn(zone_, job.sid);
  if (!handshakes_.findConnection(txn, job.sid, job.options)) {
    ++counters().unknownSids;
    return Error::kUnknownSid;
  }
  const store::ConnectionRecord& record = txn.record();
  if (record.transport != Transport::kPolling) return Error::kBadRequest;
  job.connection = txn.ref();
  job.protocol = protocolOf(record);
  if (job.protocol.revision == engineio::Revision::kV3) {
    using Framing = engineio::PayloadV3Decoder::Framing;
    job.decoder.emplace<engineio::PayloadV3Decoder>(job.body, job.binary ? Framing::kBinary : Framing::kText);
  } else {
    job.decoder.emplace<engineio::PayloadDecoder>(job.body);
    if (job.binary) return Error::kBadRequest;  // there is no such content in this revision
  }
  if (record.posting) {  // likewise one POST at a time
    txn.markClosing(store::Closing::kByServer, EndReason::kProtocolError);
    txn.commit(wake_);
    return Error::kBadRequest;
  }
  txn.beginPost(id_);
  job.allowance = Allowance::unpacked(record.allowance, env_.now().mono);
  txn.addToAccount({job.body.size(), 0, 0, 0});
  txn.commit();
  return std::nullopt;
}

void Polls::endPost(PostJob& job) {
  ConnectionTransaction txn(zone_, job.connection.shard);
  if (!txn.open(job.connection)) return;
  txn.endPost(std::exchange(job.traffic, {}), job.allowance.packed(env_.now().mono));
  txn.commit();
}

// nullopt: a command waits for readers to catch up.
std::optional<Polls::PostResult> Polls::runPost(PostJob& job) {
  job.restsUntil = 0;
  using Result = engineio::PayloadDecoder::Result;
  Handled handled = Handled::kDone;
  if (auto deferred = std::exchange(job.deferred, nullptr)) {
    handled = applications_.resumed(job, *deferred);
    if (handled == Handled::kDeferred) job.deferred = std::move(deferred);
  }
  std::uint32_t pending = 0;
  Turn turn(env_, job.options.rates.input, env_.wallMicroseconds(), pending);
  while (handled == Handled::kDone) {
    if (isAtEnd(job)) {
      turn.charge(job.allowance.input, env_.now().mono);
      endPost(job);
      return PostResult{};
    }
    if (isBacklogged(job)) return wait(job);  // answers that nobody collects: the rest waits until somebody does
    if (const auto ms = turn.rest(job.allowance.input)) return rest(job, *ms);
    engineio::Packet packet;
    const Result result = nextPacket(job, packet);
    turn.add(packet.data.size());
    if (result == Result::kPacket) ++job.traffic.messagesIn;
    job.waitingSince = 0;
    handled = result == Result::kError ? Handled::kClose : handlePacket(job, packet);
    if (packet.type == engineio::PacketType::kClose && result == Result::kPacket) {
      outbox_.closeFromAfar(job, store::Closing::kByClient, EndReason::kClientDisconnect);
      return PostResult{};
    }
  }
  turn.charge(job.allowance.input, env_.now().mono);
  if (handled == Handled::kDeferred) return wait(job);
  outbox_.closeFromAfar(job, store::Closing::kByServer, endingOf(handled).reason);
  return PostResult{Error::kBadRequest};
}

bool Polls::isAtEnd(const PostJob& job) {
  if (const auto* old = std::get_if<engineio::PayloadV3Decoder>(&job.decoder)) return old->atEnd();
  return std::get<engineio::PayloadDecoder>(job.decoder).atEnd();
}

engineio::PayloadDecoder::Result Polls::nextPacket(PostJob& job, engineio::Packet& packet) {
  if (auto* old = std::get_if<engineio::PayloadV3Decoder>(&job.decoder)) return old->next(packet);
  return std::get<engineio::PayloadDecoder>(job.decoder).next(packet);
}

// Not for ever: a client that posts and never polls has no right to a request that stays open.
std::optional<Polls::PostResult> Polls::wait(PostJob& job) {
  const std::int64_t now = env_.now().mono;
  const bool asksScripts = job.deferred && job.deferred->question.isOpen();  // which have a time limit of their own
  if (job.waitingSince == 0 || (asksScripts && !context_.stopped)) job.waitingSince = now;
  // A process that ends does not wait for scripts: its clients come back to another.
  if (now - job.waitingSince > kPostPatience || (asksScripts && context_.stopped)) {
    outbox_.closeFromAfar(job, store::Closing::kByServer,
                          asksScripts ? accounts_.departureReason() : EndReason::kTooSlow);
    return PostResult{Error::kBadRequest};
  }
  waiting_.noteWaiting(job.deferred.get());
  waiting_.pending().posts.push_back(&job);
  return std::nullopt;
}

// It goes on then. The client obeys, and cannot say that it is alive as long as this POST is not answered: it is taken
// for it. But not for ever, since its body takes memory: a client with so much to do has it done in pieces.
std::optional<Polls::PostResult> Polls::rest(PostJob& job, std::int64_t ms) {
  const std::int64_t now = env_.now().mono;
  const engineio::Settings& engine = job.options.engine;
  if (job.restBy == 0) job.restBy = now + engine.pingInterval + engine.pingTimeout;
  if (now >= job.restBy) {
    outbox_.closeFromAfar(job, store::Closing::kByServer, EndReason::kFlood);
    return PostResult{Error::kBadRequest};
  }
  job.restsUntil = std::max<std::int64_t>(now + ms, 1);
  job.waitingSince = 0;
  waiting_.pending().posts.push_back(&job);
  ConnectionTransaction txn(zone_, job.connection.shard);
  if (txn.open(job.connection) && txn.record().lastHeard < job.restsUntil) {
    txn.heard(job.restsUntil);
    txn.commit();
  }
  return std::nullopt;
}

Handled Polls::handlePacket(PostJob& job, const engineio::Packet& packet) {
  const bool clientPings = job.protocol.revision == engineio::Revision::kV3;
  switch (packet.type) {
    case engineio::PacketType::kMessage:
      return applications_.received(job, packet);
    case engineio::PacketType::kPong:
      if (clientPings) return Handled::kClose;
      noteHeard(job);
      return Handled::kDone;
    case engineio::PacketType::kPing:
      if (!clientPings) return Handled::kClose;
      noteHeard(job);
      outbox_.leaveFor(job.connection, store::ItemKind::kPacket,
                       std::string(engineio::kPongPrefix).append(packet.data));
      return Handled::kDone;
    default:
      return Handled::kDone;
  }
}

bool Polls::isBacklogged(PostJob& job) {
  ConnectionTransaction txn(zone_, job.connection.shard);
  return txn.open(job.connection) && txn.isBacklogged();
}

void Polls::noteHeard(PostJob& job) {
  ConnectionTransaction txn(zone_, job.connection.shard);
  if (!txn.open(job.connection)) return;
  txn.heard(env_.now().mono);
  if (txn.checkStalled()) txn.markClosing(store::Closing::kByServer, EndReason::kProtocolError);
  txn.commit(wake_);
}

void Polls::cancel(PostJob& job) {
  std::erase(waiting_.pending().posts, &job);
  endPost(job);
}

}  // namespace mediasync::server
