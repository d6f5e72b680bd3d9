#include "core/server/worker.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "core/memory/fault_point.h"
#include "core/server/post_job.h"

namespace mediasync::server {

using store::EndReason;
using store::WorkerState;
using websocket::CloseCode;

namespace {

constexpr std::int64_t kSweepInterval = 100;
constexpr std::int64_t kIdleTick = 500;

}  // namespace

Worker::Worker(const store::Zone& zone, std::uint16_t slot, store::ProcessId process, Environment& env,
               std::uint32_t cycle)
    : context_(zone, slot, env, cycle) {
  signOn(process);
  seenRepairs_ = zone.header().repairs.load();
}

void Worker::signOn(store::ProcessId process) {
  store::WorkerEntry& entry = zone().worker(context_.id.slot);
  store::RobustLock lock(zone().header().census);
  context_.id.generation = entry.generation.load() + 1;  // whoever had the slot before is another
  entry.generation.store(context_.id.generation);  // first: should this one die from here on, it is a predecessor, too
  memory::faultPoint();
  // And the slot is never free in between.
  if (entry.state.load() != WorkerState::kNone) care_.reaper.inherit(context_.id.slot, context_.env.now());
  entry.process.store(process);
  memory::faultPoint();
  entry.signalled.store(0);
  entry.seenAt.store(context_.env.now().mono);
  entry.passedBy.store(0);
  entry.cycle.store(context_.cycle);
  entry.takes.store(0);
  entry.awaitsWrite.store(0);
  entry.lag.store(0);
  entry.lagBefore.store(0);
  entry.lagSince.store(entry.seenAt.load());
  memory::faultPoint();
  entry.state.store(WorkerState::kRunning);
  memory::faultPoint();
}

void Worker::stop() {
  if (std::exchange(context_.stopped, true)) return;
  zone().worker(context_.id.slot).takes.store(0);
  connections_.confirmations.confirmAll();
  delivery_.rooms.deliverDue(std::numeric_limits<std::int64_t>::max());
  stopSockets();
  for (const auto& [ref, link] : connections_.links.all()) {
    if (link->poll != nullptr) transports_.reload.sendElsewhere(*link);
  }
  const EndReason reason = ground_.accounts.departureReason();
  const std::vector<Channel*> probing = context_.lists.probing;
  for (Channel* channel : probing)
    sockets().failChannel(*channel, {reason, CloseCode::kGoingAway});
  for (PostJob* job : std::exchange(context_.lists.posts, {})) {
    ground_.outbox.closeFromAfar(*job, store::Closing::kByServer, reason);
    job->finished(engineio::Error::kBadRequest);
  }
  flush();
  // What is left are polling connections, which other workers adopt.
  while (!connections_.links.all().empty()) {
    Link& link = *connections_.links.all().begin()->second;
    ground_.accounts.settleAccount(link);
    connections_.links.disown(link);
  }
  signedOff_ = true;
  memory::faultPoint();
  zone().worker(context_.id.slot).state.store(WorkerState::kLeft);
  memory::faultPoint();
}

void Worker::stopSockets() {
  Links& links = connections_.links;
  std::vector<store::ConnectionRef> sockets;
  for (const auto& [ref, link] : links.all()) {
    if (link->socket != nullptr) sockets.push_back(link->connection);
  }
  for (const store::ConnectionRef& connection : sockets) {
    Link* link = links.linkOf(connection);
    if (link != nullptr && link->ticket != 0) transports_.reload.takeBack(*link);
    if (Link* left = links.linkOf(connection)) links.sendToOthers(*left);
  }
}

// Does what this worker owes itself, and wakes the others.
void Worker::flush() {
  while (!signedOff_ && context_.wake.test(context_.id.slot)) {
    context_.wake.reset(context_.id.slot);
    takeMail();
    connections_.links.endDoomed();
  }
  delivery_.rooms.publishNeeds();
  if (ground_.hooks.hasNotices()) ground_.hooks.tellScripts();
  wakeOthers();
  if (ground_.accounts.hasEnded()) ground_.accounts.tellEnded();  // which takes its time
}

void Worker::takeMail() {
  transports_.mailboxes.takeSessionMail();
  transports_.mailboxes.takeConnectionMail();
  connections_.confirmations.confirmWritten();
}

void Worker::wakeOthers() {
  store::WakeSet& wake = context_.wake;
  for (std::size_t slot = wake._Find_first(); slot < wake.size(); slot = wake._Find_next(slot)) {
    const auto s = static_cast<std::uint16_t>(slot);
    const bool wasSignalled = zone().worker(s).signalled.exchange(1) != 0;
    memory::faultPoint();
    if (!wasSignalled) context_.env.wakeWorker(s);
  }
  wake.reset();
}

// Mail that was put into the mailboxes before the wake-up is seen after this. A store would not do: where a load may
// overtake it, mail could be missed whose sender has seen the wake-up still on its way.
void Worker::hearSignal() {
  zone().worker(context_.id.slot).signalled.exchange(0);
}

void Worker::wake() {
  if (signedOff_) return;
  showLife(context_.env.now());
  hearSignal();
  takeMail();
}

void Worker::showLife(Instant now) {
  store::WorkerEntry& self = zone().worker(context_.id.slot);
  self.seenAt.store(now.mono);
  if (self.passedBy.load() == 0) return;
  self.passedBy.store(0);
  for (const auto& [ref, room] : delivery_.rooms.all())
    delivery_.rooms.needsChanged(*room);  // what its readers need counts again
}

std::int64_t Worker::tickDelay() const {
  for (std::uint32_t i = 0; i < zone().shards(); ++i) {
    const store::SessionShard& shard = zone().sessionShard(i);
    if (shard.grace.first != 0 || shard.lateGrace.first != 0) return kSweepInterval;
  }
  return kIdleTick;
}

void Worker::tick(std::int64_t lateBy) {
  if (stopped()) return;
  const Instant now = context_.env.now();
  showLife(now);
  care_.sweep.noteLag(now, lateBy);
  hearSignal();  // whoever meant to wake this worker may have died before it did
  takeMail();
  connections_.confirmations.confirmLate();
  for (const auto& [ref, room] : delivery_.rooms.all()) {
    if (room->behind > 0) delivery_.rooms.needsChanged(*room);  // someone's patience may be at its end
    delivery_.snapshots.dropRoster(*room, now);
  }
  care_.recheck.lookAfterUnwatched();
  care_.recheck.lookAfterProbes();
  sweepIfDue(now);
  const std::uint32_t repairs = zone().header().repairs.load();
  if (repairs != seenRepairs_) {
    seenRepairs_ = repairs;
    care_.recheck.recheckRooms();
  }
  flush();
}

void Worker::sweepIfDue(Instant now) {
  auto& nextSweep = zone().header().nextSweep;
  std::int64_t due = nextSweep.load();
  // A due time far ahead comes from another boot of the machine or a stopped clock.
  const bool isDue = now.mono >= due || due > now.mono + 10 * kSweepInterval;
  if (!isDue || !nextSweep.compare_exchange_strong(due, now.mono + kSweepInterval)) return;
  memory::faultPoint();
  care_.sweep.sweep(now);
}

std::int64_t Worker::nextDeadline() const {
  std::int64_t next = std::min({connections_.alarms.next(), delivery_.rooms.nextRound(), transports_.retries.next()});
  for (const Channel* channel : context_.lists.probing)
    next = std::min(next, channel->since + kUpgradeTimeout);
  for (const Channel* channel : context_.lists.resting)
    next = std::min(next, channel->restsUntil);
  return next;
}

void Worker::runDeadlines() {
  const Instant now = context_.env.now();
  while (connections_.alarms.isDue(now.mono))
    transports_.heartbeat.onDeadline(connections_.alarms.first(), now);
  delivery_.rooms.deliverDue(now.mono);
  sockets().endRests(now.mono);
  const std::vector<Channel*> probing = context_.lists.probing;
  for (Channel* channel : probing) {
    if (channel->since + kUpgradeTimeout <= now.mono)
      sockets().failChannel(*channel, {EndReason::kConnectTimeout, CloseCode::kPolicyViolation});
  }
  transports_.retries.runDue(now);
}

}  // namespace mediasync::server
