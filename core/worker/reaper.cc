#include "core/worker/reaper.h"

#include "core/connection/departures.h"
#include "core/connection/links.h"
#include "core/delivery/rooms.h"
#include "core/store/session_walk.h"
#include "core/store/workers.h"

namespace mediasync::server {

using store::ConnectionTransaction;
using store::SessionTransaction;
using store::WorkerState;

Reaper::Reaper(Context& context, Departures& departures, Links& links, Rooms& rooms)
    : Part(context), departures_(departures), links_(links), rooms_(rooms) {}

void Reaper::reapDeadWorkers(Instant now) {
  for (std::uint16_t slot = 0; slot < store::kMaxWorkers; ++slot) {
    store::WorkerEntry& entry = zone_.worker(slot);
    const auto isGone = [&] {
      const WorkerState state = entry.state.load();
      return state == WorkerState::kLeft ||
             (state == WorkerState::kRunning && slot != id_.slot && !env_.processAlive(entry.process.load()));
    };
    if (!isGone()) continue;
    store::inCensus(zone_, [&] {
      if (isGone()) reap(slot, now);
    });
  }
}

// A process that is alive and does not go on: stopped, at a breakpoint, in a long loop of a script, behind a slow disk.
void Reaper::passByStillWorkers(Instant now) {
  for (std::uint16_t slot = 0; slot < store::kMaxWorkers; ++slot) {
    store::WorkerEntry& entry = zone_.worker(slot);
    const bool isStill = slot != id_.slot && entry.state.load() == WorkerState::kRunning &&
                         now.mono - entry.seenAt.load() >= kWorkerPatience;
    if (isStill && entry.passedBy.exchange(1) == 0) passBy(slot);
  }
}

// Its readers are waited for no longer than slow ones are. Should it go on, what they miss is found then; and what it
// says that they need, from then on under the same locks, stands.
void Reaper::passBy(std::uint16_t slot) {
  store::passByReaders(zone_, slot);
}

void Reaper::reap(std::uint16_t slot, Instant now) {
  inherit(slot, now);
  store::freeSlot(zone_, slot);
}

// Under the census lock: takes over what all who had the slot have left. May be repeated when the one who did it died,
// and will be: the slot is not free before all of it is done.
void Reaper::inherit(std::uint16_t slot, Instant now) {
  store::WorkerEntry& entry = zone_.worker(slot);
  // First, so that logs keep the events that its members need. Not in this worker's own slot: its watchers would lose
  // their mail with those of its predecessor.
  const bool isOwn = slot == id_.slot;
  if (!isOwn) adoptConnections(slot, now);
  removeWatchers(slot);
  store::dropSessionMail(entry);
  if (isOwn) adoptConnections(slot, now);
  forwardMail(entry);
  store::announceRepair(zone_);
}

// Mail of one that will not open it, also what came while its connections were being adopted. From here on nobody takes
// it for an owner any more.
void Reaper::forwardMail(store::WorkerEntry& dead) {
  store::takeConnectionMail(zone_, dead, [this](store::QueuedConnection mail) {
    ConnectionTransaction txn(zone_, mail);
    if (!txn.record().dead) return txn.notifyOwner(wake_);
    txn.destroy();
    txn.commit();
  });
}

void Reaper::removeWatchers(std::uint16_t slot) {
  for (std::uint32_t shard = 0; shard < zone_.shards(); ++shard) {
    for (const store::Watch& watched :
         store::watchesOf(zone_, shard, [&](const store::WorkerId& id) { return isPredecessor(id, slot); })) {
      SessionTransaction txn(zone_, shard);
      if (!txn.open(watched.session, watched.serial)) continue;
      txn.removeWatcher(watched.watcher);
      txn.commit(wake_);
    }
  }
}

// Watchers that stayed because they were said to be in the mailbox, when a death kept them from getting there.
void Reaper::dropIdleWatchers() {
  for (std::uint32_t shard = 0; shard < zone_.shards(); ++shard) {
    for (const store::Watch& watched :
         store::watchesOf(zone_, shard, [&](const store::WorkerId& id) { return id == id_; })) {
      if (rooms_.has(watched.serial)) continue;
      SessionTransaction txn(zone_, shard);
      if (!txn.open(watched.session, watched.serial)) continue;
      txn.mendWatcher(id_);
      txn.dropWatch(id_);
      txn.commit(wake_);
    }
  }
}

// True for all former workers of a slot that is being reaped, but not for this one, which may have it now.
bool Reaper::isPredecessor(const store::WorkerId& id, std::uint16_t slot) const {
  return id.slot == slot && id != id_;
}

// Its WebSockets are gone with it. Its polling connections go on: this worker answers for them from now on.
void Reaper::adoptConnections(std::uint16_t slot, Instant now) {
  for (std::uint32_t shard = 0; shard < zone_.shards(); ++shard) {
    std::vector<store::ConnectionRef> found;
    {
      ConnectionTransaction txn(zone_, shard);
      txn.forEach([&](const store::ConnectionRef& ref, const store::ConnectionRecord& record) {
        const bool queued = record.queued.load() != 0;
        const bool inItsMailbox = queued && record.mailSlot == slot;
        const bool posting = record.posting && isPredecessor(record.poster, slot);
        const bool probing = record.probingUntil != 0 && isPredecessor(record.prober, slot);
        const bool forgotten = record.dead && !queued;  // by one that was about to free it
        if (isPredecessor(record.owner, slot) || inItsMailbox || posting || probing || forgotten) {
          found.push_back(ref);
        }
      });
    }
    for (const store::ConnectionRef& connection : found)
      adoptConnection(connection, slot, now);
  }
}

void Reaper::adoptConnection(const store::ConnectionRef& connection, std::uint16_t slot, Instant now) {
  bool lost = false;
  Leftover leftover;
  {
    ConnectionTransaction txn(zone_, connection.shard);
    if (!txn.openEvenDead(connection)) return;
    const store::ConnectionRecord& record = txn.record();
    txn.mendQueued(slot);
    if (record.dead) {
      txn.destroy();
      txn.commit();
      return;
    }
    if (record.posting && isPredecessor(record.poster, slot)) txn.dropPost();
    if (record.probingUntil != 0 && isPredecessor(record.prober, slot)) txn.endProbe();
    if (isPredecessor(record.owner, slot)) {
      lost = record.transport == store::Transport::kWebSocket || record.closing != store::Closing::kNo;
      if (lost) {
        leftover = departures_.endConnection(txn, now, Departure::kSentAway,
                                             {store::EndReason::kWorkerDied, websocket::CloseCode::kAbnormal}, nullptr);
      } else {
        txn.inherit(id_);
      }
    }
    if (!lost) txn.tellOwner();  // what it was posted for in the dead one's mailbox
    if (!lost) txn.commit(wake_);
    if (!lost && record.owner == id_ && links_.linkOf(connection) == nullptr) lookAfter(txn, now);
  }
  departures_.keepForRecovery(leftover, now);
}

// A polling connection of which this process has not heard before, by what the record says of its location.
void Reaper::lookAfter(ConnectionTransaction& txn, Instant now) {
  const store::ConnectionRecord& record = txn.record();
  Options options;
  options.engine.pingInterval = record.pingInterval;
  options.engine.pingTimeout = record.pingTimeout;
  options.timestamps = static_cast<api::TimestampUnit>(record.timestampUnit);
  options.application = static_cast<Application>(record.realm.application);
  links_.syncSeat(links_.own(txn, options, now), record);
}

}  // namespace mediasync::server
