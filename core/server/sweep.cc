#include "core/server/sweep.h"

#include <exception>
#include <utility>

#include "core/memory/fault_point.h"
#include "core/memory/linked.h"
#include "core/memory/mailbox.h"
#include "core/server/caller.h"
#include "core/server/departures.h"
#include "core/server/reaper.h"
#include "core/session/rules.h"
#include "core/store/recovery_table.h"

namespace mediasync::server {

using store::ConnectionTransaction;
using store::Ref;
using store::SessionTransaction;
using store::RandomId;
using store::RecoveryTransaction;

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
    header.reconciled.store(reconciling_);
    memory::faultPoint();
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
  const auto due = [&](const store::Queue& queue, std::int64_t timeout) {
    const Ref user = queue.first;
    const bool isOver = user != 0 && zone_.arena().at<store::UserRecord>(user)->absentSince + timeout <= now.mono;
    return isOver ? user : Ref{0};
  };
  const auto earlier = [&](Ref a, Ref b) {
    if (a == 0 || b == 0) return a == 0 ? b : a;
    const auto since = [&](Ref user) { return zone_.arena().at<store::UserRecord>(user)->absentSince; };
    return since(b) < since(a) ? b : a;
  };
  for (int i = 0; i < kExpiriesAtOnce; ++i) {
    SessionTransaction session(zone_, shard);
    const store::SessionShard& records = session.shard();
    const std::int64_t grace = zone_.settings().disconnectGrace;
    Ref user = earlier(due(records.grace, grace), due(records.lateGrace, grace));
    const bool isGrace = user != 0;
    if (!isGrace) user = due(records.away, zone_.settings().userTimeout);
    if (user == 0) return;
    const Ref ref = zone_.arena().at<store::UserRecord>(user)->session;
    session.open(ref, zone_.arena().at<store::SessionRecord>(ref)->serial);
    if (isGrace) {
      session::graceExpired(session, user, now);
    } else {
      session::awayExpired(session, user, now);
    }
    session.commit(wake_);
  }
}

// The first session whose time is over. Of others some worker has yet to notice that their connections are gone.
Ref Sweep::findExpired(const store::SessionShard& records, Instant now) const {
  constexpr int kWatchedAtMost = 1024;
  Ref ref = records.idle.first;
  for (int i = 0; i < kWatchedAtMost && ref != 0; ++i) {
    const auto& record = *zone_.arena().at<store::SessionRecord>(ref);
    if (record.watchers == 0 && record.ending) return ref;  // whoever began to take it apart had other things to do
    if (record.idleSince + zone_.settings().sessionTimeout > now.mono) return 0;
    if (record.watchers == 0) return ref;
    ref = record.inIdle.next;
  }
  return 0;
}

void Sweep::expireSessions(std::uint32_t shard, Instant now) {
  for (int i = 0; i < kExpiriesAtOnce; ++i) {
    SessionTransaction session(zone_, shard);
    const Ref ref = findExpired(session.shard(), now);
    if (ref == 0) return;
    const auto& record = *zone_.arena().at<store::SessionRecord>(ref);
    session.open(ref, record.serial);
    session.destroy(now);
    session.commit(wake_);
  }
}

// Drops the logs of sessions that nobody can recover any more.
void Sweep::dropLogs(std::uint32_t shard, Instant now) {
  for (int i = 0; i < kExpiriesAtOnce; ++i) {
    SessionTransaction session(zone_, shard);
    const Ref ref = session.shard().logged.first;
    if (ref == 0) return;
    const auto& record = *zone_.arena().at<store::SessionRecord>(ref);
    if (record.idleSince + zone_.settings().returnTime() > now.mono) return;
    session.open(ref, record.serial);
    session.dropLog();
    session.commit(wake_);
  }
}

// A process that died between two steps may have left a seat in a session whose connection does not know of it. Such
// seats are lost connections.
void Sweep::reconcileSeats(Instant now) {
  for (std::uint32_t shard = 0; shard < zone_.shards(); ++shard) {
    for (const Seated& seated : seatsOf(shard)) {
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

std::vector<Sweep::Seated> Sweep::seatsOf(std::uint32_t shard) {
  std::vector<Seated> seats;
  SessionTransaction txn(zone_, shard);
  for (Ref s = txn.shard().allSessions.first; s != 0; s = zone_.arena().at<store::SessionRecord>(s)->all.next) {
    const auto& session = *zone_.arena().at<store::SessionRecord>(s);
    for (Ref u = session.users.first; u != 0; u = zone_.arena().at<store::UserRecord>(u)->inSession.next) {
      for (Ref m = zone_.arena().at<store::UserRecord>(u)->firstMembership; m != 0;) {
        const auto& membership = *zone_.arena().at<store::Membership>(m);
        seats.push_back({{membership.connection, membership.connectionSerial, membership.connectionShard},
                         {s, u, m, static_cast<std::uint16_t>(shard), session.serial, membership.serial}});
        m = membership.next;
      }
    }
  }
  return seats;
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
