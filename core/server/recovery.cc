// Connection state recovery: a client that lost its connection comes back with the private id it was given and the
// offset of the last event it has, and goes on as if nothing had happened. The session's log is what is replayed.
#include <utility>

#include "core/server/caller.h"
#include "core/server/worker.h"
#include "core/session/rules.h"

namespace mediasync::server {

using store::ConnectionTransaction;
using store::ItemKind;
using store::LostSeat;
using store::RandomId;
using store::RecoveryTransaction;
using store::SessionTransaction;

namespace {

// Lost connections that time out in one sweep of one shard.
constexpr int kExpiriesAtOnce = 256;
// So much of a log that is left behind counts as one more session.
constexpr std::uint32_t kLogPerSession = 4 * 1024;

}  // namespace

bool Worker::canRecover(const Caller& caller) const {
  return caller.options.recovery && zone_.settings().recovery > 0 &&
         caller.protocol.revision == engineio::Revision::kV4;
}

std::optional<SecretHash> Worker::secretOf(const Caller& caller, std::optional<std::string_view> given) {
  if (!caller.options.asksSecret) return std::nullopt;
  if (given) return zone_.hashOfSecret(*given);
  ConnectionTransaction txn(zone_, caller.connection.shard);
  return txn.open(caller.connection) ? std::optional(txn.record().secret) : std::nullopt;
}

store::Realm Worker::returnRealm(const Caller& caller, const Connecting& connecting) const {
  return store::returnRealm(realmOf(caller.options), connecting.secret.value_or(SecretHash{}));
}

bool Worker::makeRecoverable(const Caller& caller, const RandomId& pid, const Connecting& connecting) {
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

void Worker::forgetRecovery(const RandomId& pid, const store::ConnectionRef& connection) {
  RecoveryTransaction txn(zone_, pid);
  if (!txn.find(pid) || !txn.belongsTo(connection)) return;
  txn.remove();
  txn.commit();
}

// The connection loses its seat: what its client may come back to.
Worker::Leftover Worker::vacate(ConnectionTransaction& txn, Instant now, Departure departure) {
  Leftover leftover;
  leftover.recoverable = txn.record().recoverable;
  leftover.pid = txn.record().pid;
  leftover.connection = txn.ref();
  const bool seated = static_cast<bool>(txn.record().seat);
  const bool evicted = txn.record().evicted;
  leftover.seat = loseSeat(txn, now, departure);
  leftover.client = txn.record().client;
  if (leftover.seat.session != 0) leftover.logBytes = logLeftIn(leftover.seat);
  leftover.isStale = evicted || (seated && leftover.seat.session == 0);
  return leftover;
}

// The record of the connection goes as well, and with it the transaction. `link`: it is this worker's.
Worker::Leftover Worker::endConnection(ConnectionTransaction& txn, Instant now, Departure departure, Ending ending,
                                       const Link* link) {
  const Leftover leftover = vacate(txn, now, departure);
  tellDisconnected(txn);
  Ended ended = endOf(txn, now, ending, link);
  txn.destroy();
  txn.commit();
  noteEnd(std::move(ended));
  return leftover;
}

void Worker::keepForRecovery(const Leftover& leftover, Instant now) {
  if (!leftover.recoverable) return;
  if (leftover.isStale) return forgetRecovery(leftover.pid, leftover.connection);
  RecoveryTransaction txn(zone_, leftover.pid);
  if (!txn.find(leftover.pid) || !txn.belongsTo(leftover.connection)) return;
  txn.lose(leftover.seat, now);
  txn.commit();
}

// Bytes of the log of a session that all have lost.
std::uint32_t Worker::logLeftIn(const store::LostSeat& seat) {
  SessionTransaction session(zone_, seat.shard);
  return session.openUser(seat) && session.record().idle ? session.record().log.bytes : 0;
}

// Nobody may take that memory for as long as somebody may come back, so whoever leaves much of it behind is soon let
// make no more, once memory is not plenty.
void Worker::chargeForLog(std::uint64_t client, std::uint32_t logBytes, const Options& options, Instant now) {
  const store::PageHeap& heap = zone_.header().heap;
  if (heap.freePages() > heap.total() / 2) return;
  zone_.chargeClient(client, options.rates.ownSessions, logBytes / kLogPerSession, now);
}

// The claim has come to nothing, and who made it goes on as somebody else.
void Worker::forgetClaim(const Caller& caller, const Claim& claim) {
  forgetRecovery(claim.pid, caller.connection);
  chargeForLog(claim.client, claim.logBytes, caller.options, env_.now());
}

std::optional<Worker::Claim> Worker::claim(const Caller& caller, const RandomId& pid, const Connecting& connecting) {
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
  const auto leftover = takeOver(before, pid);
  if (!leftover) return std::nullopt;
  if (leftover->isStale) {
    forgetRecovery(pid, before);
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

bool Worker::awaitsConnect(const Caller& caller) {
  ConnectionTransaction txn(zone_, caller.connection.shard);
  return txn.open(caller.connection) && txn.record().closing == store::Closing::kNo && !txn.record().namespaceConnected;
}

// Ends a connection whose client has come back by another one. nullopt: it does not go by that pid (yet).
std::optional<Worker::Leftover> Worker::takeOver(const store::ConnectionRef& connection, const RandomId& pid) {
  ConnectionTransaction txn(zone_, connection.shard);
  if (!txn.open(connection) || !txn.record().recoverable || txn.record().pid != pid) return std::nullopt;
  const Leftover leftover = vacate(txn, env_.now());
  txn.edit(txn.record().recoverable) = false;
  markClosing(txn, store::Closing::kByServer, store::EndReason::kReplaced);
  txn.commit();
  txn.notifyOwner(wake_);
  return leftover;
}

void Worker::unclaim(const Caller& caller, const Claim& claim) {
  keepForRecovery({true, false, claim.pid, caller.connection, claim.seat}, env_.now());
}

// Where a client comes back to.
struct Worker::Return {
  store::SeatRef seat;
  std::uint64_t from = 0;  // the first event it has missed
  std::uint64_t head = 0;  // the end of the log
  bool snapshot = false;   // it does not know the session yet
};

namespace {

// Also as the session was called before a restart; but what it had to tell after it was last saved is not in its log.
bool isOf(const store::SessionRecord& session, const Offset& offset) {
  return offset.session == session.serial ||
         (offset.session == session.formerSerial && offset.event < session.formerEnd);
}

}  // namespace

// False: the user or events that it has missed are gone.
bool Worker::findReturn(SessionTransaction& session, const Claim& claim, std::optional<Offset> offset, Return& found) {
  if (!session.openUser(claim.seat)) return false;
  // An offset from before it joined is of an earlier time, or of another session: session_joined has not been received.
  found.snapshot = claim.seat.awaitingSnapshot || !offset || !isOf(session.record(), *offset) ||
                   offset->event + 1 < claim.seat.joinedAt;
  found.from = found.snapshot ? session.logEnd() : offset->event + 1;
  return store::logHolds(session.record().log, found.from);
}

bool Worker::comeBack(Caller& caller, const Claim& claim, const Connecting& connecting, std::optional<Offset> offset,
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
bool Worker::retake(Caller& caller, const Claim& claim, const Connecting& connecting, std::optional<Offset> offset,
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
  txn.edit(txn.record().namespaceConnected) = true;
  txn.edit(txn.record().connectBy) = 0;
  txn.edit(txn.record().socketId) = claim.socketId;
  txn.edit(txn.record().pid) = claim.pid;
  txn.edit(txn.record().recoverable) = true;
  if (connecting.secret) txn.edit(txn.record().secret) = *connecting.secret;
  txn.edit(txn.record().seat) = found.seat;
  txn.edit(txn.record().cursor) = found.from;
  txn.edit(txn.record().joinedAt) = claim.seat.joinedAt;
  txn.edit(txn.record().ownBefore) = found.head;
  if (txn.account() != nullptr) txn.edit(txn.account()->recovered) = true;
  txn.noteUnsaved();
  if (caller.link == nullptr) {
    txn.push(ItemKind::kRecovered, answer);
    if (found.snapshot) txn.push(ItemKind::kSessionJoined, {});
    txn.edit(txn.record().awaitingSnapshot) = found.snapshot;
  }
  txn.commit();
  if (caller.link == nullptr) txn.notifyOwner(wake_);
  return true;
}

// Over WebSocket.
void Worker::enterAgain(Caller& caller, const Return& found, std::string_view answer) {
  Link& link = *caller.link;
  link.namespaceConnected = true;
  link.recoverable = true;
  link.seat = found.seat;
  reply(caller, answer);
  if (!found.seat) return;
  // The others here are brought up to date first, so that this one reads what it has missed on its own.
  if (const auto room = rooms_.find(found.seat.session); room != rooms_.end()) deliver(*room->second);
  link.ownBefore = found.head;
  enterRoom(link, found.from, found.head);
  link.hasRead = true;  // it did before
  link.awaitsSnapshot = found.snapshot;
  if (found.snapshot) {
    sendSnapshot(link, ItemKind::kSessionJoined);
  } else {
    catchUp(link);
  }
}

void Worker::expireRecoveries(std::uint32_t shard, Instant now) {
  for (int i = 0; i < kExpiriesAtOnce; ++i) {
    RecoveryTransaction txn(zone_, shard);
    if (!txn.findOldestLost() || txn.record().lostAt + zone_.settings().recovery > now.mono) return;
    txn.remove();
    txn.commit();
  }
}

// A process that died between two steps may have left some whose connection does not know of them.
void Worker::findStrandedRecoveries() {
  stranded_.clear();
  for (std::uint32_t shard = 0; shard < zone_.shards(); ++shard) {
    RecoveryTransaction txn(zone_, shard);
    txn.forEach([&](const store::RecoveryRecord& record) {
      if (record.connection.ref != 0) stranded_.emplace_back(record.pid, record.connection);
    });
  }
  std::erase_if(stranded_, [this](const auto& one) { return isRecoverable(one.first, one.second); });
}

// Those that have been so for a while: a process that lives does its second step soon after the first.
void Worker::forgetStrandedRecoveries() {
  for (const auto& [pid, connection] : std::exchange(stranded_, {})) {
    if (!isRecoverable(pid, connection)) forgetRecovery(pid, connection);
  }
}

bool Worker::isRecoverable(const RandomId& pid, const store::ConnectionRef& connection) {
  ConnectionTransaction txn(zone_, connection.shard);
  return txn.open(connection) && txn.record().recoverable && txn.record().pid == pid;
}

}  // namespace mediasync::server
