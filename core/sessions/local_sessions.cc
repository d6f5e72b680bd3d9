#include "core/sessions/local_sessions.h"

#include <memory>
#include <variant>

#include "core/api/media_path.h"
#include "core/session/rules.h"
#include "core/sessions/admission.h"
#include "core/sessions/eviction.h"

namespace mediasync::server {

using session::Refusal;
using store::SessionTransaction;

namespace {

// The only place where what the store throws becomes an outcome.
template <class Act>
void guard(Outcome& outcome, Act act) {
  try {
    act();
  } catch (const store::OutOfSpace&) {
    outcome.refuse(session::kZoneFull);
  } catch (const store::Busy&) {
    outcome.kind = Outcome::Kind::kWait;
  }
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

// Also as the session was called before a restart; but what it had to tell after it was last saved is not in its log.
bool isOf(const store::SessionRecord& session, const Offset& offset) {
  return offset.session == session.serial ||
         (offset.session == session.formerSerial && offset.event < session.formerEnd);
}

// The place to which a client comes back. An offset from before it joined is of an earlier time, or of another session:
// session_joined has not been received.
Place placeOf(const Return& back, const SessionTransaction& session) {
  Place place;
  const std::optional<Offset>& offset = back.offset;
  place.needsSnapshot = back.seat.awaitingSnapshot || !offset || !isOf(session.record(), *offset) ||
                        offset->event + 1 < back.seat.joinedAt;
  place.cursor = place.needsSnapshot ? session.logEnd() : offset->event + 1;
  return place;
}

// The rule that an order means. Refused when its user is not there.
struct Ordering {
  SessionTransaction& session;
  Instant now;

  Refusal operator()(const Appoint& order) const {
    const session::UserRef user = session.findUser(order.userId);
    if (user == 0) return kUserNotFound;
    session::appoint(session, user, now);
    return {};
  }
  Refusal operator()(const RemoveUser& order) const {
    const session::UserRef user = session.findUser(order.userId);
    if (user == 0) return kUserNotFound;
    session::leave(session, user, now);
    return {};
  }
  Refusal operator()(const session::LoadMedia& order) const {
    session::loadMediaForAll(session, order, now);
    return {};
  }
  Refusal operator()(const session::CustomEvent& order) const {
    session::tell(session, order, now);
    return {};
  }
};

}  // namespace

LocalSessions::LocalSessions(Context& context, Admission& admission, Eviction& eviction)
    : Part(context), admission_(admission), eviction_(eviction), joins_(context, *this, admission, eviction) {}

// ---- what clients ask for

Outcome LocalSessions::apply(const Party& party, const session::Command& command, const Conditions& on) {
  Outcome outcome;
  Attempt attempt{party, on, outcome};
  guard(outcome, [&] {
    eviction_.withRoom(on.now, [&] {
      outcome = {};
      std::visit([&](const auto& one) { carryOut(attempt, one); }, command);
    });
  });
  return outcome;
}

void LocalSessions::carryOut(Attempt& attempt, const session::JoinSession& command) {
  joins_.join(attempt, command);
}

void LocalSessions::carryOut(Attempt& attempt, const session::LeaveSession&) {
  joins_.leave(attempt);
}

// Applies rule(session, user) to the session of the seat. What the rule refuses counts as an event of the user as well,
// and nothing else changes by it.
template <class Rule>
void LocalSessions::inSession(Attempt& attempt, Rule rule) {
  const store::SeatRef& seat = attempt.party.seat;
  Outcome& outcome = attempt.outcome;
  if (!seat) return outcome.refuse(session::kNotInSession);
  SessionTransaction session(zone_, seat.shard);
  if (!session.openSeat(seat)) return outcome.refuse(session::kNotInSession);
  outcome.wait.session = seat.sessionSerial;
  const Rate& rate = attempt.on.options.rates.userEvents;
  if (!session.admitEvent(rate, attempt.on.now)) {
    outcome.kind = Outcome::Kind::kTooFast;
    outcome.rate = rate;
    return;
  }
  const Refusal refusal = rule(session, session.seatUser());
  session.commit(wake_);
  if (refusal) outcome.refuse(refusal);
}

// A command that the rules carry out.
template <class C>
void LocalSessions::carryOut(Attempt& attempt, const C& command) {
  inSession(attempt, [&](SessionTransaction& session, session::UserRef user) {
    if (!mayLoad(attempt.on.options, filmOf(command), session)) return session::kMediaNotAllowed;
    return session::apply(session, user, command, attempt.on.now);
  });
}

void LocalSessions::carryOut(Attempt& attempt, const session::ReportBuffering& command) {
  attempt.outcome.wait.isMinor = true;
  inSession(attempt, [&](SessionTransaction& session, session::UserRef user) {
    attempt.outcome.isNews = session.user(user).stall != command.stall;
    if (attempt.outcome.isNews && !attempt.on.mayReport) return session::kRateLimited;
    return session::apply(session, user, command, attempt.on.now);
  });
}

void LocalSessions::carryOut(Attempt& attempt, const session::ReportDesync&) {
  inSession(attempt, [&](SessionTransaction& session, session::UserRef user) {
    session::noteActivity(session, user, attempt.on.now);
    attempt.outcome.playback = std::make_unique<PlaybackCopy>(session::playbackAt(session, attempt.on.now));
    return Refusal{};
  });
}

void LocalSessions::carryOut(Attempt& attempt, const session::Heartbeat&) {
  inSession(attempt, [&](SessionTransaction& session, session::UserRef user) {
    session::noteActivity(session, user, attempt.on.now);
    return Refusal{};
  });
}

void LocalSessions::carryOut(Attempt& attempt, const session::RequestSessionState&) {
  inSession(attempt, [&](SessionTransaction& session, session::UserRef) {
    if (attempt.on.options.rates.replies) attempt.outcome.stateBytes = session.stateBytes();
    return Refusal{};
  });
}

Outcome LocalSessions::comeBack(const Return& back, Instant now) {
  Outcome outcome;
  guard(outcome, [&] { comeBack(back, now, outcome); });
  return outcome;
}

void LocalSessions::comeBack(const Return& back, Instant now, Outcome& outcome) {
  outcome.kind = Outcome::Kind::kGone;
  outcome.wait.session = back.seat.sessionSerial;
  SessionTransaction session(zone_, back.seat.shard);
  if (!session.openUser(back.seat)) return;
  Place place = placeOf(back, session);
  if (!store::logHolds(session.record().log, place.cursor)) return;
  if (const Refusal refusal = session::comeBack(session, session.seatUser(), now)) return outcome.refuse(refusal);
  place.seat = session.addConnection(session.seatUser(), back.connection);
  if (back.origin == store::Origin::kOwner) session.addWatch(id_);
  place.head = session.logEnd();
  if (place.needsSnapshot) place.cursor = place.head;
  if (!store::logHolds(session.record().log, place.cursor)) return;  // telling the others has cost what it missed
  session.commit(wake_);
  outcome.kind = Outcome::Kind::kDone;
  outcome.place = place;
}

store::LostSeat LocalSessions::lose(const store::SeatRef& seat, Departure departure, Instant now) {
  SessionTransaction session(zone_, seat.shard);
  if (!session.openSeat(seat)) return {};
  const store::LostSeat lost = session.lostSeat();
  const Instant lostAt = departure == Departure::kSentAway ? zone_.settings().sentAwayAt(now) : now;
  if (session.removeConnection(seat, now)) session::connectionsLost(session, session.seatUser(), lostAt);
  session.commit(wake_);
  return lost;
}

// ---- what REST and scripts ask for

Outcome LocalSessions::create(const Creation& creation, const Conditions& on) {
  Outcome outcome;
  guard(outcome, [&] {
    if (!admission_.admitsSession(zone_.clientOf(creation.network), on.options.rates, on.now)) {
      return outcome.refuse(session::kRateLimited);
    }
    if (admission_.isOneTooMany(on.options) && !(eviction_.evictOne(on.now) && !admission_.isOneTooMany(on.options))) {
      return outcome.refuse(session::kTooManySessions);
    }
    // The first to come by the creator's name is the creator if nothing tells who that may be.
    std::optional<SecretHash> bound;
    if (on.options.asksSecret && !creation.secret.empty()) bound = zone_.hashOfSecret(creation.secret);
    eviction_.withRoom(on.now, [&] { make(creation, bound, on.now); });
  });
  return outcome;
}

void LocalSessions::make(const Creation& creation, const std::optional<SecretHash>& bound, Instant now) {
  SessionTransaction session(zone_, creation.sessionId);
  session.create(creation.sessionId, creation.creatorId, now);
  const session::UserRef creator =
      session.addUser(creation.creatorId, creation.creatorName, std::nullopt, session::Presence::kAway, now);
  if (bound) session.bindUser(creator, *bound);
  session.setLeader(creation.creatorId);
  session.commit(wake_);
}

Outcome LocalSessions::apply(std::string_view sessionId, const Order& order, Instant now) {
  Outcome outcome;
  guard(outcome, [&] {
    SessionTransaction session(zone_, sessionId);
    if (!session.find(sessionId)) return outcome.refuse(session::kSessionNotFound);
    outcome.wait.session = session.record().serial;
    if (const Refusal refusal = std::visit(Ordering{session, now}, order)) return outcome.refuse(refusal);
    session.commit(wake_);
    outcome.connections = session.record().connectionCount;
  });
  return outcome;
}

Outcome LocalSessions::end(std::string_view sessionId, std::string& firstUser, Instant now) {
  Outcome outcome;
  guard(outcome, [&] {
    SessionTransaction session(zone_, sessionId);
    if (!session.find(sessionId)) return outcome.refuse(session::kSessionNotFound);
    const session::UserRef user = session.firstUser();
    firstUser = user != 0 ? session.user(user).id : std::string_view();
    if (user != 0) return;
    session.endSoon(now);
    session.commit(wake_);
  });
  return outcome;
}

// ---- reading

bool LocalSessions::exists(std::string_view sessionId) const {
  return SessionTransaction(zone_, sessionId).find(sessionId);
}

bool LocalSessions::show(std::string_view sessionId, store::Snapshot& snapshot, Instant now) const {
  SessionTransaction session(zone_, sessionId);
  if (!session.find(sessionId)) return false;
  session.copyTo(snapshot, now);
  return true;
}

store::SessionPage LocalSessions::list(store::SessionPlace after, std::uint32_t limit) const {
  return store::listSessions(zone_, after, limit);
}

Outcome LocalSessions::listConnections(std::string_view sessionId, std::optional<std::string_view> userId,
                                       std::vector<store::ConnectionRef>& connections) const {
  SessionTransaction session(zone_, sessionId);
  if (!session.find(sessionId)) return Outcome::refused(session::kSessionNotFound);
  if (userId) {
    const session::UserRef user = session.findUser(*userId);
    if (user == 0) return Outcome::refused(kUserNotFound);
    session.listConnections(user, connections);
    return {};
  }
  for (session::UserRef user = session.firstUser(); user != 0; user = session.nextUser(user))
    session.listConnections(user, connections);
  return {};
}

std::optional<std::string> LocalSessions::mediaFor(std::string_view sessionId, std::string_view userId) const {
  SessionTransaction session(zone_, sessionId);
  const session::UserRef user = session.find(sessionId) ? session.findUser(userId) : 0;
  if (user == 0 || session.user(user).presence == session::Presence::kAway) return std::nullopt;
  return std::string(session.media().mediaUrl.value_or(""));
}

}  // namespace mediasync::server
