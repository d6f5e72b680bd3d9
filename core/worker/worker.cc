#include "core/worker/worker.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "core/connection/post_job.h"
#include "core/store/session_walk.h"
#include "core/store/workers.h"

namespace mediasync::server {

using store::EndReason;
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
  const Instant now = context_.env.now();
  context_.id =
      store::signOn(zone(), context_.id.slot, process, context_.cycle, now.mono, [&](const store::WorkerId& id) {
        context_.id = id;
        care_.reaper.inherit(id.slot, now);
      });
}

void Worker::stop() {
  if (std::exchange(context_.stopped, true)) return;
  store::takeHandovers(zone(), context_.id.slot, false);
  requests_.confirmations.confirmAll();
  delivery_.rooms.deliverDue(std::numeric_limits<std::int64_t>::max());
  stopSockets();
  for (const auto& [ref, link] : connections_.links.all()) {
    if (link->poll != nullptr) transports_.reload.sendElsewhere(*link);
  }
  const EndReason reason = connections_.accounts.departureReason();
  const std::vector<Channel*> probing = connections_.waiting.pending().probing;
  for (Channel* channel : probing)
    sockets().failChannel(*channel, {reason, CloseCode::kGoingAway});
  for (PostJob* job : std::exchange(connections_.waiting.pending().posts, {})) {
    connections_.outbox.closeFromAfar(*job, store::Closing::kByServer, reason);
    job->finished(engineio::Error::kBadRequest);
  }
  flush();
  // The connections that are left are polling; other workers adopt them.
  delivery_.rooms.keepWatches();
  while (!connections_.links.all().empty()) {
    Link& link = *connections_.links.all().begin()->second;
    connections_.accounts.settleAccount(link);
    connections_.links.disown(link);
  }
  signedOff_ = true;
  store::signOff(zone(), context_.id.slot);
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
  if (hooks_.hasNotices()) hooks_.tellScripts();
  wakeOthers();
  if (connections_.accounts.hasEnded()) connections_.accounts.tellEnded();  // which takes its time
}

void Worker::takeMail() {
  transports_.mailboxes.takeSessionMail();
  transports_.mailboxes.takeConnectionMail();
  requests_.confirmations.confirmWritten();
}

void Worker::wakeOthers() {
  store::WakeSet& wake = context_.wake;
  for (std::size_t slot = wake._Find_first(); slot < wake.size(); slot = wake._Find_next(slot)) {
    const auto s = static_cast<std::uint16_t>(slot);
    if (store::signal(zone(), s)) context_.env.wakeWorker(s);
  }
  wake.reset();
}

void Worker::hearSignal() {
  store::hearSignal(zone(), context_.id.slot);
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
  for (const auto& [serial, room] : delivery_.rooms.all())
    delivery_.rooms.needsChanged(*room);  // what its readers need counts again
}

std::int64_t Worker::tickDelay() const {
  return store::hasGraces(zone()) ? kSweepInterval : kIdleTick;
}

void Worker::tick(std::int64_t lateBy) {
  if (stopped()) return;
  const Instant now = context_.env.now();
  showLife(now);
  care_.sweep.noteLag(now, lateBy);
  hearSignal();  // whoever meant to wake this worker may have died before it did
  takeMail();
  requests_.confirmations.confirmLate();
  for (const auto& [serial, room] : delivery_.rooms.all()) {
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
  if (store::takeSweep(zone(), kSweepInterval, now.mono)) care_.sweep.sweep(now);
}

std::int64_t Worker::nextDeadline() const {
  std::int64_t next = std::min({connections_.alarms.next(), delivery_.rooms.nextRound(), transports_.retries.next()});
  for (const Channel* channel : connections_.waiting.pending().probing)
    next = std::min(next, channel->since + kUpgradeTimeout);
  for (const Channel* channel : connections_.waiting.pending().resting)
    next = std::min(next, channel->restsUntil);
  return next;
}

void Worker::runDeadlines() {
  const Instant now = context_.env.now();
  while (connections_.alarms.isDue(now.mono))
    transports_.heartbeat.onDeadline(connections_.alarms.first(), now);
  delivery_.rooms.deliverDue(now.mono);
  sockets().endRests(now.mono);
  const std::vector<Channel*> probing = connections_.waiting.pending().probing;
  for (Channel* channel : probing) {
    if (channel->since + kUpgradeTimeout <= now.mono)
      sockets().failChannel(*channel, {EndReason::kConnectTimeout, CloseCode::kPolicyViolation});
  }
  transports_.retries.runDue(now);
}

}  // namespace mediasync::server
