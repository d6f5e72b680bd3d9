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
#include "core/connection/packets.h"
#include "core/connection/replies.h"
#include "core/connection/waiting_line.h"
#include "core/session/rules.h"
#include "core/sessions/sessions.h"

namespace mediasync::server {

using session::Command;
using session::Refusal;
using store::ItemKind;

namespace {

// The distance of two positions, in microseconds.
std::int64_t distance(double a, double b) {
  constexpr double kFar = 1e6;  // seconds
  return static_cast<std::int64_t>(std::min(std::abs(a - b), kFar) * 1e6);
}

bool isMinor(const Command& command) {
  return session::factsOf(command).weight == session::Weight::kMinor;
}

// True if the rules carry it out: then it waits for those that came before it.
template <class C>
constexpr bool kIsRuled = requires(session::State& state, const C& command) {
  session::carryOut(state, session::UserRef{}, command, Instant{});
};

bool isInLine(const Command& command) {
  return std::visit([]<class C>(const C&) { return kIsRuled<C>; }, command);
}

// States of sessions are much longer than what asks for them, so their bytes are counted.
bool asksForState(const Command& command) {
  return std::holds_alternative<session::ReportDesync>(command) ||
         std::holds_alternative<session::RequestSessionState>(command);
}

}  // namespace

Commands::Commands(Context& context, Confirmations& confirmations, Hooks& hooks, Replies& replies, Sessions& sessions,
                   WaitingLine& waiting)
    : Part(context),
      confirmations_(confirmations),
      hooks_(hooks),
      replies_(replies),
      sessions_(sessions),
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

Handled Commands::run(Request& request, const std::variant<Command, Refusal>& parsed) {
  if (const auto* refusal = std::get_if<Refusal>(&parsed)) return conclude(request, Outcome::refused(*refusal));
  waiting_.lastBusy() = {};
  if (confirmations_.isUnconfirmedFull()) return Handled::kDeferred;
  const auto& command = std::get<Command>(parsed);
  if (const auto* join = std::get_if<session::JoinSession>(&command))
    return conclude(request, this->join(request, *join));
  if (std::holds_alternative<session::LeaveSession>(command)) return conclude(request, leave(request));
  return conclude(request, inSession(request, command));
}

// A command that was done has been answered.
Handled Commands::conclude(Request& request, const Outcome& outcome) {
  switch (outcome.kind) {
    case Outcome::Kind::kRefused:
      replies_.refuse(request.caller, outcome.refusal, request.event, request.ack);
      return Handled::kDone;
    case Outcome::Kind::kTooFast:
      return replies_.refuseTooFast(request, outcome.rate);
    case Outcome::Kind::kWait:
      waiting_.lastBusy() = {outcome.wait.session, outcome.wait.isMinor};
      return Handled::kDeferred;
    default:
      return Handled::kDone;
  }
}

// A command that leaves the connection where it is.
Outcome Commands::inSession(Request& request, const Command& command) {
  const store::SeatRef seat = request.caller.seat();
  if (isInLine(command) && mustWaitInLine(request, seat, isMinor(command))) {
    return Outcome::waits({seat.session, isMinor(command)});
  }
  if (asksForState(command) && !hasReplies(request)) return Outcome::refused(session::kRateLimited);
  const Caller& caller = request.caller;
  Conditions on{caller.options, request.now};
  on.mayReport = caller.again || caller.allowance.reports.mayTake(caller.options.rates.reports, request.now.mono);
  Outcome outcome = sessions_.apply(partyOf(caller, seat), command, on);
  if (outcome.isNews && !caller.again) {
    caller.allowance.reports.take(caller.options.rates.reports, request.now.mono);
  }
  // A heartbeat needs no session.
  const bool isHeartbeat = std::holds_alternative<session::Heartbeat>(command);
  if (isHeartbeat && outcome.refusal == session::kNotInSession) outcome = {};
  if (outcome.isDone()) std::visit([&](const auto& one) { answer(request, one, outcome); }, command);
  return outcome;
}

Party Commands::partyOf(const Caller& caller, const store::SeatRef& seat) {
  return {caller.connection, caller.origin, seat};
}

// First come, first served; but what is minor keeps nothing else waiting.
bool Commands::mustWaitInLine(const Request& request, const store::SeatRef& seat, bool isMinor) const {
  return !waiting_.line().isEmpty() && !request.caller.again && waiting_.line().hasBefore(seat.sessionSerial, isMinor);
}

bool Commands::hasReplies(const Request& request) const {
  return request.caller.allowance.replies.hasSome(request.caller.options.rates.replies, request.now.mono);
}

void Commands::chargeReply(const Request& request, std::size_t bytes) {
  request.caller.allowance.replies.charge(request.caller.options.rates.replies, request.now.mono, bytes);
}

template <class Change>
void Commands::answer(Request& request, const Change&, const Outcome&) {
  succeed(request, Effect::kChange);
}

void Commands::answer(Request& request, const session::ReportDesync& command, const Outcome& outcome) {
  const session::PlaybackView& playback = outcome.playback->view;
  counters().distance.observe(distance(playback.position, command.reportedPosition));
  std::string packet = eventPacket();
  api::appendDesyncRecovery(packet, playback, request.now.wall, command, request.caller.options.timestamps);
  chargeReply(request, packet.size());
  request.caller.reply(packet);
  succeed(request, Effect::kNone);
}

void Commands::answer(Request& request, const session::RequestSessionState&, const Outcome& outcome) {
  chargeReply(request, outcome.stateBytes);
  request.caller.sendSnapshot(ItemKind::kSessionState);
  succeed(request, Effect::kNone);
}

// Input that had to wait here is received when its wait is over.
std::optional<api::ProbeTimes> Commands::probeTimes(const Request& request, const session::Heartbeat& command) {
  if (!command.probe) return std::nullopt;
  api::ProbeTimes times{*command.probe, 0, env_.wallMicroseconds(), std::nullopt};
  times.receivedAt =
      context_.inputAt == 0 || request.caller.again ? times.sentAt : std::min(context_.inputAt, times.sentAt);
  times.roundTrip = request.caller.roundTrip();
  return times;
}

void Commands::answer(Request& request, const session::Heartbeat& command, const Outcome&) {
  const api::TimestampUnit unit = request.caller.options.timestamps;
  const std::optional<api::ProbeTimes> times = probeTimes(request, command);
  std::string packet = eventPacket();
  api::appendHeartbeatAck(packet, request.now.wall, unit, times);
  request.caller.reply(packet);
  if (!request.ack) return;
  packet = ackPacket(*request.ack);
  api::appendAckHeartbeat(packet, request.now.wall, unit, times);
  request.caller.reply(packet);
}

void Commands::succeed(Request& request, Effect effect) {
  if (!request.ack) return;
  std::string packet = ackPacket(*request.ack);
  api::appendAckSuccess(packet);
  if (effect == Effect::kChange) return confirmations_.confirm(request.caller, std::move(packet));
  request.caller.reply(packet);
}

Outcome Commands::join(Request& request, const session::JoinSession& command) {
  Caller& caller = request.caller;
  const std::optional<std::string>& user = caller.options.user;
  if (user && command.userId != *user) return Outcome::refused(session::kForeignUser);
  if (!hasReplies(request)) return Outcome::refused(session::kRateLimited);
  Outcome outcome = sessions_.apply(partyOf(caller, {}), command, {caller.options, request.now});
  if (!outcome.isDone()) return outcome;
  chargeReply(request, outcome.stateBytes);
  if (outcome.place.seat) {
    caller.joined(outcome.place);
  } else {
    caller.sendSnapshot(ItemKind::kSessionJoined);
  }
  if (!request.ack) return outcome;
  std::string packet = ackPacket(*request.ack);
  api::appendAckJoined(packet, command.sessionId, command.userId, outcome.isLeader);
  confirmations_.confirm(caller, std::move(packet));
  return outcome;
}

Outcome Commands::leave(Request& request) {
  Caller& caller = request.caller;
  caller.beforeLeaving();
  Outcome outcome = sessions_.apply(partyOf(caller, {}), session::LeaveSession{}, {caller.options, request.now});
  if (outcome.hasLeft) caller.left();
  if (outcome.isDone()) succeed(request, Effect::kChange);
  return outcome;
}

}  // namespace mediasync::server
