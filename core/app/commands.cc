#include "core/app/commands.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "core/api/acks.h"
#include "core/api/command_parser.h"
#include "core/api/events.h"
#include "core/app/confirmations.h"
#include "core/app/hooks.h"
#include "core/connection/caller.h"
#include "core/connection/outbox.h"
#include "core/connection/packets.h"
#include "core/connection/replies.h"
#include "core/connection/waiting_line.h"
#include "core/delivery/rooms.h"
#include "core/delivery/snapshots.h"
#include "core/session/own_texts.h"
#include "core/session/rules.h"
#include "core/sessions/admission.h"
#include "core/sessions/eviction.h"
#include "core/sessions/seats.h"

namespace mediasync::server {

using session::Refusal;
using store::ConnectionTransaction;
using store::ItemKind;
using store::SessionTransaction;

namespace {

// Thrown through a transition that the rules refuse, so that its transaction rolls back.
struct Refused {
  Refusal refusal;
};

// Thrown likewise when a user sends too many events.
struct TooFast {
  Rate rate;
};

// Thrown when events must reach the caller before the command can be carried out.
struct NotYet {};

// Counts an event of the user whose seat was opened.
void countEvent(SessionTransaction& session, const Rate& rate, Instant now) {
  if (!session.admitEvent(rate, now)) throw TooFast{rate};
}

// How far apart two positions are, in microseconds.
std::int64_t distance(double a, double b) {
  constexpr double kFar = 1e6;  // seconds
  return static_cast<std::int64_t>(std::min(std::abs(a - b), kFar) * 1e6);
}

// Playing on what is loaded already is no loading.
bool mayLoad(const Options& options, std::optional<std::string_view> url, const session::State& session) {
  return options.media == nullptr || !url || url == session.media().mediaUrl || api::isLoadable(*url, *options.media);
}

// The film that a command loads, if it is one that may.
template <class C>
std::optional<std::string_view> filmOf(const C& command) {
  if constexpr (requires { command.mediaUrl; }) {
    return command.mediaUrl;
  } else {
    return std::nullopt;
  }
}

bool isMinor(const session::CommandFacts& facts) {
  return facts.weight == session::Weight::kMinor;
}

}  // namespace

Commands::Commands(Context& context, Admission& admission, Confirmations& confirmations, Eviction& eviction,
                   Hooks& hooks, Outbox& outbox, Replies& replies, Rooms& rooms, Snapshots& snapshots,
                   WaitingLine& waiting)
    : Part(context),
      admission_(admission),
      confirmations_(confirmations),
      eviction_(eviction),
      hooks_(hooks),
      outbox_(outbox),
      replies_(replies),
      rooms_(rooms),
      snapshots_(snapshots),
      waiting_(waiting) {}

Handled Commands::command(Caller& caller, const socketio::Packet& packet) {
  if (!caller.again) replies_.countCommand();
  Request request{caller, eventName(packet.data), packet.id, env_.now()};
  if (replies_.isTooFast(caller)) return replies_.refuseTooFast(request, caller.options.rates.events);
  auto parsed = api::parseCommand(packet.data, caller.options.timestamps);
  nlohmann::json changed;  // by scripts, which see only what is well-formed
  if (joinsTooOften(caller, parsed)) parsed = session::kRateLimited;
  if (const auto* command = std::get_if<session::Command>(&parsed)) {
    const auto verdict = hooks_.consultCommand(caller, packet, session::factsOf(*command).scripts);
    if (!verdict) return Handled::kDeferred;
    if (verdict->kind != Verdict::Kind::kAllow) {
      replies_.refuse(caller, refusalOf(*verdict), request.event, request.ack);
      return Handled::kDone;
    }
    if (!verdict->data.empty()) {
      changed = nlohmann::json::array({(*packet.data)[0], nlohmann::json::parse(verdict->data, nullptr, false)});
      parsed = api::parseCommand(changed, caller.options.timestamps);
    }
  }
  return run(request, parsed);
}

Handled Commands::command(Caller& caller, const socketio::PlainEvent& event) {
  replies_.countCommand();
  Request request{caller, event.name, event.id, env_.now()};
  if (replies_.isTooFast(caller)) return replies_.refuseTooFast(request, caller.options.rates.events);
  auto parsed = api::parseCommand(event.name, event.hasData ? &event.data : nullptr, caller.options.timestamps);
  if (joinsTooOften(caller, parsed)) parsed = session::kRateLimited;
  return run(request, parsed);
}

// Counts a join, whatever becomes of it: scripts, and services behind them, are not to be flooded either.
bool Commands::joinsTooOften(const Caller& caller, const std::variant<session::Command, Refusal>& parsed) {
  const auto* command = std::get_if<session::Command>(&parsed);
  if (caller.again || command == nullptr || !std::holds_alternative<session::JoinSession>(*command)) return false;
  return !caller.allowance.joins.take(caller.options.rates.joins, env_.now().mono);
}

// No event of the API has attachments, nor is an acknowledgement asked for.
Handled Commands::refuseBinary(Caller& caller, const socketio::Packet& packet, const Refusal& refusal) {
  if (packet.type != socketio::PacketType::kBinaryEvent) return Handled::kDone;
  Request request{caller, eventName(packet.data), packet.id, env_.now()};
  request.nsp = packet.nsp;
  if (replies_.isTooFast(caller)) return replies_.refuseTooFast(request, caller.options.rates.events);
  replies_.refuse(caller, refusal, request.event, request.ack, request.nsp);
  return Handled::kDone;
}

Handled Commands::run(Request& request, const std::variant<session::Command, Refusal>& parsed) {
  if (const auto* refusal = std::get_if<Refusal>(&parsed)) {
    replies_.refuse(request.caller, *refusal, request.event, request.ack);
    return Handled::kDone;
  }
  waiting_.lastBusy() = {};
  if (confirmations_.isUnconfirmedFull()) return Handled::kDeferred;
  try {
    eviction_.withRoom(request.now, [&] {
      std::visit([this, &request](const auto& c) { handle(request, c); }, std::get<session::Command>(parsed));
    });
  } catch (const Refused& refused) {
    replies_.refuse(request.caller, refused.refusal, request.event, request.ack);
  } catch (const TooFast& tooFast) {
    return replies_.refuseTooFast(request, tooFast.rate);
  } catch (const store::OutOfSpace&) {
    replies_.refuse(request.caller, session::kZoneFull, request.event, request.ack);
  } catch (const store::Busy&) {
    if (waiting_.lastBusy().session == 0) waiting_.lastBusy().session = seatOf(request.caller).session;
    waiting_.lastBusy().isMinor = isMinor(session::factsOf(std::get<session::Command>(parsed)));
    return Handled::kDeferred;
  } catch (const NotYet&) {
    return Handled::kDeferred;
  }
  return Handled::kDone;
}

store::SeatRef Commands::seatOf(const Caller& caller) const {
  if (caller.link != nullptr) return caller.link->seat;
  ConnectionTransaction txn(zone_, caller.connection.shard);
  return txn.open(caller.connection) ? txn.record().seat : store::SeatRef{};
}

// Applies rule(session, user) to the session the caller is in. Throws Refused when it is in none, or the rule refuses,
// and TooFast. What the rule refuses counts as well, and nothing else changes by it.
template <class Rule>
void Commands::inSession(Request& request, Rule rule) {
  const store::SeatRef seat = seatOf(request.caller);
  if (!seat) throw Refused{session::kNotInSession};
  SessionTransaction session(zone_, seat.shard);
  if (!session.openSeat(seat)) throw Refused{session::kNotInSession};
  countEvent(session, request.caller.options.rates.userEvents, request.now);
  const Refusal refusal = rule(session, session.seatUser());
  session.commit(wake_);
  if (refusal) throw Refused{refusal};
}

// First come, first served; but what is minor keeps nothing else waiting.
void Commands::waitInLine(const Request& request, bool isMinor) const {
  if (waiting_.line().isEmpty() || request.caller.again) return;
  if (waiting_.line().hasBefore(seatOf(request.caller).session, isMinor)) throw store::Busy();
}

// A command that the rules carry out.
template <class C>
void Commands::handle(Request& request, const C& command) {
  waitInLine(request, isMinor(C::kFacts));
  inSession(request, [&](SessionTransaction& session, session::UserRef user) {
    if (!mayLoad(request.caller.options, filmOf(command), session)) return session::kMediaNotAllowed;
    return session::apply(session, user, command, request.now);
  });
  succeed(request, Effect::kChange);
}

void Commands::handle(Request& request, const session::ReportBuffering& command) {
  waitInLine(request, isMinor(command.kFacts));
  inSession(request, [&](SessionTransaction& session, session::UserRef user) {
    const bool isNews = session.user(user).stall != command.stall;  // for all members
    if (isNews && !request.caller.again &&
        !request.caller.allowance.reports.take(request.caller.options.rates.reports, request.now.mono)) {
      return session::kRateLimited;
    }
    return session::apply(session, user, command, request.now);
  });
  succeed(request, Effect::kChange);
}

// States of sessions are much longer than what asks for them, so their bytes are counted. Throws Refused when there
// were too many.
void Commands::checkReplies(const Request& request) {
  const Rate& rate = request.caller.options.rates.replies;
  if (!request.caller.allowance.replies.hasSome(rate, request.now.mono)) throw Refused{session::kRateLimited};
}

void Commands::chargeReply(const Request& request) {
  request.caller.allowance.replies.charge(request.caller.options.rates.replies, request.now.mono, request.replyBytes);
}

void Commands::handle(Request& request, const session::ReportDesync& command) {
  checkReplies(request);
  session::PlaybackView playback;
  session::OwnTexts texts;
  inSession(request, [&](SessionTransaction& session, session::UserRef user) {
    session::noteActivity(session, user, request.now);
    playback = session::playbackAt(session, request.now);
    texts.takeFrom(playback);
    return Refusal{};
  });
  counters().distance.observe(distance(playback.position, command.reportedPosition));
  std::string packet = eventPacket();
  api::appendDesyncRecovery(packet, playback, request.now.wall, command, request.caller.options.timestamps);
  request.replyBytes = packet.size();
  chargeReply(request);
  replies_.reply(request.caller, packet);
  succeed(request, Effect::kNone);
}

// Input that had to wait here is received when its wait is over.
std::optional<api::ProbeTimes> Commands::probeTimes(const Request& request, const session::Heartbeat& command) {
  if (!command.probe) return std::nullopt;
  api::ProbeTimes times{*command.probe, 0, env_.wallMicroseconds(), std::nullopt};
  times.receivedAt =
      context_.inputAt == 0 || request.caller.again ? times.sentAt : std::min(context_.inputAt, times.sentAt);
  if (request.caller.link != nullptr) times.roundTrip = request.caller.link->socket->roundTrip();
  return times;
}

void Commands::handle(Request& request, const session::Heartbeat& command) {
  if (const store::SeatRef seat = seatOf(request.caller)) {
    SessionTransaction session(zone_, seat.shard);
    if (session.openSeat(seat)) {
      countEvent(session, request.caller.options.rates.userEvents, request.now);
      session::noteActivity(session, session.seatUser(), request.now);
      session.commit(wake_);
    }
  }
  const api::TimestampUnit unit = request.caller.options.timestamps;
  const std::optional<api::ProbeTimes> times = probeTimes(request, command);
  std::string packet = eventPacket();
  api::appendHeartbeatAck(packet, request.now.wall, unit, times);
  replies_.reply(request.caller, packet);
  if (!request.ack) return;
  packet = ackPacket(*request.ack);
  api::appendAckHeartbeat(packet, request.now.wall, unit, times);
  replies_.reply(request.caller, packet);
}

void Commands::handle(Request& request, const session::RequestSessionState&) {
  checkReplies(request);
  inSession(request, [&](SessionTransaction& session, session::UserRef) {
    if (request.caller.options.rates.replies) request.replyBytes = session.stateBytes();
    return Refusal{};
  });
  chargeReply(request);
  replyState(request, ItemKind::kSessionState);
  succeed(request, Effect::kNone);
}

void Commands::succeed(Request& request, Effect effect) {
  if (!request.ack) return;
  std::string packet = ackPacket(*request.ack);
  api::appendAckSuccess(packet);
  if (effect == Effect::kChange) return confirmations_.confirm(request.caller, std::move(packet));
  replies_.reply(request.caller, packet);
}

// The session as it is when the answer is sent.
void Commands::replyState(Request& request, ItemKind kind) {
  if (request.caller.link != nullptr) {
    snapshots_.sendSnapshot(*request.caller.link, kind);
    return;
  }
  outbox_.leaveFor(request.caller.connection, kind, {});
}

void Commands::handle(Request& request, const session::JoinSession& command) {
  const std::optional<std::string>& user = request.caller.options.user;
  if (user && command.userId != *user) throw Refused{session::kForeignUser};
  checkReplies(request);
  if (request.caller.options.asksSecret && command.userSecret) request.secret = zone_.hashOfSecret(*command.userSecret);
  makePlace(request, command.sessionId);
  bool isLeader = false;
  bool isNew = false;
  {
    ConnectionTransaction txn(zone_, request.caller.connection.shard);
    if (!txn.open(request.caller.connection)) return;
    isNew = !txn.record().seat || !joinAgain(request, command, txn, &isLeader);
    if (isNew) joinAnew(request, command, txn, &isLeader);
  }
  chargeReply(request);
  // To a poll the answer to a new join has been queued together with the seat.
  if (!isNew || request.caller.link != nullptr) replyState(request, ItemKind::kSessionJoined);
  if (!request.ack) return;
  std::string packet = ackPacket(*request.ack);
  api::appendAckJoined(packet, command.sessionId, command.userId, isLeader);
  confirmations_.confirm(request.caller, std::move(packet));
}

// The connection is in a session already. False: that seat is none any more, and the caller may join as if new.
bool Commands::joinAgain(Request& request, const session::JoinSession& command, ConnectionTransaction& txn,
                         bool* isLeader) {
  SessionTransaction session(zone_, txn.record().seat.shard);
  if (!session.openSeat(txn.record().seat)) return false;
  const session::UserRef user = session.seatUser();
  if (const Refusal refusal = session::checkRejoin(session.id(), session.user(user).id, command))
    throw Refused{refusal};
  if (const Refusal refusal = session::refresh(session, user, command, request.secret, request.now)) {
    throw Refused{refusal};
  }
  *isLeader = session.leaderId() == command.userId;
  if (request.caller.options.rates.replies) request.replyBytes = session.stateBytes();
  session.commit(wake_);
  return true;
}

// Sessions without anybody give way to one that a join is about to make, where there are as many as there may be, and
// it may be made. Before any lock is held: a session of very many users takes its time to go.
void Commands::makePlace(Request& request, std::string_view sessionId) {
  const Options& options = request.caller.options;
  if (!options.creates || !admission_.isOneTooMany(options)) return;
  std::uint64_t client = 0;
  {
    ConnectionTransaction txn(zone_, request.caller.connection.shard);
    if (!txn.open(request.caller.connection)) return;
    client = txn.record().client;
    if (const store::SeatRef seat = txn.record().seat) {
      SessionTransaction session(zone_, seat.shard);
      if (session.openSeat(seat)) return;
    }
  }
  {
    SessionTransaction session(zone_, sessionId);
    if (session.find(sessionId)) return;
  }
  admitSession(request, client);
  eviction_.evictOne(request.now);
}

// Counts the session that a join makes, once, however often that is tried. Throws Refused when there were too many.
void Commands::admitSession(Request& request, std::uint64_t client) {
  if (request.isAdmitted) return;
  request.isAdmitted = admission_.admitsSession(client, request.caller.options.rates, request.now);
  if (!request.isAdmitted) throw Refused{session::kRateLimited};
}

void Commands::joinAnew(Request& request, const session::JoinSession& command, ConnectionTransaction& txn,
                        bool* isLeader) {
  const Options& options = request.caller.options;
  Link* link = request.caller.link;
  if (txn.record().seat) {
    if (link == nullptr && mustCollectFirst(txn)) throw NotYet{};
    loseSeat(context_, txn, request.now);
  }
  session::Terms terms{options.maxUsers, request.secret};
  if (options.asksSecret && !terms.secret) terms.secret = txn.record().secret;
  store::SeatRef seat;
  std::uint64_t cursor = 0;
  {
    SessionTransaction session(zone_, command.sessionId);
    if (!session.find(command.sessionId)) {
      if (!options.creates) throw Refused{session::kSessionNotFound};
      if (admission_.isOneTooMany(options)) throw Refused{session::kTooManySessions};
      admitSession(request, txn.record().client);
      session.create(command.sessionId, command.userId, request.now);
    }
    waiting_.lastBusy().session = session.ref();
    if (!session.admitJoin(options.rates.sessionJoins, request.now)) throw Refused{session::kRateLimited};
    session::UserRef user = 0;
    if (const Refusal refusal = session::join(session, command, terms, request.now, &user)) {
      throw Refused{refusal};
    }
    seat = session.addConnection(user, txn.ref());
    if (link != nullptr) session.addWatch(id_);  // so that a join without memory for that is refused
    cursor = session.logEnd();
    *isLeader = session.leaderId() == command.userId;
    if (options.rates.replies) request.replyBytes = session.stateBytes();
    session.commit(wake_);
  }
  txn.seat(seat, cursor, originOf(request.caller));
  txn.commit(wake_);
  if (link == nullptr) return;
  rooms_.leaveRoom(*link);  // of the seat that was none any more
  link->seat = seat;
  link->ownBefore = 0;
  rooms_.enterRoom(*link, cursor);
  link->awaitsSnapshot = true;
}

// A polling connection that leaves its session has events to collect before. One that is being upgraded does not poll
// until this POST is done, and goes without.
bool Commands::mustCollectFirst(ConnectionTransaction& txn) {
  const store::ConnectionRecord& record = txn.record();
  if (!record.seat || record.upgradingUntil > env_.now().mono) return false;
  if (record.awaitingSnapshot) return true;
  SessionTransaction session(zone_, record.seat.shard);
  return session.open(record.seat.session, record.seat.sessionSerial) && record.cursor < session.logEnd();
}

void Commands::handle(Request& request, const session::LeaveSession&) {
  Link* link = request.caller.link;
  if (link != nullptr && link->room != nullptr) rooms_.deliver(*link->room);
  {
    ConnectionTransaction txn(zone_, request.caller.connection.shard);
    if (!txn.open(request.caller.connection)) return;
    if (!txn.record().seat) throw Refused{session::kNotInSession};
    if (link == nullptr && mustCollectFirst(txn)) throw NotYet{};
    const store::SeatRef seat = txn.record().seat;
    bool wasSeated = false;
    {
      SessionTransaction session(zone_, seat.shard);
      wasSeated = session.openSeat(seat);
      if (wasSeated) session::leave(session, session.seatUser(), request.now);
      if (wasSeated) session.commit(wake_);
    }
    txn.leave(originOf(request.caller));
    txn.commit(wake_);
    if (link != nullptr) rooms_.leaveRoom(*link);
    if (!wasSeated) throw Refused{session::kNotInSession};
  }
  succeed(request, Effect::kChange);
}

}  // namespace mediasync::server
