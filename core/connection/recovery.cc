#include "core/connection/recovery.h"

#include <utility>

#include "core/connection/caller.h"
#include "core/connection/departures.h"
#include "core/connection/handshakes.h"
#include "core/sessions/sessions.h"

namespace mediasync::server {

using store::ConnectionTransaction;
using store::RandomId;
using store::RecoveryTransaction;

Recovery::Recovery(Context& context, Departures& departures, Handshakes& handshakes, Sessions& sessions)
    : Part(context), departures_(departures), handshakes_(handshakes), sessions_(sessions) {}

bool Recovery::canRecover(const Caller& caller) const {
  return caller.options.recovery && zone_.settings().recovery > 0 &&
         caller.protocol.revision == engineio::Revision::kV4;
}

std::optional<SecretHash> Recovery::secretOf(const Caller& caller, std::optional<std::string_view> given) {
  if (!caller.options.asksSecret) return std::nullopt;
  if (given) return zone_.hashOfSecret(*given);
  ConnectionTransaction txn(zone_, caller.connection.shard);
  return txn.open(caller.connection) ? std::optional(txn.record().secret) : std::nullopt;
}

store::Realm Recovery::returnRealm(const Caller& caller, const Connecting& connecting) const {
  return store::returnRealm(handshakes_.realmOf(caller.options), connecting.secret.value_or(SecretHash{}));
}

bool Recovery::makeRecoverable(const Caller& caller, const RandomId& pid, const Connecting& connecting) {
  for (bool again = true;;) {
    try {
      RecoveryTransaction txn(zone_, pid);
      txn.create(pid, connecting.socketId, caller.connection, returnRealm(caller, connecting));
      txn.commit();
      return true;
    } catch (const store::OutOfSpace&) {
    }
    RecoveryTransaction txn(zone_, pid);
    if (!std::exchange(again, false) || !txn.evict()) return false;
    txn.commit();
  }
}

// The claim has come to nothing, and who made it goes on as somebody else.
void Recovery::forgetClaim(const Caller& caller, const Claim& claim) {
  departures_.forgetRecovery(claim.pid, caller.connection);
  departures_.chargeForLog(claim.client, claim.logBytes, caller.options, env_.now());
}

std::optional<Claim> Recovery::claim(const Caller& caller, const RandomId& pid, const Connecting& connecting) {
  if (!awaitsConnect(caller)) return std::nullopt;  // a CONNECT that had to wait, and whose client has gone on since
  Claim claim{pid, {}, {}, 0, 0};
  store::ConnectionRef before;
  {
    RecoveryTransaction txn(zone_, pid);
    if (!txn.find(pid) || txn.record().realm() != returnRealm(caller, connecting)) return std::nullopt;
    claim.socketId = txn.record().socketId;
    claim.seat = txn.record().seat;
    if (txn.isLost()) {
      txn.claim(caller.connection, claim.seat);
      txn.commit();
      return claim;
    }
    if (txn.belongsTo(caller.connection)) return claim;  // tried again
    before = txn.record().connection;
  }
  // The client is back before its old connection was missed.
  const auto leftover = departures_.takeOver(before, pid);
  if (!leftover) return std::nullopt;
  if (leftover->isStale) {
    departures_.forgetRecovery(pid, before);
    return std::nullopt;
  }
  claim.seat = leftover->seat;
  claim.client = leftover->client;
  claim.logBytes = leftover->logBytes;
  RecoveryTransaction txn(zone_, pid);
  if (!txn.find(pid) || !txn.belongsTo(before)) return std::nullopt;
  txn.claim(caller.connection, claim.seat);
  txn.commit();
  return claim;
}

bool Recovery::awaitsConnect(const Caller& caller) {
  ConnectionTransaction txn(zone_, caller.connection.shard);
  return txn.open(caller.connection) && txn.record().closing == store::Closing::kNo && !txn.record().namespaceConnected;
}

void Recovery::unclaim(const Caller& caller, const Claim& claim) {
  departures_.keepForRecovery({true, false, claim.pid, caller.connection, claim.seat}, env_.now());
}

Outcome Recovery::comeBack(Caller& caller, const Claim& claim, const Connecting& connecting,
                           std::optional<Offset> offset, std::string_view answer) {
  Outcome outcome;
  try {
    outcome = retake(caller, claim, connecting, offset, answer);
  } catch (const store::OutOfSpace&) {  // for what came with CONNECT
    return Outcome::refused(session::kZoneFull);
  }
  if (outcome.kind == Outcome::Kind::kWait) unclaim(caller, claim);  // until it is tried again, should it be
  if (!outcome.isDone()) return outcome;
  ++counters().recoveries;
  caller.cameBack(outcome.place, answer);
  return outcome;
}

// The part under the locks.
Outcome Recovery::retake(Caller& caller, const Claim& claim, const Connecting& connecting, std::optional<Offset> offset,
                         std::string_view answer) {
  Outcome outcome;
  ConnectionTransaction txn(zone_, caller.connection.shard);
  if (!txn.open(caller.connection) || txn.record().namespaceConnected) return Outcome::gone();
  if (!connecting.auth.empty()) txn.keepAuth(connecting.auth);
  if (claim.seat.session != 0) {
    outcome = sessions_.comeBack({caller.connection, caller.origin, claim.seat, offset}, env_.now());
    if (!outcome.isDone()) return outcome;
  }
  const Place& place = outcome.place;
  txn.recover(
      {claim.socketId, claim.pid, connecting.secret, place.seat, place.cursor, claim.seat.joinedAt, place.head});
  caller.comingBack(txn, place, answer);
  txn.commit(wake_);
  return outcome;
}

}  // namespace mediasync::server
