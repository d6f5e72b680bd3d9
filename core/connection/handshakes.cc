#include "core/connection/handshakes.h"

#include <utility>

#include "core/connection/namespaces.h"
#include "core/connection/work.h"
#include "core/engineio/payload_writer.h"

namespace mediasync::server {

using store::ConnectionTransaction;
using store::EndReason;
using store::Transport;

namespace {

// The delay of a ping of ours for which no client is blamed.
constexpr std::int64_t kPingSlack = 1'000;

}  // namespace

Handshakes::Handshakes(Context& context, Namespaces& namespaces) : Part(context), namespaces_(namespaces) {}

NoSpace Handshakes::turnAway(NoSpace why) {
  counters().turnedAway.add(why.why);
  if (why.why == store::HandshakeRefusal::kMemory) context_.noteFull();
  return why;
}

std::optional<NoSpace> Handshakes::checkRoom(const Options& options) {
  if (options.maxConnections == 0 || zone_.connectionCount() < options.maxConnections) return std::nullopt;
  return turnAway(kConnectionsFull);
}

void Handshakes::create(ConnectionTransaction& txn, const store::RandomId& sid, Transport transport,
                        const Options& options, engineio::Protocol protocol, const Newcomer& newcomer, Instant now) {
  txn.create(sid, id_, transport, now);
  store::Handshake handshake;
  handshake.revision = static_cast<std::uint8_t>(protocol.revision);
  handshake.base64 = protocol.base64;
  handshake.timestampUnit = static_cast<std::uint8_t>(options.timestamps);
  handshake.pingInterval = static_cast<std::uint32_t>(options.engine.pingInterval);
  handshake.pingTimeout = static_cast<std::uint32_t>(options.engine.pingTimeout);
  handshake.realm = realmOf(options);
  if (options.asksSecret) {  // without one it has one that nobody knows
    const bool isUnknown = newcomer.secret.empty();
    handshake.secret = zone_.hashOfSecret(isUnknown ? store::idText(context_.randomId()) : newcomer.secret);
  }
  handshake.client = zone_.clientOf(newcomer.network);
  handshake.allowance = Allowance().packed(now.mono);
  txn.shakeHands(handshake);
  namespaces_.beginConnectTime(txn, options);
  if (options.log != 0) txn.openAccount(options.log, newcomer.address, now);
}

store::Realm Handshakes::realmOf(const Options& options) const {
  // The lowest bit tells a hash from nobody.
  return {options.user ? zone_.hash(*options.user) | 1 : 0, static_cast<std::uint8_t>(options.application),
          options.asksSecret};
}

// Finds the connection if it is one of this location and client, and makes it current. One whose time is
// over is ended even though the timer that would do so has not fired yet.
bool Handshakes::findConnection(ConnectionTransaction& txn, const store::RandomId& sid, const Options& options) {
  if (!txn.find(sid) || txn.record().closing != store::Closing::kNo) return false;
  const store::ConnectionRecord& record = txn.record();
  if (record.realm != realmOf(options)) return false;
  const std::int64_t now = env_.now().mono;
  const bool isIdle = record.connectBy != 0 && now >= record.connectBy && !txn.isConnectedSomewhere();
  if (record.transport != Transport::kPolling || (!isIdle && !isOverdue(record, now))) return true;
  txn.markClosing(store::Closing::kByServer, isIdle ? EndReason::kConnectTimeout : EndReason::kPingTimeout);
  txn.commit(wake_);
  return false;
}

bool Handshakes::isOverdue(const store::ConnectionRecord& record, std::int64_t now) {
  const std::int64_t timeout = record.pingTimeout;
  if (record.revision == static_cast<std::uint8_t>(engineio::Revision::kV3)) {
    return now >= record.lastHeard + record.pingInterval + timeout;
  }
  if (record.lastPing > record.lastHeard) return now >= record.lastPing + timeout;
  return now >= record.lastHeard + record.pingInterval + timeout + kPingSlack;
}

}  // namespace mediasync::server
