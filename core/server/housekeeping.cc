// What is done once for all workers, by whichever comes first: time-outs of users and sessions, and the care for what
// a dead worker leaves behind.
#include <exception>

#include "core/server/worker.h"
#include "core/session/rules.h"
#include "core/memory/fault_point.h"
#include "core/memory/linked.h"
#include "core/memory/mailbox.h"

namespace mediasync::server {

using session::Presence;
using store::ConnectionTransaction;
using store::Ref;
using store::SessionTransaction;
using store::WorkerState;

namespace {

constexpr std::int64_t kSweepInterval = 100;
constexpr std::int64_t kIdleTick = 500;
constexpr std::int64_t kLagPeriod = 15'000;
constexpr std::int64_t kFullInterval = 60'000;
// For so long a process that lives may be between two steps.
constexpr std::int64_t kStranded = 1'000;
// Things that time out in one sweep of one shard: bounded, so that no sweep holds up the connections.
constexpr int kExpiriesAtOnce = 64;

}  // namespace

std::int64_t Worker::tickDelay() const {
  for (std::uint32_t i = 0; i < zone_.shards(); ++i) {
    if (zone_.sessionShard(i).grace.first != 0 || zone_.sessionShard(i).lateGrace.first != 0) return kSweepInterval;
  }
  return kIdleTick;
}

void Worker::tick(std::int64_t lateBy) {
  if (stopped_) return;
  const Instant now = env_.now();
  showLife(now);
  noteLag(now, lateBy);
  hearSignal();  // whoever meant to wake this worker may have died before it did
  takeSessionMail();
  takeConnectionMail();
  confirmWritten();
  confirmLate();
  for (const auto& [ref, room] : rooms_) {
    if (room->behind > 0) needsChanged(*room);  // someone's patience may be at its end
    dropRoster(*room, now);
  }
  lookAfterUnwatched();
  lookAfterProbes();
  auto& nextSweep = zone_.header().nextSweep;
  std::int64_t due = nextSweep.load();
  // A due time far ahead comes from another boot of the machine or a stopped clock.
  const bool isDue = now.mono >= due || due > now.mono + 10 * kSweepInterval;
  if (isDue && nextSweep.compare_exchange_strong(due, now.mono + kSweepInterval)) {
    memory::faultPoint();
    sweep(now);
  }
  const std::uint32_t repairs = zone_.header().repairs.load();
  if (repairs != seenRepairs_) {
    seenRepairs_ = repairs;
    recheckRooms();
  }
  flush();
}

// The longest of two periods is shown, so that whoever looks once in a period misses nothing.
void Worker::noteLag(Instant now, std::int64_t lateBy) {
  store::WorkerEntry& self = zone_.worker(id_.slot);
  if (now.mono - self.lagSince.load() >= kLagPeriod) {
    self.lagBefore.store(self.lag.exchange(0));
    self.lagSince.store(now.mono);
  }
  if (lateBy > self.lag.load()) self.lag.store(lateBy);
}

void Worker::noteFull() {
  zone_.header().fullRefusals.fetch_add(1);
}

// Once in a while, by one worker for all.
void Worker::reportFull(Instant now) {
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

void Worker::sweep(Instant now) {
  reportFull(now);
  reapDeadWorkers(now);
  passByStillWorkers(now);
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
void Worker::reconcile(Instant now) {
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

void Worker::expireUsers(std::uint32_t shard, Instant now) {
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
Ref Worker::findExpired(const store::SessionShard& records, Instant now) const {
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

void Worker::expireSessions(std::uint32_t shard, Instant now) {
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
void Worker::dropLogs(std::uint32_t shard, Instant now) {
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

void Worker::reapDeadWorkers(Instant now) {
  for (std::uint16_t slot = 0; slot < store::kMaxWorkers; ++slot) {
    store::WorkerEntry& entry = zone_.worker(slot);
    const auto isGone = [&] {
      const WorkerState state = entry.state.load();
      return state == WorkerState::kLeft ||
             (state == WorkerState::kRunning && slot != id_.slot && !env_.processAlive(entry.process.load()));
    };
    if (!isGone()) continue;
    store::RobustLock lock(zone_.header().census);
    if (isGone()) reap(slot, now);
  }
}

void Worker::showLife(Instant now) {
  store::WorkerEntry& self = zone_.worker(id_.slot);
  self.seenAt.store(now.mono);
  if (self.passedBy.load() == 0) return;
  self.passedBy.store(0);
  for (const auto& [ref, room] : rooms_)
    needsChanged(*room);  // what its readers need counts again
}

// A process that is alive and does not go on: stopped, at a breakpoint, in a long loop of a script, behind a slow disk.
void Worker::passByStillWorkers(Instant now) {
  for (std::uint16_t slot = 0; slot < store::kMaxWorkers; ++slot) {
    store::WorkerEntry& entry = zone_.worker(slot);
    const bool isStill = slot != id_.slot && entry.state.load() == WorkerState::kRunning &&
                         now.mono - entry.seenAt.load() >= kWorkerPatience;
    if (isStill && entry.passedBy.exchange(1) == 0) passBy(slot);
  }
}

// Its readers are waited for no longer than slow ones are. Should it go on, what they miss is found then; and what it
// says that they need, from then on under the same locks, stands.
void Worker::passBy(std::uint16_t slot) {
  for (std::uint32_t shard = 0; shard < zone_.shards(); ++shard) {
    SessionTransaction txn(zone_, shard);
    if (zone_.worker(slot).passedBy.load() == 0) return;
    for (Ref ref = txn.shard().allSessions.first; ref != 0;) {
      const auto& session = *zone_.arena().at<store::SessionRecord>(ref);
      for (Ref w = session.watchers; w != 0; w = zone_.arena().at<store::SessionWatcher>(w)->next) {
        auto& watcher = *zone_.arena().at<store::SessionWatcher>(w);
        if (watcher.worker.slot == slot) watcher.needed.store(store::kNothingNeeded, std::memory_order_release);
      }
      ref = session.all.next;
    }
  }
}

void Worker::reap(std::uint16_t slot, Instant now) {
  inherit(slot, now);
  zone_.worker(slot).state.store(WorkerState::kNone);
  memory::faultPoint();
}

// Under the census lock: takes over what all who had the slot have left. May be repeated when the one who did it died,
// and will be: the slot is not free before all of it is done.
void Worker::inherit(std::uint16_t slot, Instant now) {
  store::WorkerEntry& entry = zone_.worker(slot);
  removeWatchers(slot);
  entry.sessionMail.store(0);  // watchers are all it can hold
  memory::faultPoint();
  adoptConnections(slot, now);
  forwardMail(entry);
  zone_.header().repairs.fetch_add(1);  // others look for what they were not woken for
  memory::faultPoint();
}

// Mail of one that will not open it, also what came while its connections were being adopted. From here on nobody takes
// it for an owner any more.
void Worker::forwardMail(store::WorkerEntry& dead) {
  memory::takeMail<store::ConnectionRecord>(zone_.arena(), dead.connectionMail, [this](Ref ref) {
    ConnectionTransaction txn(zone_, zone_.arena().at<store::ConnectionRecord>(ref)->shard);
    txn.openQueued(ref);
    txn.clearQueued();
    if (!txn.record().dead) return txn.notifyOwner(wake_);
    txn.destroy();
    txn.commit();
  });
}

void Worker::removeWatchers(std::uint16_t slot) {
  for (std::uint32_t shard = 0; shard < zone_.shards(); ++shard) {
    for (const Watched& watched :
         watchedBy(shard, [&](const store::WorkerId& id) { return isPredecessor(id, slot); })) {
      SessionTransaction txn(zone_, shard);
      if (!txn.open(watched.session, watched.serial)) continue;
      txn.removeWatcher(watched.watcher);
      txn.commit(wake_);
    }
  }
}

// Watchers that stayed because they were said to be in the mailbox, when a death kept them from getting there.
void Worker::dropIdleWatchers() {
  for (std::uint32_t shard = 0; shard < zone_.shards(); ++shard) {
    for (const Watched& watched : watchedBy(shard, [&](const store::WorkerId& id) { return id == id_; })) {
      if (rooms_.contains(watched.session)) continue;
      SessionTransaction txn(zone_, shard);
      if (!txn.open(watched.session, watched.serial)) continue;
      txn.mendWatcher(id_);
      txn.dropWatch(id_);
      txn.commit(wake_);
    }
  }
}

// Of a slot that is being reaped: all that had it but this one, which may have it now.
bool Worker::isPredecessor(const store::WorkerId& id, std::uint16_t slot) const {
  return id.slot == slot && id != id_;
}

template <class Matches>
std::vector<Worker::Watched> Worker::watchedBy(std::uint32_t shard, Matches matches) {
  std::vector<Watched> watched;
  SessionTransaction txn(zone_, shard);
  for (Ref ref = txn.shard().allSessions.first; ref != 0;) {
    const auto& session = *zone_.arena().at<store::SessionRecord>(ref);
    for (Ref w = session.watchers; w != 0; w = zone_.arena().at<store::SessionWatcher>(w)->next) {
      if (matches(zone_.arena().at<store::SessionWatcher>(w)->worker)) watched.push_back({ref, session.serial, w});
    }
    ref = session.all.next;
  }
  return watched;
}

// Its WebSockets are gone with it. Its polling connections go on: this worker answers for them from now on.
void Worker::adoptConnections(std::uint16_t slot, Instant now) {
  for (std::uint32_t shard = 0; shard < zone_.shards(); ++shard) {
    std::vector<store::ConnectionRef> found;
    {
      ConnectionTransaction txn(zone_, shard);
      txn.forEach([&](Ref ref) {
        const auto& record = *zone_.arena().at<store::ConnectionRecord>(ref);
        const bool queued = record.queued.load() != 0;
        const bool inItsMailbox = queued && record.mailSlot == slot;
        const bool posting = record.posting && isPredecessor(record.poster, slot);
        const bool probing = record.probingUntil != 0 && isPredecessor(record.prober, slot);
        const bool forgotten = record.dead && !queued;  // by one that was about to free it
        if (isPredecessor(record.owner, slot) || inItsMailbox || posting || probing || forgotten) {
          found.push_back({ref, record.serial, static_cast<std::uint16_t>(shard)});
        }
      });
    }
    for (const store::ConnectionRef& connection : found)
      adoptConnection(connection, slot, now);
  }
}

void Worker::adoptConnection(const store::ConnectionRef& connection, std::uint16_t slot, Instant now) {
  bool lost = false;
  Leftover leftover;
  {
    ConnectionTransaction txn(zone_, connection.shard);
    if (!txn.openEvenDead(connection)) return;
    const store::ConnectionRecord& record = txn.record();
    if (record.mailSlot == slot) txn.mendQueued(zone_.worker(slot).connectionMail);
    if (record.dead) {
      txn.destroy();
      txn.commit();
      return;
    }
    if (record.posting && isPredecessor(record.poster, slot)) txn.edit(record.posting) = false;
    if (record.probingUntil != 0 && isPredecessor(record.prober, slot)) txn.endProbe();
    if (isPredecessor(record.owner, slot)) {
      lost = record.transport == store::Transport::kWebSocket || record.closing != store::Closing::kNo;
      if (lost) {
        leftover = endConnection(txn, now, Departure::kSentAway, 
                                 {store::EndReason::kWorkerDied, websocket::CloseCode::kAbnormal}, nullptr);
      } else {
        txn.edit(record.owner) = id_;
        txn.edit(record.pollWaiting) = false;
      }
    }
    if (!lost) txn.commit();
    if (!lost) txn.notifyOwner(wake_);  // what it was posted for in the dead one's mailbox
    if (!lost && record.owner == id_ && linkOf(connection) == nullptr) lookAfter(txn, now);
  }
  keepForRecovery(leftover, now);
}

// A polling connection of which this process has not heard before, by what the record says of its location.
void Worker::lookAfter(ConnectionTransaction& txn, Instant now) {
  const store::ConnectionRecord& record = txn.record();
  Options options;
  options.engine.pingInterval = record.pingInterval;
  options.engine.pingTimeout = record.pingTimeout;
  options.timestamps = static_cast<api::TimestampUnit>(record.timestampUnit);
  options.application = static_cast<Application>(record.realm.application);
  syncSeat(own(txn, options, now), record);
}

// A process that died between two steps may have left a seat in a session whose connection does not know of it. Such
// seats are lost connections.
void Worker::reconcileSeats(Instant now) {
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

std::vector<Worker::Seated> Worker::seatsOf(std::uint32_t shard) {
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

void Worker::lookAfterUnwatched() {
  std::vector<Ref> sessions;
  for (const auto& [ref, room] : rooms_) {
    if (!room->watched) sessions.push_back(ref);
  }
  for (const Ref session : sessions) {
    const auto found = rooms_.find(session);
    if (found == rooms_.end()) continue;
    watch(*found->second);
    deliver(*found->second);
  }
}

// WebSockets that were to upgrade a connection which is gone by now.
void Worker::lookAfterProbes() {
  const std::vector<Channel*> probing = probing_;
  for (Channel* channel : probing) {
    bool alive = false;
    {
      ConnectionTransaction txn(zone_, channel->sid_);
      alive = txn.find(channel->sid_) && txn.record().closing == store::Closing::kNo;
    }
    if (!alive) failChannel(*channel, {store::EndReason::kTransportClose});
  }
}

// After a repair: whoever made news may have died before telling.
void Worker::recheckRooms() {
  dropIdleWatchers();
  std::vector<Ref> sessions;
  for (const auto& [ref, room] : rooms_) {
    SessionTransaction txn(zone_, room->shard);
    if (txn.open(room->session, room->serial)) txn.mendWatcher(id_);
    sessions.push_back(ref);
  }
  for (const Ref session : sessions) {
    if (const auto found = rooms_.find(session); found != rooms_.end()) deliver(*found->second);
  }
  std::vector<Ref> connections;
  for (const auto& [ref, link] : links_)
    connections.push_back(ref);
  for (const Ref ref : connections)
    recheckLink(ref);
  for (std::uint32_t shard = 0; shard < zone_.shards(); ++shard)
    recheckConnections(shard);
}

// What is this worker's business although it has no link for it.
void Worker::recheckConnections(std::uint32_t shard) {
  std::vector<store::ConnectionRef> found;
  {
    ConnectionTransaction txn(zone_, shard);
    txn.forEach([&](Ref ref) {
      const auto& record = *zone_.arena().at<store::ConnectionRecord>(ref);
      const bool unopened = record.mailSlot == id_.slot && record.queued.load() != 0;
      const bool unattended = record.owner == id_ && record.transport == store::Transport::kPolling;
      if (linkOf(ref) == nullptr && (unopened || unattended)) {
        found.push_back({ref, record.serial, static_cast<std::uint16_t>(shard)});
      }
    });
  }
  for (const store::ConnectionRef& connection : found) {
    ConnectionTransaction txn(zone_, shard);
    if (!txn.openEvenDead(connection)) continue;
    const store::ConnectionRecord& record = txn.record();
    if (record.mailSlot == id_.slot) txn.mendQueued(zone_.worker(id_.slot).connectionMail);
    if (record.dead && record.queued.load() == 0) {
      txn.destroy();
      txn.commit();
    } else if (!record.dead) {
      if (record.owner == id_ && linkOf(connection) == nullptr) lookAfter(txn, env_.now());
      txn.notifyOwner(wake_);
    }
  }
}

void Worker::recheckLink(Ref ref) {
  Link* link = linkOf(ref);
  if (link == nullptr) return;
  {
    ConnectionTransaction txn(zone_, link->connection.shard);
    if (!txn.open(link->connection)) return letGo(*link);
    // Only this worker's own list can be searched: one that is in another's must not be put into a second.
    if (txn.record().mailSlot == id_.slot) txn.mendQueued(zone_.worker(id_.slot).connectionMail);
    txn.notify(id_.slot, wake_);  // looked at as if there were news
  }
}

}  // namespace mediasync::server
