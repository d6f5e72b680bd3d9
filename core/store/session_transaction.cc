#include "core/store/session_transaction.h"

#include <algorithm>

#include "core/memory/mailbox.h"

namespace mediasync::store {

using session::Presence;
using session::UserRef;

namespace {

// Users removed in one transaction when a session ends: bounded, so that the undo log is.
constexpr int kUsersAtOnce = 16;

// Bytes of JSON that every session has, and every user in it.
constexpr std::size_t kStateBytes = 540;
constexpr std::size_t kUserBytes = 132;

}  // namespace

void SessionTransaction::create(std::string_view sessionId, std::string_view creatorId, Instant now) {
  auto& record = txn_.create<SessionRecord>();
  sessionRef_ = zone_.arena().refOf(&record);
  session_ = &record;
  record.serial = txn_.newSerial();
  record.hash = zone_.hash(sessionId);
  record.id = txn_.store(sessionId);
  record.creatorId = txn_.store(creatorId);
  record.createdAt = record.lastActivity = now.wall;
  record.clock.setAt = now;
  initLog(txn_, record);
  chain<SessionRecord>(txn_, sessionBucket(record.hash), sessionRef_);
  pushBack(txn_, shard_.allSessions, &SessionRecord::all, sessionRef_);
  bump(txn_, shard_.sessions, 1);
  becomeIdle(now);
  noteUnsaved(Unsaved::kUsers);
  notice(Notice::Kind::kSessionCreated, creatorId);
}

bool SessionTransaction::destroy(Instant now) {
  if (!session_->ending) {
    notice(Notice::Kind::kSessionEnded, {});
    noteGone();
    txn_.edit(session_->ending) = true;
    sortIdle();
    unchain<SessionRecord>(txn_, sessionBucket(session_->hash), sessionRef_);
  }
  for (int i = 0; i < kUsersAtOnce && session_->users.first != 0; ++i)
    removeUser(session_->users.first, now);
  if (session_->users.first != 0 || !freeLog(txn_, *session_)) return false;
  stopIdling();
  eachText(*session_, [this](const SharedText& text) { txn_.release(text); });
  unlink(txn_, shard_.allSessions, &SessionRecord::all, sessionRef_);
  bump(txn_, shard_.sessions, -1);
  txn_.edit(session_->serial) = 0;
  txn_.release(sessionRef_);
  return true;
}

bool SessionTransaction::dropLog() {
  const bool isGone = freeLog(txn_, *session_);
  sortIdle();
  return isGone;
}

void SessionTransaction::endSoon(Instant now) {
  if (!session_->idle) return;
  unlink(txn_, shard_.idle, &SessionRecord::inIdle, sessionRef_);
  std::int64_t since = now.mono - zone_.settings().sessionTimeout;
  if (const Ref first = shard_.idle.first; first != 0) {
    since = std::min(since, zone_.arena().at<SessionRecord>(first)->idleSince);
  }
  txn_.edit(session_->idleSince) = since;
  pushFront(txn_, shard_.idle, &SessionRecord::inIdle, sessionRef_);
  noteUnsaved(Unsaved::kHead);
}

// The state file is to be told of the end of a session that it knows.
void SessionTransaction::noteGone() {
  if (session_->unsaved != Unsaved::kNothing) {
    unlink(txn_, shard_.unsaved, &SessionRecord::inUnsaved, sessionRef_);
    txn_.edit(session_->unsaved) = Unsaved::kNothing;
  }
  const GoneSessions& gone = shard_.gone;
  if (session_->savedEnd == 0 || gone.count > GoneSessions::kMost) return;
  if (gone.count < GoneSessions::kMost) txn_.edit(gone.serials[gone.count]) = session_->serial;
  ++txn_.edit(gone.count);
}

SeatRef SessionTransaction::addConnection(UserRef user, const ConnectionRef& connection) {
  stopIdling();
  keepChunk(txn_, *session_);
  auto& membership = txn_.create<Membership>();
  const Ref ref = zone_.arena().refOf(&membership);
  membership.serial = txn_.newSerial();
  membership.connection = connection.ref;
  membership.connectionSerial = connection.serial;
  membership.connectionShard = connection.shard;
  membership.user = user;
  membership.next = userAt(user).firstMembership;
  txn_.edit(userAt(user).firstMembership) = ref;
  ++txn_.edit(userAt(user).connections);
  ++txn_.edit(session_->connectionCount);
  bump(txn_, shard_.memberships, 1);
  return SeatRef{sessionRef_, user, ref, shardIndex(), session_->serial, membership.serial};
}

bool SessionTransaction::removeConnection(const SeatRef& seat, Instant now) {
  const auto& membership = *zone_.arena().at<Membership>(seat.membership);
  const UserRecord& record = userAt(membership.user);
  const Ref* link = &record.firstMembership;
  while (*link != seat.membership)
    link = &zone_.arena().at<Membership>(*link)->next;
  txn_.edit(*link) = membership.next;
  txn_.edit(membership.serial) = 0;
  txn_.release(seat.membership);
  --txn_.edit(record.connections);
  bump(txn_, shard_.memberships, -1);
  if (--txn_.edit(session_->connectionCount) == 0) becomeIdle(now);
  return record.connections == 0;
}

void SessionTransaction::listConnections(UserRef user, std::vector<ConnectionRef>& connections) const {
  for (Ref ref = userAt(user).firstMembership; ref != 0;) {
    const auto& membership = *zone_.arena().at<Membership>(ref);
    connections.push_back({membership.connection, membership.connectionSerial, membership.connectionShard});
    ref = membership.next;
  }
}

Ref SessionTransaction::watcherOf(WorkerId worker) const {
  Ref ref = session_->watchers;
  while (ref != 0 && zone_.arena().at<SessionWatcher>(ref)->worker != worker) {
    ref = zone_.arena().at<SessionWatcher>(ref)->next;
  }
  return ref;
}

void SessionTransaction::addWatch(WorkerId worker) {
  Ref ref = watcherOf(worker);
  if (ref == 0) {
    auto& made = txn_.create<SessionWatcher>();
    ref = zone_.arena().refOf(&made);
    made.worker = worker;
    made.session = sessionRef_;
    made.sessionSerial = session_->serial;
    made.shard = shardIndex();
    made.next = session_->watchers;
    made.needed.store(kNothingNeeded, std::memory_order_relaxed);
    txn_.edit(session_->watchers) = ref;
  }
  // `needed` is the worker's own, written without the lock, and so never noted.
  auto& watcher = *zone_.arena().at<SessionWatcher>(ref);
  if (watcher.needed.load(std::memory_order_acquire) == kNothingNeeded) {
    watcher.needed.store(session_->log.nextSeq, std::memory_order_release);
    faultPoint();
  }
}

void SessionTransaction::dropWatch(WorkerId worker) {
  const Ref ref = watcherOf(worker);
  if (ref == 0) return;
  auto& watcher = *zone_.arena().at<SessionWatcher>(ref);
  watcher.needed.store(kNothingNeeded, std::memory_order_release);
  faultPoint();
  if (watcher.queued.load(std::memory_order_acquire) == 0) removeWatcher(ref);
}

void SessionTransaction::removeWatcher(Ref watcher) {
  const Ref* link = &session_->watchers;
  while (*link != 0 && *link != watcher)
    link = &zone_.arena().at<SessionWatcher>(*link)->next;
  if (*link == 0) return;
  txn_.edit(*link) = zone_.arena().at<SessionWatcher>(watcher)->next;
  txn_.release(watcher);
  if (session_->vacant && session_->watchers == 0) dropLog();  // nobody can come back to it, and all have read it
}

void SessionTransaction::wakeWatcher(WorkerId worker, WakeSet& wake) {
  const Ref ref = watcherOf(worker);
  if (ref == 0) return;
  memory::postMail<SessionWatcher>(zone_.arena(), zone_.worker(worker.slot).sessionMail, ref);
  wake.set(worker.slot);
}

void SessionTransaction::mendWatcher(WorkerId worker) {
  const Ref ref = watcherOf(worker);
  if (ref != 0) memory::mendMail<SessionWatcher>(zone_.arena(), zone_.worker(worker.slot).sessionMail, ref);
}

bool SessionTransaction::admit(const TokenBucket& bucket, const Rate& rate, Instant now) {
  return !rate || txn_.edit(bucket).take(rate, now.mono);
}

bool SessionTransaction::admitEvent(const Rate& rate, Instant now) {
  return admit(userAt(seatUser_).events, rate, now);
}

bool SessionTransaction::admitJoin(const Rate& rate, Instant now) {
  return admit(session_->joins, rate, now);
}

std::size_t SessionTransaction::stateBytes() const {
  return kStateBytes + textBytes(*session_) + session_->userCount * kUserBytes + session_->userTextBytes;
}

session::UserView SessionTransaction::view(UserRef ref) const {
  const UserRecord& record = userAt(ref);
  return {views<session::UserProfile>(record), record.presence == Presence::kConnected, text(record.id) == leaderId()};
}

void SessionTransaction::copyTo(Snapshot& snapshot, Instant now, Users users) const {
  session::SessionView& view = snapshot.view;
  view.users.clear();
  if (users == Users::kAll) view.users.reserve(session_->userCount);
  for (Ref ref = users == Users::kAll ? session_->users.first : 0; ref != 0; ref = nextUser(ref))
    view.users.push_back(this->view(ref));
  static_cast<session::SessionIds<session::Views>&>(view) = views<session::SessionIds>(*session_);
  static_cast<session::SessionTimes&>(view) = *session_;
  view.playback = session::viewOf(session_->clock, media(), now);
  view.userCount = session_->userCount;
  view.connectedCount = session_->connectedCount;
  snapshot.texts_.takeFrom(view);
}

void SessionTransaction::commit(WakeSet& wake) {
  txn_.commit();
  for (Notice& one : noticed_)
    zone_.notices()->list.push_back(std::move(one));
  noticed_.clear();
  if (!emitted_) return;
  for (Ref ref = session_->watchers; ref != 0;) {
    const auto* watcher = zone_.arena().at<SessionWatcher>(ref);
    memory::postMail<SessionWatcher>(zone_.arena(), zone_.worker(watcher->worker.slot).sessionMail, ref);
    wake.set(watcher->worker.slot);
    ref = watcher->next;
  }
}

}  // namespace mediasync::store
