#include "core/sessions/joins.h"

#include "core/session/rules.h"
#include "core/sessions/admission.h"
#include "core/sessions/eviction.h"
#include "core/sessions/seats.h"

namespace mediasync::server {

using session::Refusal;
using store::ConnectionTransaction;
using store::SessionTransaction;

Joins::Joins(Context& context, Sessions& sessions, Admission& admission, Eviction& eviction)
    : Part(context), sessions_(sessions), admission_(admission), eviction_(eviction) {}

void Joins::join(Attempt& attempt, const session::JoinSession& command) {
  if (attempt.on.options.asksSecret && command.userSecret) attempt.secret = zone_.hashOfSecret(*command.userSecret);
  if (!makePlace(attempt, command.sessionId)) return;
  ConnectionTransaction txn(zone_, attempt.party.connection.shard);
  if (!txn.open(attempt.party.connection)) {
    attempt.outcome.kind = Outcome::Kind::kGone;
    return;
  }
  if (!txn.record().seat || !joinAgain(attempt, command, txn)) joinAnew(attempt, command, txn);
}

// Sessions without anybody give way to one that a join is about to make, where there are as many as there may be, and
// it may be made. Before any lock is held: a session of very many users takes its time to go. False: it may not.
bool Joins::makePlace(Attempt& attempt, std::string_view sessionId) {
  const Options& options = attempt.on.options;
  if (!options.creates || !admission_.isOneTooMany(options)) return true;
  std::uint64_t client = 0;
  {
    ConnectionTransaction txn(zone_, attempt.party.connection.shard);
    if (!txn.open(attempt.party.connection)) return true;
    client = txn.record().client;
    if (const store::SeatRef seat = txn.record().seat) {
      SessionTransaction session(zone_, seat.shard);
      if (session.openSeat(seat)) return true;
    }
  }
  {
    SessionTransaction session(zone_, sessionId);
    if (session.find(sessionId)) return true;
  }
  if (!admitSession(attempt, client)) return false;
  eviction_.evictOne(attempt.on.now);
  return true;
}

// Counts the session that a join makes, once, however often that is tried. False: there were too many.
bool Joins::admitSession(Attempt& attempt, std::uint64_t client) {
  if (attempt.isAdmitted) return true;
  attempt.isAdmitted = admission_.admitsSession(client, attempt.on.options.rates, attempt.on.now);
  if (!attempt.isAdmitted) attempt.outcome.refuse(session::kRateLimited);
  return attempt.isAdmitted;
}

// The connection is in a session already. False: that seat is none any more, and the client may join as if new.
bool Joins::joinAgain(Attempt& attempt, const session::JoinSession& command, const ConnectionTransaction& txn) {
  SessionTransaction session(zone_, txn.record().seat.shard);
  if (!session.openSeat(txn.record().seat)) return false;
  const session::UserRef user = session.seatUser();
  Refusal refusal = session::checkRejoin(session.id(), session.user(user).id, command);
  if (!refusal) refusal = session::refresh(session, user, command, attempt.secret, attempt.on.now);
  if (refusal) {
    attempt.outcome.refuse(refusal);
    return true;
  }
  attempt.outcome.isLeader = session.leaderId() == command.userId;
  if (attempt.on.options.rates.replies) attempt.outcome.stateBytes = session.stateBytes();
  session.commit(wake_);
  return true;
}

void Joins::joinAnew(Attempt& attempt, const session::JoinSession& command, ConnectionTransaction& txn) {
  if (txn.record().seat) {
    if (mustCollectFirst(attempt, txn)) {
      attempt.outcome.kind = Outcome::Kind::kWait;
      return;
    }
    loseSeat(sessions_, txn, attempt.on.now);
  }
  if (!enter(attempt, command, txn)) return;
  txn.seat(attempt.outcome.place.seat, attempt.outcome.place.cursor, attempt.party.origin);
  txn.commit(wake_);
}

// False: that is refused.
bool Joins::enter(Attempt& attempt, const session::JoinSession& command, const ConnectionTransaction& txn) {
  const Options& options = attempt.on.options;
  const Instant now = attempt.on.now;
  Outcome& outcome = attempt.outcome;
  session::Terms terms{options.maxUsers, attempt.secret};
  if (options.asksSecret && !terms.secret) terms.secret = txn.record().secret;
  SessionTransaction session(zone_, command.sessionId);
  if (!findOrCreate(attempt, command, txn.record().client, session)) return false;
  outcome.wait.session = session.record().serial;
  session::UserRef user = 0;
  Refusal refusal = session.admitJoin(options.rates.sessionJoins, now) ? Refusal{} : session::kRateLimited;
  if (!refusal) refusal = session::join(session, command, terms, now, &user);
  if (refusal) {
    outcome.refuse(refusal);
    return false;
  }
  Place place;
  place.seat = session.addConnection(user, txn.ref());
  // So that a join without memory for that is refused.
  if (attempt.party.origin == store::Origin::kOwner) session.addWatch(id_);
  place.cursor = place.head = session.logEnd();
  place.needsSnapshot = true;
  outcome.isLeader = session.leaderId() == command.userId;
  if (options.rates.replies) outcome.stateBytes = session.stateBytes();
  session.commit(wake_);
  outcome.place = place;
  return true;
}

// False: there is none, and it may not be made.
bool Joins::findOrCreate(Attempt& attempt, const session::JoinSession& command, std::uint64_t client,
                         SessionTransaction& session) {
  if (session.find(command.sessionId)) return true;
  const Options& options = attempt.on.options;
  if (!options.creates || admission_.isOneTooMany(options)) {
    attempt.outcome.refuse(options.creates ? session::kTooManySessions : session::kSessionNotFound);
    return false;
  }
  if (!admitSession(attempt, client)) return false;
  session.create(command.sessionId, command.userId, attempt.on.now);
  return true;
}

// A polling connection that leaves its session has events to collect before. One that is being upgraded does not poll
// until this POST is done, and goes without.
bool Joins::mustCollectFirst(const Attempt& attempt, const ConnectionTransaction& txn) const {
  const store::ConnectionRecord& record = txn.record();
  if (attempt.party.origin == store::Origin::kOwner) return false;
  if (!record.seat || record.upgradingUntil > attempt.on.now.mono) return false;
  if (record.awaitingSnapshot) return true;
  SessionTransaction session(zone_, record.seat.shard);
  return session.open(record.seat.session, record.seat.sessionSerial) && record.cursor < session.logEnd();
}

void Joins::leave(Attempt& attempt) {
  Outcome& outcome = attempt.outcome;
  ConnectionTransaction txn(zone_, attempt.party.connection.shard);
  if (!txn.open(attempt.party.connection)) {
    outcome.kind = Outcome::Kind::kGone;
    return;
  }
  const store::SeatRef seat = txn.record().seat;
  if (!seat) return outcome.refuse(session::kNotInSession);
  if (mustCollectFirst(attempt, txn)) {
    outcome.kind = Outcome::Kind::kWait;
    return;
  }
  bool wasSeated = false;
  {
    outcome.wait.session = seat.sessionSerial;
    SessionTransaction session(zone_, seat.shard);
    wasSeated = session.openSeat(seat);
    if (wasSeated) session::leave(session, session.seatUser(), attempt.on.now);
    if (wasSeated) session.commit(wake_);
  }
  txn.leave(attempt.party.origin);
  txn.commit(wake_);
  outcome.hasLeft = true;
  if (!wasSeated) outcome.refuse(session::kNotInSession);
}

}  // namespace mediasync::server
