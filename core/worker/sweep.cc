#include "core/worker/sweep.h"

#include <exception>
#include <utility>

#include "core/connection/departures.h"
#include "core/session/rules.h"
#include "core/store/recovery_table.h"
#include "core/store/session_overdue.h"
#include "core/store/session_walk.h"
#include "core/store/workers.h"
#include "core/worker/reaper.h"

namespace mediasync::server {

using store::ConnectionTransaction;
using store::OverdueTransaction;
using store::RandomId;
using store::RecoveryTransaction;
using store::SessionTransaction;

namespace {

constexpr std::int64_t kLagPeriod = 15'000;
constexpr std::int64_t kFullInterval = 60'000;
// For so long a process that lives may be between two steps.
constexpr std::int64_t kStranded = 1'000;
// Things that time out in one sweep of one shard: bounded, so that no sweep holds up the connections.
constexpr int kExpiriesAtOnce = 64;

}  // namespace

namespace {

// Lost connections that time out in one sweep of one shard.
constexpr int kRecoveriesAtOnce = 256;

}  // namespace

Sweep::Sweep(Context& context, Departures& departures, Reaper& reaper)
    : Part(context), departures_(departures), reaper_(reaper) {}

// The longest of two periods is shown, so that whoever looks once in a period misses nothing.
void Sweep::noteLag(Instant now, std::int64_t lateBy) {
  store::WorkerEntry& self = zone_.worker(id_.slot);
  if (now.mono - self.lagSince.load() >= kLagPeriod) {
    self.lagBefore.store(self.lag.exchange(0));
    self.lagSince.store(now.mono);
  }
  if (lateBy > self.lag.load()) self.lag.store(lateBy);
}

// Once in a while, by one worker for all.
void Sweep::reportFull(Instant now) {
  auto& header = zone_.header();
  const std::uint64_t refusals = header.fullRefusals.load();
  std::uint64_t said = header.fullSaid.load();
  const std::int64_t saidAt = header.fullSaidAt.load();
  if (refusals == said || (saidAt != 0 && now.mono - saidAt < kFullInterval)) return;
  if (!header.fullSaid.compare_exchange_strong(said, refusals)) return;
  header.fullSaidAt.store(now.mono);
  env_.log(Environment::Severity::kError,
           "is full: sessions, users or connections refused: " + std::to_string(refusals - said));
}

void Sweep::sweep(Instant now) {
  reportFull(now);
  reaper_.reapDeadWorkers(now);
  reaper_.passByStillWorkers(now);
  std::exception_ptr failure;
  for (std::uint32_t shard = 0; shard < zone_.shards(); ++shard) {
    try {
      expireUsers(shard, now);
      expireSessions(shard, now);
      dropLogs(shard, now);
      expireRecoveries(shard, now);
    } catch (const store::Busy&) {
      // Readers must catch up before more can be told: the next sweep goes on.
    } catch (...) {
      failure = std::current_exception();
    }
  }
  if (failure) std::rethrow_exception(failure);
  reconcile(now);
}

// After a repair: what a process that died between two steps has left half done.
void Sweep::reconcile(Instant now) {
  auto& header = zone_.header();
  if (reconcilingSince_ != 0) {
    if (now.mono - reconcilingSince_ < kStranded) return;
    forgetStrandedRecoveries();
    store::noteReconciled(zone_, reconciling_);
    reconcilingSince_ = 0;
  }
  const std::uint32_t repairs = header.repairs.load();
  if (header.reconciled.load() == repairs) return;
  reconcileSeats(now);
  findStrandedRecoveries();
  reconciling_ = repairs;
  reconcilingSince_ = now.mono;
}

void Sweep::expireUsers(std::uint32_t shard, Instant now) {
  for (int i = 0; i < kExpiriesAtOnce; ++i) {
    OverdueTransaction session(zone_, shard);
    switch (session.openOverdueUser(now)) {
      case store::Overdue::kNobody:
        return;
      case store::Overdue::kGrace:
        session::graceExpired(session, session.seatUser(), now);
        break;
      case store::Overdue::kAway:
        session::awayExpired(session, session.seatUser(), now);
    }
    session.commit(wake_);
  }
}

void Sweep::expireSessions(std::uint32_t shard, Instant now) {
  for (int i = 0; i < kExpiriesAtOnce; ++i) {
    OverdueTransaction session(zone_, shard);
    if (!session.openExpired(now)) return;
    session.destroy(now);
    session.commit(wake_);
  }
}

// Drops the logs of sessions that nobody can recover any more.
void Sweep::dropLogs(std::uint32_t shard, Instant now) {
  for (int i = 0; i < kExpiriesAtOnce; ++i) {
    OverdueTransaction session(zone_, shard);
    if (!session.openLogged(now)) return;
    session.dropLog();
    session.commit(wake_);
  }
}

// A process that died between two steps may have left a seat in a session whose connection does not know of it. Such
// seats are lost connections.
void Sweep::reconcileSeats(Instant now) {
  for (std::uint32_t shard = 0; shard < zone_.shards(); ++shard) {
    for (const store::Seated& seated : store::seatsOf(zone_, shard)) {
      ConnectionTransaction txn(zone_, seated.connection.shard);
      if (txn.open(seated.connection) && txn.record().seat.membershipSerial == seated.seat.membershipSerial) continue;
      SessionTransaction session(zone_, shard);
      if (!session.openSeat(seated.seat)) continue;
      if (session.removeConnection(seated.seat, now)) {
        session::connectionsLost(session, session.seatUser(), zone_.settings().sentAwayAt(now));
      }
      session.commit(wake_);
    }
  }
}

void Sweep::expireRecoveries(std::uint32_t shard, Instant now) {
  for (int i = 0; i < kRecoveriesAtOnce; ++i) {
    RecoveryTransaction txn(zone_, shard);
    if (!txn.findOldestLost() || txn.record().lostAt + zone_.settings().recovery > now.mono) return;
    txn.remove();
    txn.commit();
  }
}

// A process that died between two steps may have left some whose connection does not know of them.
void Sweep::findStrandedRecoveries() {
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
void Sweep::forgetStrandedRecoveries() {
  for (const auto& [pid, connection] : std::exchange(stranded_, {})) {
    if (!isRecoverable(pid, connection)) departures_.forgetRecovery(pid, connection);
  }
}

bool Sweep::isRecoverable(const RandomId& pid, const store::ConnectionRef& connection) {
  ConnectionTransaction txn(zone_, connection.shard);
  return txn.open(connection) && txn.record().recoverable && txn.record().pid == pid;
}

}  // namespace mediasync::server
