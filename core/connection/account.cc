#include "core/connection/account.h"

#include <algorithm>
#include <utility>

#include "core/store/session_transaction.h"

namespace mediasync::server {

using store::ConnectionTransaction;
using store::EndReason;
using store::SessionTransaction;
using store::Transport;

Accounts::Accounts(Context& context) : Part(context) {}

// The reason for which this worker sends clients away.
EndReason Accounts::departureReason() const {
  return context_.isOutdated() ? EndReason::kReload : EndReason::kShutdown;
}

// The record of a polling connection learns what this worker, which does not go on with it, has sent.
void Accounts::settleAccount(Link& link) {
  if (link.transport != Transport::kPolling || link.traffic.isNone()) return;
  ConnectionTransaction txn(zone_, link.connection.shard);
  if (!txn.open(link.connection)) return;
  txn.addToAccount(link.traffic);
  txn.commit();
  link.traffic = {};
}

// The current connection is about to be destroyed. Whoever marked it as closing knew why; without `link`, its WebSocket
// was another worker's.
Ended Accounts::endOf(const ConnectionTransaction& txn, Instant now, const Ending& ending, const Link* link) const {
  const store::ConnectionRecord& record = txn.record();
  const store::AccountRecord* account = txn.account();
  Ended ended;
  ended.reason = record.closing != store::Closing::kNo ? record.ending : ending.reason;
  if (account == nullptr || account->location == 0) return ended;
  ended.location = account->location;
  ended.client = account->address;
  ended.transport = record.transport;
  ended.revision = static_cast<engineio::Revision>(record.revision);
  if (record.socketId != store::RandomId{}) ended.socketId = store::idText(record.socketId);
  nameSeat(*account, ended);
  if (ended.userId.empty() && link != nullptr) ended.userId = link->options->user.value_or("");
  ended.duration = std::max<std::int64_t>(now.mono - account->since, 0);  // it may have begun since `now` was asked for
  ended.code = ending.code;
  ended.recovered = account->recovered;
  if (link != nullptr || record.transport == Transport::kPolling) {
    ended.traffic = account->polled;
    if (link != nullptr) ended.traffic->add(link->traffic);
  }
  return ended;
}

// It is gone: what is undone with its transaction is no end yet.
void Accounts::noteEnd(Ended ended) {
  zone_.header().ended[static_cast<std::size_t>(ended.reason)].fetch_add(1, std::memory_order_relaxed);
  if (ended.location != 0) ended_.push_back(std::move(ended));
}

void Accounts::nameSeat(const store::AccountRecord& account, Ended& ended) const {
  if (account.session == 0) return;
  SessionTransaction session(zone_, account.shard);
  if (!session.open(account.session, account.sessionSerial)) return;
  ended.sessionId = session.id();
  store::LostSeat seat;
  seat.session = account.session;
  seat.sessionSerial = account.sessionSerial;
  seat.user = account.user;
  seat.userSerial = account.userSerial;
  seat.shard = account.shard;
  if (session.openUser(seat)) ended.userId = session.user(session.seatUser()).id;
}

void Accounts::tellEnded() {
  for (const Ended& ended : std::exchange(ended_, {}))
    env_.ended(ended);
}

}  // namespace mediasync::server
