#include "core/connection/namespaces.h"

#include <utility>

#include "core/connection/caller.h"
#include "core/connection/departures.h"
#include "core/connection/disconnect_listener.h"
#include "core/connection/replies.h"
#include "core/connection/work.h"
#include "core/sessions/seats.h"

namespace mediasync::server {

using store::ConnectionTransaction;

namespace {

constexpr std::string_view kMain = "/";

}  // namespace

Namespaces::Namespaces(Context& context, Departures& departures, DisconnectListener& listener, Replies& replies,
                       Sessions& sessions)
    : Part(context), departures_(departures), listener_(listener), replies_(replies), sessions_(sessions) {}

// A client that is refused may try again on the same connection, but not as often as it likes.
bool Namespaces::connectsTooOften(const Caller& caller) {
  return caller.options.hooks && replies_.isTooFast(caller);
}

// They are not refused: what the connection sends next waits for it.
void Namespaces::chargeConnect(const Caller& caller) {
  if (!caller.again) caller.allowance.input.charge(caller.options.rates.input, env_.now().mono, kConnectCost);
}

bool Namespaces::isConnected(const Caller& caller, std::string_view nsp) {
  if (nsp == kMain) return caller.isConnectedToMain();
  ConnectionTransaction txn(zone_, caller.connection.shard);
  return txn.open(caller.connection) && txn.hasNamespace(nsp);
}

Connected Namespaces::connectMain(Caller& caller, const Connecting& connecting) {
  {
    ConnectionTransaction txn(zone_, caller.connection.shard);
    if (!txn.open(caller.connection)) return Connected::kGone;
    if (txn.record().namespaceConnected) return Connected::kAlready;
    if (!connecting.auth.empty()) txn.keepAuth(connecting.auth);
    txn.connectMain({connecting.socketId, connecting.pid, connecting.secret});
    txn.commit();
  }
  caller.connectedToMain(connecting.pid.has_value());
  return Connected::kDone;
}

Connected Namespaces::connectOther(Caller& caller, std::string_view nsp, const store::RandomId& socketId) {
  ConnectionTransaction txn(zone_, caller.connection.shard);
  if (!txn.open(caller.connection)) return Connected::kGone;
  if (txn.hasNamespace(nsp) || !txn.connectOther(nsp, socketId)) return Connected::kAlready;
  txn.commit();
  return Connected::kDone;
}

// The client leaves the namespace, its connection stays: to the session it is a lost connection, and not one that can
// be recovered. It may connect anew.
void Namespaces::disconnectMain(Caller& caller) {
  store::RandomId pid{};
  bool recoverable = false;
  {
    ConnectionTransaction txn(zone_, caller.connection.shard);
    if (!txn.open(caller.connection)) return;
    listener_.disconnected(txn);
    loseSeat(sessions_, txn, env_.now());
    pid = txn.record().pid;
    recoverable = txn.record().recoverable;
    txn.disconnectMain(caller.origin);
    if (!txn.isConnectedSomewhere()) beginConnectTime(txn, caller.options);
    txn.commit(wake_);
    caller.recordChanged(txn.record());
  }
  if (recoverable) departures_.forgetRecovery(pid, caller.connection);
}

void Namespaces::disconnectOther(Caller& caller, std::string_view nsp) {
  ConnectionTransaction txn(zone_, caller.connection.shard);
  if (!txn.open(caller.connection) || !txn.disconnectOther(nsp, caller.origin)) return;
  if (!txn.isConnectedSomewhere()) beginConnectTime(txn, caller.options);
  txn.commit(wake_);
  caller.recordChanged(txn.record());
}

// The time within which a client has to connect to something begins.
void Namespaces::beginConnectTime(ConnectionTransaction& txn, const Options& options) {
  if (!speaksSocketIo(options.application)) return;
  txn.awaitConnect(env_.now().mono + options.connectTimeout);
}

std::uint64_t Namespaces::newAckId(const store::ConnectionRef& connection, std::string_view nsp, std::uint32_t tag) {
  ConnectionTransaction txn(zone_, connection.shard);
  if (!txn.open(connection)) return 0;
  const std::uint32_t id = txn.askAck(nsp);
  txn.commit();
  return std::uint64_t{tag} << 32 | id;
}

bool Namespaces::takeAckId(const Caller& caller, std::string_view nsp, std::uint64_t id) {
  ConnectionTransaction txn(zone_, caller.connection.shard);
  if (!txn.open(caller.connection) || !txn.takeAck(nsp, id & 0xffffffff)) return false;
  txn.commit();
  return true;
}

}  // namespace mediasync::server
