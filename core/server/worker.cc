#include "core/server/worker.h"

#include <algorithm>
#include <limits>
#include <unordered_set>
#include <utility>

#include "core/server/caller.h"
#include "core/memory/fault_point.h"
#include "core/memory/mailbox.h"

namespace mediasync::server {

using store::ConnectionTransaction;
using store::EndReason;
using store::WorkerState;
using websocket::CloseCode;

Worker::Worker(const store::Zone& zone, std::uint16_t slot, store::ProcessId process, Environment& env,
               std::uint32_t cycle)
    : zone_(zone), counters_(&zone_.counters(slot)), env_(env), cycle_(cycle), nextSuccessor_(slot) {
  store::WorkerEntry& entry = zone_.worker(slot);
  id_.slot = slot;
  {
    store::RobustLock lock(zone_.header().census);
    id_.generation = entry.generation.load() + 1;  // whoever had the slot before is another
    entry.generation.store(id_.generation);        // first: should this one die from here on, it is a predecessor, too
    memory::faultPoint();
    if (entry.state.load() != WorkerState::kNone) inherit(slot, env_.now());  // and the slot is never free in between
    entry.process.store(process);
    memory::faultPoint();
    entry.signalled.store(0);
    entry.seenAt.store(env_.now().mono);
    entry.passedBy.store(0);
    entry.cycle.store(cycle);
    entry.takes.store(0);
    entry.awaitsWrite.store(0);
    entry.lag.store(0);
    entry.lagBefore.store(0);
    entry.lagSince.store(entry.seenAt.load());
    memory::faultPoint();
    entry.state.store(WorkerState::kRunning);
    memory::faultPoint();
  }
  seenRepairs_ = zone_.header().repairs.load();
}

Worker::~Worker() = default;

void Worker::stop() {
  if (std::exchange(stopped_, true)) return;
  zone_.worker(id_.slot).takes.store(0);
  confirmAll();
  deliverDue(std::numeric_limits<std::int64_t>::max());
  std::vector<store::ConnectionRef> sockets;
  for (const auto& [ref, link] : links_) {
    if (link->socket != nullptr) sockets.push_back(link->connection);
  }
  for (const store::ConnectionRef& connection : sockets) {
    if (Link* link = linkOf(connection); link != nullptr && link->ticket != 0) takeBack(*link);
    if (Link* link = linkOf(connection)) sendToOthers(*link);
  }
  for (const auto& [ref, link] : links_) {
    if (link->poll != nullptr) sendElsewhere(*link);
  }
  const std::vector<Channel*> probing = probing_;
  for (Channel* channel : probing)
    failChannel(*channel, {departureReason(), CloseCode::kGoingAway});
  for (PostJob* job : std::exchange(waitingJobs_, {})) {
    closeFromAfar(*job, store::Closing::kByServer, departureReason());
    job->finished(engineio::Error::kBadRequest);
  }
  flush();
  // What is left are polling connections, which other workers adopt.
  while (!links_.empty()) {
    settleAccount(*links_.begin()->second);
    disown(*links_.begin()->second);
  }
  signedOff_ = true;
  memory::faultPoint();
  zone_.worker(id_.slot).state.store(WorkerState::kLeft);
  memory::faultPoint();
}

// The client polls again, and another worker answers.
void Worker::sendElsewhere(Link& link) {
  link.leaveAt = 0;
  {
    ConnectionTransaction txn(zone_, link.connection.shard);
    if (txn.open(link.connection)) {
      txn.edit(txn.record().pollWaiting) = false;
      txn.commit();
    }
  }
  endPoll(link, "6");
}

store::RandomId Worker::randomId() {
  store::RandomId id;
  env_.random().fill(id);
  return id;
}

// Does what this worker owes itself, and wakes the others.
void Worker::flush() {
  while (!signedOff_ && wake_.test(id_.slot)) {
    wake_.reset(id_.slot);
    takeSessionMail();
    takeConnectionMail();
    confirmWritten();
    endDoomed();
  }
  publishNeeds();
  if (!notices_.list.empty()) tellScripts();
  wakeOthers();
  if (!ended_.empty()) tellEnded();  // which takes its time
}

void Worker::wakeOthers() {
  for (std::size_t slot = wake_._Find_first(); slot < wake_.size(); slot = wake_._Find_next(slot)) {
    const auto s = static_cast<std::uint16_t>(slot);
    const bool wasSignalled = zone_.worker(s).signalled.exchange(1) != 0;
    memory::faultPoint();
    if (!wasSignalled) env_.wakeWorker(s);
  }
  wake_.reset();
}

// Mail that was put into the mailboxes before the wake-up is seen after this. A store would not do: where a load may
// overtake it, mail could be missed whose sender has seen the wake-up still on its way.
void Worker::hearSignal() {
  zone_.worker(id_.slot).signalled.exchange(0);
}

void Worker::wake() {
  if (signedOff_) return;
  showLife(env_.now());
  hearSignal();
  takeSessionMail();
  takeConnectionMail();
  confirmWritten();
}

void Worker::takeSessionMail() {
  memory::takeMail<store::SessionWatcher>(zone_.arena(), zone_.worker(id_.slot).sessionMail, [this](store::Ref ref) {
    auto& watcher = *zone_.arena().at<store::SessionWatcher>(ref);
    const store::Ref session = watcher.session;
    const auto found = rooms_.find(session);
    if (found != rooms_.end() && found->second->serial == watcher.sessionSerial) {
      // Cleared before the log is read: what comes later queues it again.
      watcher.queued.store(0, std::memory_order_seq_cst);
      memory::faultPoint();
      announce(*found->second);
      return;
    }
    store::SessionTransaction txn(zone_, watcher.shard);
    watcher.queued.store(0, std::memory_order_seq_cst);
    memory::faultPoint();
    if (!txn.open(session, watcher.sessionSerial)) return;
    txn.removeWatcher(ref);
    txn.commit(wake_);
  });
}

void Worker::takeConnectionMail() {
  memory::takeMail<store::ConnectionRecord>(zone_.arena(), zone_.worker(id_.slot).connectionMail,
                                           [this](store::Ref ref) { openMail(ref); });
}

// Another worker, or this one in another role, did something to a connection that this worker owns or has owned.
void Worker::openMail(store::Ref ref) {
  Link* link = linkOf(ref);
  bool moved = false;
  bool isDeclined = false;
  store::Closing closing = store::Closing::kNo;
  EndReason ending{};
  std::vector<store::WaitingItem> items;
  {
    ConnectionTransaction txn(zone_, zone_.arena().at<store::ConnectionRecord>(ref)->shard);
    txn.openQueued(ref);
    txn.clearQueued();
    const store::ConnectionRecord& record = txn.record();
    if (link != nullptr && link->connection.serial != record.serial) link = nullptr;
    if (record.dead) {
      txn.destroy();
      txn.commit();
      if (link != nullptr) letGo(*link);
      return;
    }
    moved = record.owner != id_;
    // It can be in one mailbox at a time: news for the present owner may have found it in this one.
    if (moved && record.owner.slot != id_.slot) txn.notifyOwner(wake_);
    if (link == nullptr) return;
    if (moved && link->transport == store::Transport::kPolling) {
      txn.addToAccount(std::exchange(link->traffic, {}));
      txn.commit();
    }
    isDeclined = !moved && link->ticket != 0;
    if (isDeclined && record.handover == link->ticket) return;  // on its way: whoever gets it looks at the rest
    closing = record.closing;
    ending = record.ending;
    if (!moved && !isDeclined) items = takeNews(*link, txn);
  }
  if (moved) {
    letGo(*link);
  } else if (isDeclined) {
    declined(*link);
  } else if (closing == store::Closing::kByClient && link->socket == nullptr) {
    closedByClient(*link);
  } else if (closing != store::Closing::kNo) {
    closeLink(*link, {ending});
  } else if (link->poll != nullptr) {
    answerPoll(*link);
  } else if (link->socket != nullptr) {
    sendFirst(*link, items);
    catchUp(*link);
    sendItems(*link, items);
  }
}

// What the record has for its owner's link; returned is what is to be sent.
std::vector<store::WaitingItem> Worker::takeNews(Link& link, ConnectionTransaction& txn) {
  const store::ConnectionRecord& record = txn.record();
  if (record.closing == store::Closing::kNo) syncSeat(link, record);
  if (record.overrun && link.socket != nullptr) doom(link);  // something that it was to be sent is missing
  if (link.socket == nullptr || link.doomed) return {};
  // From a POST that was still at work when the connection was upgraded.
  if (record.awaitingSnapshot) link.awaitsSnapshot = true;
  txn.endAwaitingSnapshot();
  std::vector<store::WaitingItem> items;
  // One that reads slowly is sent no more than what waits in the process already: who sends is told in time.
  link.itemsLeft =
      record.items.first != 0 && link.full && link.out.size() > store::ConnectionTransaction::kMaxItemBytes;
  if (record.items.first != 0 && !link.itemsLeft) items = txn.takeItems();
  txn.commit();
  return items;
}

std::int64_t Worker::nextDeadline() const {
  std::int64_t next = std::numeric_limits<std::int64_t>::max();
  if (!deadlines_.empty()) next = deadlines_.begin()->deadline;
  for (const Channel* channel : probing_)
    next = std::min(next, channel->since_ + kUpgradeTimeout);
  for (const store::Ref session : waitingRooms_) {
    if (const auto found = rooms_.find(session); found != rooms_.end()) next = std::min(next, found->second->nextRound);
  }
  for (const Channel* channel : resting_)
    next = std::min(next, channel->restsUntil_);
  if (!waitingChannels_.empty() || !waitingJobs_.empty()) next = std::min(next, lastRetry_ + retryDelay_);
  return next;
}

void Worker::runDeadlines() {
  const Instant now = env_.now();
  while (!deadlines_.empty() && deadlines_.begin()->deadline <= now.mono)
    onDeadline(*deadlines_.begin(), now);
  deliverDue(now.mono);
  endRests(now.mono);
  const std::vector<Channel*> probing = probing_;
  for (Channel* channel : probing) {
    if (channel->since_ + kUpgradeTimeout <= now.mono)
      failChannel(*channel, {EndReason::kConnectTimeout, CloseCode::kPolicyViolation});
  }
  if (lastRetry_ + retryDelay_ <= now.mono) {
    lastRetry_ = now.mono;
    retryWaiting();
  }
}

// One command that waits, of a WebSocket or a POST.
struct Worker::Waiting {
  Channel* channel = nullptr;
  PostJob* job = nullptr;

