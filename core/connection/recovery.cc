#include "core/connection/recovery.h"

#include <utility>

#include "core/connection/caller.h"
#include "core/connection/departures.h"
#include "core/connection/handshakes.h"
#include "core/connection/replies.h"
#include "core/delivery/rooms.h"
#include "core/delivery/snapshots.h"
#include "core/session/rules.h"

namespace mediasync::server {

using store::ConnectionTransaction;
using store::ItemKind;
using store::RandomId;
using store::RecoveryTransaction;
using store::SessionTransaction;

namespace {

// Also as the session was called before a restart; but what it had to tell after it was last saved is not in its log.
bool isOf(const store::SessionRecord& session, const Offset& offset) {
  return offset.session == session.serial ||
         (offset.session == session.formerSerial && offset.event < session.formerEnd);
}

}  // namespace

Recovery::Recovery(Context& context, Departures& departures, Handshakes& handshakes, Replies& replies, Rooms& rooms,
                   Snapshots& snapshots)
    : Part(context),
      departures_(departures),
      handshakes_(handshakes),
      replies_(replies),
      rooms_(rooms),
      snapshots_(snapshots) {}

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

// Where a client comes back to.
struct Recovery::Return {
  store::SeatRef seat;
  std::uint64_t from = 0;  // the first event it has missed
  std::uint64_t head = 0;  // the end of the log
  bool snapshot = false;   // it does not know the session yet
};

// False: the user or events that it has missed are gone.
bool Recovery::findReturn(SessionTransaction& session, const Claim& claim, std::optional<Offset> offset,
                          Return& found) {
  if (!session.openUser(claim.seat)) return false;
  // An offset from before it joined is of an earlier time, or of another session: session_joined has not been received.
  found.snapshot = claim.seat.awaitingSnapshot || !offset || !isOf(session.record(), *offset) ||
                   offset->event + 1 < claim.seat.joinedAt;
  found.from = found.snapshot ? session.logEnd() : offset->event + 1;
  return store::logHolds(session.record().log, found.from);
}

bool Recovery::comeBack(Caller& caller, const Claim& claim, const Connecting& connecting, std::optional<Offset> offset,
                        std::string_view answer) {
  Return found;
  try {
    if (!retake(caller, claim, connecting, offset, answer, found)) return false;
  } catch (const store::Busy&) {
    unclaim(caller, claim);  // until it is tried again, should it be
    throw;
  }
  ++counters().recoveries;
  if (caller.link != nullptr) enterAgain(caller, found, answer);
  return true;
}

// What happens under the locks.
bool Recovery::retake(Caller& caller, const Claim& claim, const Connecting& connecting, std::optional<Offset> offset,
                      std::string_view answer, Return& found) {
  const Instant now = env_.now();
  ConnectionTransaction txn(zone_, caller.connection.shard);
  if (!txn.open(caller.connection) || txn.record().namespaceConnected) return false;
  if (!connecting.auth.empty()) txn.keepAuth(connecting.auth);
  if (claim.seat.session != 0) {
    SessionTransaction session(zone_, claim.seat.shard);
    if (!findReturn(session, claim, offset, found)) return false;
    if (session::comeBack(session, session.seatUser(), now)) return false;
    found.seat = session.addConnection(session.seatUser(), txn.ref());
    if (caller.link != nullptr) session.addWatch(id_);
    found.head = session.logEnd();
    if (found.snapshot) found.from = found.head;
    if (!store::logHolds(session.record().log, found.from)) return false;  // telling the others has cost what it missed
    session.commit(wake_);
  }
  txn.recover({claim.socketId, claim.pid, connecting.secret, found.seat, found.from, claim.seat.joinedAt, found.head});
  if (caller.link == nullptr) txn.welcomeBack(answer, found.snapshot);
  txn.commit(wake_);
  return true;
}

// Over WebSocket.
void Recovery::enterAgain(Caller& caller, const Return& found, std::string_view answer) {
  Link& link = *caller.link;
  link.namespaceConnected = true;
  link.recoverable = true;
  link.seat = found.seat;
  replies_.reply(caller, answer);
  if (!found.seat) return;
  // The others here are brought up to date first, so that this one reads what it has missed on its own.
  if (Room* room = rooms_.find(found.seat.session)) rooms_.deliver(*room);
  link.ownBefore = found.head;
  rooms_.enterRoom(link, found.from, found.head);
  link.hasRead = true;  // it did before
  link.awaitsSnapshot = found.snapshot;
  if (found.snapshot) {
    snapshots_.sendSnapshot(link, ItemKind::kSessionJoined);
  } else {
    rooms_.catchUp(link);
  }
}

}  // namespace mediasync::server
