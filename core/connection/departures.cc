#include "core/connection/departures.h"

#include <utility>

#include "core/connection/account.h"
#include "core/connection/disconnect_listener.h"
#include "core/store/recovery_table.h"
#include "core/store/session_transaction.h"

namespace mediasync::server {

using store::ConnectionTransaction;
using store::RandomId;
using store::RecoveryTransaction;
using store::SessionTransaction;

namespace {

// So much of a log that is left behind counts as one more session.
constexpr std::uint32_t kLogPerSession = 4 * 1024;

}  // namespace

Departures::Departures(Context& context, Accounts& accounts, DisconnectListener& listener, Sessions& sessions)
    : Part(context), accounts_(accounts), listener_(listener), sessions_(sessions) {}

// It says nothing against a client that its server sends away.
void Departures::chargeForLog(const Leftover& leftover, const Link& link, Instant now) {
  if (link.departure != Departure::kSentAway) chargeForLog(leftover.client, leftover.logBytes, *link.options, now);
}

void Departures::forgetRecovery(const RandomId& pid, const store::ConnectionRef& connection) {
  RecoveryTransaction txn(zone_, pid);
  if (!txn.find(pid) || !txn.belongsTo(connection)) return;
  txn.remove();
  txn.commit();
}

// The connection loses its seat: what its client may come back to.
Leftover Departures::vacate(ConnectionTransaction& txn, Instant now, Departure departure) {
  Leftover leftover;
  leftover.recoverable = txn.record().recoverable;
  leftover.pid = txn.record().pid;
  leftover.connection = txn.ref();
  const bool seated = static_cast<bool>(txn.record().seat);
  const bool evicted = txn.record().evicted;
  leftover.seat = loseSeat(sessions_, txn, now, departure);
  leftover.client = txn.record().client;
  if (leftover.seat.session != 0) leftover.logBytes = logLeftIn(leftover.seat);
  leftover.isStale = evicted || (seated && leftover.seat.session == 0);
  return leftover;
}

// The record of the connection goes as well, and with it the transaction. `link`: it is this worker's.
Leftover Departures::endConnection(ConnectionTransaction& txn, Instant now, Departure departure, Ending ending,
                                   const Link* link) {
  const Leftover leftover = vacate(txn, now, departure);
  listener_.disconnected(txn);
  Ended ended = accounts_.endOf(txn, now, ending, link);
  txn.destroy();
  txn.commit();
  accounts_.noteEnd(std::move(ended));
  return leftover;
}

void Departures::keepForRecovery(const Leftover& leftover, Instant now) {
  if (!leftover.recoverable) return;
  if (leftover.isStale) return forgetRecovery(leftover.pid, leftover.connection);
  RecoveryTransaction txn(zone_, leftover.pid);
  if (!txn.find(leftover.pid) || !txn.belongsTo(leftover.connection)) return;
  txn.lose(leftover.seat, now);
  txn.commit();
}

// Bytes of the log of a session that all have lost.
std::uint32_t Departures::logLeftIn(const store::LostSeat& seat) {
  SessionTransaction session(zone_, seat.shard);
  return session.openUser(seat) && session.record().idle ? session.record().log.bytes : 0;
}

// Nobody may take that memory for as long as somebody may come back, so whoever leaves much of it behind is soon let
// make no more, once memory is not plenty.
void Departures::chargeForLog(std::uint64_t client, std::uint32_t logBytes, const Options& options, Instant now) {
  const store::PageHeap& heap = zone_.header().heap;
  if (heap.freePages() > heap.total() / 2) return;
  zone_.chargeClient(client, options.rates.ownSessions, logBytes / kLogPerSession, now);
}

// Ends a connection whose client has come back by another one. nullopt: it does not go by that pid (yet).
std::optional<Leftover> Departures::takeOver(const store::ConnectionRef& connection, const RandomId& pid) {
  ConnectionTransaction txn(zone_, connection.shard);
  if (!txn.open(connection) || !txn.record().recoverable || txn.record().pid != pid) return std::nullopt;
  const Leftover leftover = vacate(txn, env_.now());
  txn.endRecovery();
  txn.markClosing(store::Closing::kByServer, store::EndReason::kReplaced);
  txn.commit(wake_);
  return leftover;
}

}  // namespace mediasync::server