  const Deferred* deferred() const { return channel != nullptr ? channel->deferred_.get() : job->deferred_.get(); }
  WaitsFor waitsFor() const { return deferred() != nullptr ? deferred()->waitsFor : WaitsFor{}; }
  // In the order in which they came, but what is minor last.
  bool goesBefore(const Waiting& other) const {
    const WaitsFor own = waitsFor(), others = other.waitsFor();
    return own.isMinor != others.isMinor ? others.isMinor : own.place < others.place;
  }
};

std::vector<Worker::Waiting> Worker::takeWaiting() {
  std::vector<Waiting> all;
  for (Channel* channel : std::exchange(waitingChannels_, {}))
    all.push_back({channel, nullptr});
  for (PostJob* job : std::exchange(waitingJobs_, {}))
    all.push_back({nullptr, job});
  std::stable_sort(all.begin(), all.end(), [](const Waiting& a, const Waiting& b) { return a.goesBefore(b); });
  return all;
}

// A command begins to wait, or goes on to.
void Worker::noteWaiting(Deferred* deferred) {
  const WaitsFor busy = std::exchange(lastBusy_, {});
  if (deferred == nullptr) return;
  const std::uint64_t place = deferred->waitsFor.place;
  deferred->waitsFor = busy;
  deferred->waitsFor.place = place != 0 ? place : ++waitingCount_;
  line_.add(busy);
}

// Commands that had to wait for readers are tried again, less often while none gets on. Where one of a session does
// not, those behind it need not be tried.
void Worker::retryWaiting() {
  const std::vector<Waiting> all = takeWaiting();
  line_.clear();
  for (const Waiting& one : all)
    line_.add(one.waitsFor());
  if (all.empty()) return;
  std::unordered_set<store::Ref> stuck;
  bool progress = false;
  const std::int64_t now = env_.now().mono;
  const auto keep = [this](const Waiting& one) {
    line_.add(one.waitsFor());
    if (one.channel != nullptr) waitingChannels_.push_back(one.channel);
    if (one.job != nullptr) waitingJobs_.push_back(one.job);
  };
  for (const Waiting& one : all) {
    const Deferred* deferred = one.deferred();
    const std::int64_t timeout =
        one.channel != nullptr ? one.channel->options_->hookTimeout : one.job->options_.hookTimeout;
    const bool asksScripts = deferred != nullptr && deferred->question.isWaiting(now, timeout);
    const store::Ref session = one.waitsFor().session;
    const bool isBehindAnother = stuck.contains(session);
    line_.remove(one.waitsFor());
    if ((asksScripts && !(one.job != nullptr && stopped_)) || (isBehindAnother && one.channel != nullptr)) {
      keep(one);
      continue;
    }
    const bool gotOn = one.channel != nullptr ? retry(*one.channel) : retry(*one.job);
    if (!gotOn && session != 0) stuck.insert(session);
    progress = progress || gotOn;
  }
  retryDelay_ = progress ? kRetryDelay : std::min(2 * retryDelay_, kMaxRetryDelay);
}

// Logs the exception at hand, which ends the connection of a command or of input that was tried again.
void Worker::logFailure() {
  std::string what = "has a command that failed";
  try {
    throw;
  } catch (const std::exception& failure) {
    what += std::string(": ") + failure.what();
  } catch (...) {
  }
  env_.log(Environment::Severity::kAlert, what);
}

// True: it got on.
bool Worker::retry(Channel& channel) {
  if (channel.state_ != Channel::State::kOpen || channel.link_ == nullptr || !channel.deferred_) return true;
  if (channel.link_->ticket != 0) {  // on its way to another worker, and the command with it
    waitingChannels_.push_back(&channel);
    return false;
  }
  auto deferred = std::exchange(channel.deferred_, nullptr);
  Handled handled = Handled::kClose;
  try {
    Link& link = *channel.link_;
    Caller caller{link.connection, *channel.options_, link.protocol, link.allowance, &link, true};
    handled = engineApplication(channel.options_->application).resumed(*this, caller, *deferred);
  } catch (...) {
    logFailure();
    failChannel(channel, {EndReason::kInternalError, CloseCode::kInternalError});
    return true;
  }
  if (handled == Handled::kDeferred) {
    channel.deferred_ = std::move(deferred);
    noteWaiting(channel.deferred_.get());
    waitingChannels_.push_back(&channel);
    return false;
  }
  if (handled == Handled::kDone) {
    resumeInput(channel);
  } else {
    failChannel(channel, endingOf(handled));
  }
  return true;
}

bool Worker::retry(PostJob& job) {
  if (job.restsUntil_ > env_.now().mono && !stopped_) {
    waitingJobs_.push_back(&job);
    return false;
  }
  std::optional<PostResult> result = PostResult{engineio::Error::kBadRequest};
  const std::int64_t waitingSince = job.waitingSince_;
  try {
    result = runPost(job);
  } catch (...) {
    logFailure();
    closeFromAfar(job, store::Closing::kByServer, EndReason::kInternalError);
  }
  if (!result) return job.waitingSince_ != waitingSince;
  job.finished(result->error);
  return true;
}

}  // namespace mediasync::server
