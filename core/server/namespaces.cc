// Which namespaces a connection is connected to, kept where every worker finds it.
#include "core/server/caller.h"
#include "core/server/worker.h"

namespace mediasync::server {

using store::ConnectionTransaction;

namespace {

constexpr std::string_view kMain = "/";

}  // namespace

bool Worker::isConnected(const Caller& caller, std::string_view nsp) {
  if (nsp == kMain && caller.link != nullptr) return caller.link->namespaceConnected;
  ConnectionTransaction txn(zone_, caller.connection.shard);
  if (!txn.open(caller.connection)) return false;
  return nsp == kMain ? txn.record().namespaceConnected : txn.hasNamespace(nsp);
}

Worker::Connected Worker::connectMain(Caller& caller, const Connecting& connecting) {
  {
    ConnectionTransaction txn(zone_, caller.connection.shard);
    if (!txn.open(caller.connection)) return Connected::kGone;
    if (txn.record().namespaceConnected) return Connected::kAlready;
    if (!connecting.auth.empty()) txn.keepAuth(connecting.auth);
    txn.edit(txn.record().namespaceConnected) = true;
    txn.edit(txn.record().connectBy) = 0;
    txn.edit(txn.record().evicted) = false;
    txn.edit(txn.record().socketId) = connecting.socketId;
    txn.edit(txn.record().pid) = connecting.pid.value_or(store::RandomId{});
    txn.edit(txn.record().recoverable) = connecting.pid.has_value();
    if (connecting.secret) txn.edit(txn.record().secret) = *connecting.secret;
    txn.noteUnsaved();
    txn.commit();
  }
  if (caller.link != nullptr) {
    caller.link->namespaceConnected = true;
    caller.link->recoverable = connecting.pid.has_value();
  }
  return Connected::kDone;
}

Worker::Connected Worker::connectOther(Caller& caller, std::string_view nsp, const store::RandomId& socketId) {
  ConnectionTransaction txn(zone_, caller.connection.shard);
  if (!txn.open(caller.connection)) return Connected::kGone;
  if (txn.hasNamespace(nsp) || !txn.addNamespace(nsp, socketId)) return Connected::kAlready;
  txn.edit(txn.record().connectBy) = 0;
  txn.commit();
  return Connected::kDone;
}

// The client leaves the namespace, its connection stays: to the session it is a lost connection, and not one that can
// be recovered. It may connect anew.
void Worker::disconnectMain(Caller& caller) {
  store::RandomId pid{};
  bool recoverable = false;
  {
    ConnectionTransaction txn(zone_, caller.connection.shard);
    if (!txn.open(caller.connection)) return;
    tellDisconnected(txn);
    loseSeat(txn, env_.now());
    pid = txn.record().pid;
    recoverable = txn.record().recoverable;
    txn.edit(txn.record().namespaceConnected) = false;
    txn.edit(txn.record().recoverable) = false;
    txn.edit(txn.record().acks) = {};
    if (!txn.isConnectedSomewhere()) beginConnectTime(txn, caller.options);
    txn.commit();
    seatChanged(caller, txn);
  }
  if (recoverable) forgetRecovery(pid, caller.connection);
}

// After the commit: where the connection is looked after, it is known at once; elsewhere, when the mail is opened.
void Worker::seatChanged(Caller& caller, ConnectionTransaction& txn) {
  if (caller.link == nullptr) return txn.notifyOwner(wake_);
  syncSeat(*caller.link, txn.record());
}

void Worker::disconnectOther(Caller& caller, std::string_view nsp) {
  ConnectionTransaction txn(zone_, caller.connection.shard);
  if (!txn.open(caller.connection) || !txn.removeNamespace(nsp)) return;
  if (!txn.isConnectedSomewhere()) beginConnectTime(txn, caller.options);
  txn.commit();
  seatChanged(caller, txn);
}

// The time within which a client has to connect to something begins.
void Worker::beginConnectTime(ConnectionTransaction& txn, const Options& options) {
  if (!engineApplication(options.application).expectsConnect()) return;
  txn.edit(txn.record().connectBy) = env_.now().mono + options.connectTimeout;
}

void Worker::awaitConnect(Link& link, std::int64_t connectBy) {
  link.connectBy = connectBy;
  setDeadline(link, link.heartbeatAt);
}

std::uint64_t Worker::newAckId(const store::ConnectionRef& connection, std::string_view nsp, std::uint32_t tag) {
  ConnectionTransaction txn(zone_, connection.shard);
  if (!txn.open(connection)) return 0;
  const std::uint32_t id = txn.askAck(nsp);
  txn.commit();
  return std::uint64_t{tag} << 32 | id;
}

bool Worker::takeAckId(const Caller& caller, std::string_view nsp, std::uint64_t id) {
  ConnectionTransaction txn(zone_, caller.connection.shard);
  if (!txn.open(caller.connection) || !txn.takeAck(nsp, id & 0xffffffff)) return false;
  txn.commit();
  return true;
}

}  // namespace mediasync::server
