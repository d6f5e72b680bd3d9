#include "core/store/session_transaction.h"

#include <algorithm>
#include <limits>

#include "core/store/event_codec.h"
#include "core/memory/fault_point.h"
#include "core/memory/linked.h"
#include "core/memory/mailbox.h"

namespace mediasync::store {

using session::Presence;
using session::UserRef;

namespace {

// Users removed in one transaction when a session ends: bounded, so that the undo log is.
constexpr int kUsersAtOnce = 16;

// What is the same in the JSON of every session, and of every user in it.
constexpr std::size_t kStateBytes = 540;
constexpr std::size_t kUserBytes = 132;

std::uint32_t shardOf(const Zone& zone, std::uint64_t hash) {
  return static_cast<std::uint32_t>((hash >> 32) % zone.shards());
}

}  // namespace

SessionTransaction::SessionTransaction(const Zone& zone, std::string_view sessionId)
    : SessionTransaction(zone, shardOf(zone, zone.hash(sessionId))) {}

SessionTransaction::SessionTransaction(const Zone& zone, std::uint32_t shard)
    : zone_(zone), shard_(zone_.sessionShard(shard)), txn_(zone_.region(), shard_.header) {}

std::optional<std::string_view> SessionTransaction::optionalText(const SharedText& t) const {
  if (t.ref == 0) return std::nullopt;
  return text(t);
}

const Ref& SessionTransaction::sessionBucket(std::uint64_t hash) const {
  return zone_.arena().at<Ref>(shard_.sessionBuckets)[hash & shard_.bucketMask];
}

const Ref& SessionTransaction::userBucket(std::uint64_t hash) const {
  return zone_.arena().at<Ref>(shard_.userBuckets)[hash & shard_.userBucketMask];
}

std::uint64_t SessionTransaction::userHash(std::string_view userId) const {
  return zone_.hash(userId) ^ (session_->serial * 0x9e3779b97f4a7c15ULL);
}

bool SessionTransaction::find(std::string_view sessionId) {
  const std::uint64_t hash = zone_.hash(sessionId);
  for (Ref ref = sessionBucket(hash); ref != 0;) {
    const auto* record = zone_.arena().at<SessionRecord>(ref);
    if (record->hash == hash && text(record->id) == sessionId) return open(ref, record->serial);
    ref = record->hashNext;
  }
  return false;
}

bool SessionTransaction::open(Ref session, std::uint64_t serial) {
  const auto* record = zone_.arena().at<SessionRecord>(session);
  if (!isObject<SessionRecord>(zone_.region(), shard_.header, session) || record->serial != serial) return false;
  session_ = record;
  sessionRef_ = session;
  return true;
}

bool SessionTransaction::openSeat(const SeatRef& seat) {
  const auto* membership = zone_.arena().at<Membership>(seat.membership);
  if (!isObject<Membership>(zone_.region(), shard_.header, seat.membership) ||
      membership->serial != seat.membershipSerial)
    return false;
  seatUser_ = membership->user;
  return open(userAt(seatUser_).session, seat.sessionSerial);
}

bool SessionTransaction::openUser(const LostSeat& lost) {
  if (!open(lost.session, lost.sessionSerial) || session_->ending) return false;
  if (!isObject<UserRecord>(zone_.region(), shard_.header, lost.user)) return false;
  const UserRecord& user = userAt(lost.user);
  if (user.serial != lost.userSerial || user.session != sessionRef_) return false;
  seatUser_ = lost.user;
  return true;
}

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
  for (const SharedText* t : {&session_->id, &session_->creatorId, &session_->leaderId, &session_->mediaUrl,
                              &session_->mediaId, &session_->mediaTitle}) {
    txn_.release(*t);
  }
  unlink(txn_, shard_.allSessions, &SessionRecord::all, sessionRef_);
  bump(txn_, shard_.sessions, -1);
  txn_.edit(session_->serial) = 0;
  txn_.release(sessionRef_);
  return true;
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

bool SessionTransaction::dropLog() {
  const bool isGone = freeLog(txn_, *session_);
  sortIdle();
  return isGone;
}

// Keeps the lists of those among the idle sessions that can be done without.
void SessionTransaction::sortIdle() {
  const bool isLeft = session_->idle && !session_->ending;
  place(shard_.logged, &SessionRecord::inLogged, session_->logged, isLeft && session_->log.firstChunk != 0);
  place(shard_.vacant, &SessionRecord::inVacant, session_->vacant, isLeft && session_->userCount == 0);
}

void SessionTransaction::place(const Queue& queue, QueueLinks SessionRecord::*links, const bool& isListed,
                               bool belongs) {
  if (isListed == belongs) return;
  if (belongs) pushBack(txn_, queue, links, sessionRef_);
  if (!belongs) unlink(txn_, queue, links, sessionRef_);
  txn_.edit(isListed) = belongs;
}

void SessionTransaction::becomeIdle(Instant now) {
  if (session_->idle) return;
  txn_.edit(session_->idle) = true;
  txn_.edit(session_->idleSince) = now.mono;
  pushBack(txn_, shard_.idle, &SessionRecord::inIdle, sessionRef_);
  sortIdle();
  noteUnsaved(Unsaved::kHead);
}

void SessionTransaction::stopIdling() {
  if (!session_->idle) return;
  txn_.edit(session_->idle) = false;
  unlink(txn_, shard_.idle, &SessionRecord::inIdle, sessionRef_);
  sortIdle();
  noteUnsaved(Unsaved::kHead);
}

// The state file is to be told of a change.
void SessionTransaction::noteUnsaved(Unsaved kind) {
  if (zone_.header().state.enabled.load(std::memory_order_relaxed) == 0 || session_->ending) return;
  if (session_->unsaved >= kind) return;
  if (session_->unsaved == Unsaved::kNothing) pushBack(txn_, shard_.unsaved, &SessionRecord::inUnsaved, sessionRef_);
  txn_.edit(session_->unsaved) = kind;
}

// And of the end of a session that it knows.
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
  postMail<SessionWatcher>(zone_.arena(), zone_.worker(worker.slot).sessionMail, ref);
  wake.set(worker.slot);
}

void SessionTransaction::mendWatcher(WorkerId worker) {
  const Ref ref = watcherOf(worker);
  if (ref != 0) mendMail<SessionWatcher>(zone_.arena(), zone_.worker(worker.slot).sessionMail, ref);
}

void SessionTransaction::notice(Notice::Kind kind, std::string_view userId) {
  if (zone_.notices() == nullptr) return;
  noticed_.push_back({kind, std::string(text(session_->id)), std::string(userId), {}});
}

void SessionTransaction::commit(WakeSet& wake) {
  txn_.commit();
  for (Notice& one : noticed_)
    zone_.notices()->list.push_back(std::move(one));
  noticed_.clear();
  if (!emitted_) return;
  for (Ref ref = session_->watchers; ref != 0;) {
    const auto* watcher = zone_.arena().at<SessionWatcher>(ref);
    postMail<SessionWatcher>(zone_.arena(), zone_.worker(watcher->worker.slot).sessionMail, ref);
    wake.set(watcher->worker.slot);
    ref = watcher->next;
  }
}

session::Media SessionTransaction::media() const {
  return {optionalText(session_->mediaUrl), optionalText(session_->mediaId), optionalText(session_->mediaTitle)};
}

UserRef SessionTransaction::findUser(std::string_view userId) const {
  const std::uint64_t hash = userHash(userId);
  for (Ref ref = userBucket(hash); ref != 0; ref = userAt(ref).hashNext) {
    const UserRecord& record = userAt(ref);
    if (record.hash == hash && record.session == sessionRef_ && text(record.id) == userId) return ref;
  }
  return 0;
}

UserRef SessionTransaction::nextUser(UserRef user) const {
  return userAt(user).inSession.next;
}

session::UserFacts SessionTransaction::user(UserRef ref) const {
  const UserRecord& record = userAt(ref);
  return {text(record.id),
          text(record.username),
          optionalText(record.avatar),
          record.presence,
          record.connections,
          record.bound ? std::optional(record.secret) : std::nullopt,
          record.stallKnown ? std::optional(record.stall) : std::nullopt};
}

void SessionTransaction::replace(const SharedText& field, std::optional<std::string_view> value) {
  if (value == optionalText(field)) return;
  if (value) return txn_.rewrite(field, *value);
  txn_.release(field);
  txn_.edit(field) = SharedText{};
}

// In place, once there is a leader: a change of leader must not fail for want of memory.
void SessionTransaction::setLeader(std::string_view userId) {
  if (session_->leaderId.ref != 0 && leaderId() == userId) return;
  ++txn_.edit(session_->rosterChanges);
  if (session_->leaderId.ref == 0) {
    txn_.edit(session_->leaderId).ref = txn_.allocate(session::kMaxIdBytes);
  } else {
    txn_.note(zone_.arena().bytes(session_->leaderId.ref), session::kMaxIdBytes);
  }
  txn_.edit(session_->leaderId).size = static_cast<std::uint32_t>(userId.size());
  std::copy(userId.begin(), userId.end(), reinterpret_cast<char*>(zone_.arena().bytes(session_->leaderId.ref)));
  noteUnsaved(Unsaved::kHead);
}

void SessionTransaction::setClock(const session::PlaybackClock& clock) {
  txn_.edit(session_->clock) = clock;
  noteUnsaved(Unsaved::kHead);
}

void SessionTransaction::setMedia(const session::Media& media) {
  if (media == this->media()) return;
  // Own copies: the texts may be those that are replaced.
  const std::optional<std::string> url(media.url), id(media.id), title(media.title);
  replace(session_->mediaUrl, url);
  replace(session_->mediaId, id);
  replace(session_->mediaTitle, title);
  noteUnsaved(Unsaved::kHead);
}

UserRef SessionTransaction::addUser(std::string_view id, std::string_view username,
                                    std::optional<std::string_view> avatar, Presence presence, Instant now) {
  auto& record = txn_.create<UserRecord>();
  const Ref ref = zone_.arena().refOf(&record);
  record.serial = txn_.newSerial();
  record.session = sessionRef_;
  record.hash = userHash(id);
  record.id = txn_.store(id);
  record.username = txn_.store(username);
  if (avatar) record.avatar = txn_.store(*avatar);
  record.joinedAt = record.lastSeen = now.wall;
  record.presence = Presence::kAway;
  chain<UserRecord>(txn_, userBucket(record.hash), ref);
  pushBack(txn_, session_->users, &UserRecord::inSession, ref);
  ++txn_.edit(session_->userCount);
  if (session_->idle) sortIdle();
  countTexts(record, true);
  bump(txn_, shard_.users, 1);
  beginPresence(record, presence, now);
  noteUnsaved(Unsaved::kUsers);
  return ref;
}

void SessionTransaction::countTexts(const UserRecord& record, bool isAdded) {
  const std::uint32_t bytes = record.id.size + record.username.size + record.avatar.size;
  txn_.edit(session_->userTextBytes) += isAdded ? bytes : 0 - bytes;
}

void SessionTransaction::renameUser(UserRef ref, std::string_view username, std::optional<std::string_view> avatar) {
  const UserRecord& record = userAt(ref);
  if (text(record.username) == username && optionalText(record.avatar) == avatar) return;
  countTexts(record, false);
  replace(record.username, username);
  replace(record.avatar, avatar);
  countTexts(record, true);
  ++txn_.edit(session_->rosterChanges);
  noteUnsaved(Unsaved::kUsers);
}

const Queue& SessionTransaction::timeQueue(const UserRecord& record) const {
  if (record.presence == Presence::kAway) return shard_.away;
  return record.isLate ? shard_.lateGrace : shard_.grace;
}

bool SessionTransaction::goesLast(const Queue& queue, const UserRecord& record) const {
  return queue.last == 0 || userAt(queue.last).absentSince <= record.absentSince;
}

void SessionTransaction::leaveTimeQueue(const UserRecord& record) {
  if (!record.queuedForTime) return;
  unlink(txn_, timeQueue(record), &UserRecord::inQueue, zone_.arena().refOf(&record));
  txn_.edit(record.queuedForTime) = false;
}

void SessionTransaction::setPresence(UserRef ref, Presence presence, Instant now) {
  const UserRecord& record = userAt(ref);
  // To the file everyone is without a connection, but for those who have been given up.
  if ((record.presence == Presence::kAway) != (presence == Presence::kAway)) noteUnsaved(Unsaved::kUsers);
  leaveTimeQueue(record);
  if ((record.presence == Presence::kConnected) != (presence == Presence::kConnected)) {
    ++txn_.edit(session_->rosterChanges);
  }
  beginPresence(record, presence, now);
}

void SessionTransaction::beginPresence(const UserRecord& record, Presence presence, Instant now) {
  if (record.presence == Presence::kConnected && presence != Presence::kConnected)
    --txn_.edit(session_->connectedCount);
  if (record.presence != Presence::kConnected && presence == Presence::kConnected)
    ++txn_.edit(session_->connectedCount);
  txn_.edit(record.presence) = presence;
  if (presence == Presence::kConnected) return;
  txn_.edit(record.absentSince) = now.mono;
  txn_.edit(record.queuedForTime) = true;
  enterTimeQueue(record);
}

// Those whose absence counts from later on, since the server sent them away, may be thousands. Whoever comes after them
// and goes before them has a queue of its own, where it is the last: its place need not be looked for, but when
// the times of the zone have just changed.
void SessionTransaction::enterTimeQueue(const UserRecord& record) {
  txn_.edit(record.isLate) = record.presence == Presence::kGrace && !goesLast(shard_.grace, record);
  const Queue& queue = timeQueue(record);
  Ref previous = queue.last;
  while (previous != 0 && userAt(previous).absentSince > record.absentSince)
    previous = userAt(previous).inQueue.previous;
  insertAfter(txn_, queue, &UserRecord::inQueue, previous, zone_.arena().refOf(&record));
}

void SessionTransaction::freeMemberships(const UserRecord& record) {
  for (Ref ref = record.firstMembership; ref != 0;) {
    const auto& membership = *zone_.arena().at<Membership>(ref);
    const Ref next = membership.next;
    txn_.edit(membership.serial) = 0;
    txn_.release(ref);
    bump(txn_, shard_.memberships, -1);
    ref = next;
  }
}

void SessionTransaction::removeUser(UserRef ref, Instant now) {
  const UserRecord& record = userAt(ref);
  leaveTimeQueue(record);
  if (record.presence == Presence::kConnected) --txn_.edit(session_->connectedCount);
  freeMemberships(record);
  if (record.connections > 0) {
    txn_.edit(session_->connectionCount) -= record.connections;
    if (session_->connectionCount == 0) becomeIdle(now);
  }
  --txn_.edit(session_->userCount);
  ++txn_.edit(session_->rosterChanges);
  countTexts(record, false);
  bump(txn_, shard_.users, -1);
  unchain<UserRecord>(txn_, userBucket(record.hash), ref);
  unlink(txn_, session_->users, &UserRecord::inSession, ref);
  for (const SharedText* t : {&record.id, &record.username, &record.avatar})
    txn_.release(*t);
  txn_.edit(record.serial) = 0;
  txn_.release(ref);
  if (session_->idle) sortIdle();
  noteUnsaved(Unsaved::kUsers);
}

void SessionTransaction::bindUser(UserRef ref, const SecretHash& secret) {
  txn_.edit(userAt(ref).bound) = true;
  txn_.edit(userAt(ref).secret) = secret;
  noteUnsaved(Unsaved::kUsers);
}

// Not in the state file: after a restart everyone joins or comes back, and reports again.
void SessionTransaction::setStall(UserRef ref, std::optional<session::Stall> stall) {
  txn_.edit(userAt(ref).stallKnown) = stall.has_value();
  txn_.edit(userAt(ref).stall) = stall.value_or(session::Stall{});
}

void SessionTransaction::seen(UserRef ref, Instant now) {
  txn_.edit(userAt(ref).lastSeen) = now.wall;
}

void SessionTransaction::touch(Instant now) {
  txn_.edit(session_->lastActivity) = now.wall;
}

void SessionTransaction::emit(const session::Event& event, Urgency urgency) {
  if (urgency == Urgency::kMinor && isHalfUnread()) throw Busy();
  thread_local std::string encoded;
  encodeEvent(event, encoded);
  const bool isSync = std::holds_alternative<session::PlaybackSync>(event.body);
  if (appendToLog(txn_, *session_, encoded, isSync, zone_.settings().logLimit, urgency == Urgency::kCertain) ==
      Append::kBusy) {
    throw Busy();
  }
  if (session_->idle) sortIdle();
  emitted_ = true;
  noteUnsaved(Unsaved::kHead);
  if (const auto* left = std::get_if<session::UserLeft>(&event.body)) notice(Notice::Kind::kUserLeft, left->userId);
  if (const auto* lead = std::get_if<session::LeadershipChanged>(&event.body)) {
    notice(Notice::Kind::kLeaderChanged, lead->newLeaderId);
  }
  if (zone_.notices() != nullptr && zone_.notices()->wantsEvents) {
    noticed_.push_back({Notice::Kind::kEvent, std::string(text(session_->id)), {}, encoded});
  }
}

bool SessionTransaction::isHalfUnread() const {
  const std::size_t half = zone_.settings().logLimit / 2;
  return session_->log.bytes > half && neededBytes(zone_.arena(), *session_) > half;
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
  return kStateBytes + session_->id.size + session_->creatorId.size + session_->leaderId.size +
         session_->mediaUrl.size + session_->mediaId.size + session_->mediaTitle.size +
         session_->userCount * kUserBytes + session_->userTextBytes;
}

session::UserView SessionTransaction::view(UserRef ref) const {
  const UserRecord& record = userAt(ref);
  return {text(record.id),
          text(record.username),
          optionalText(record.avatar),
          record.joinedAt,
          record.lastSeen,
          record.presence == Presence::kConnected,
          text(record.id) == leaderId()};
}

void SessionTransaction::copyTo(Snapshot& snapshot, Instant now, Users users) const {
  const std::size_t bytes = 6 * session::kMaxMediaUrlBytes + (users == Users::kAll ? session_->userTextBytes : 0);
  snapshot.texts_.clear();
  snapshot.texts_.reserve(bytes);  // never grows below, so the views stay valid
  auto copy = [&snapshot](std::string_view from) {
    const std::size_t at = snapshot.texts_.size();
    snapshot.texts_.append(from);
    return std::string_view(snapshot.texts_.data() + at, from.size());
  };
  auto copyOptional = [&copy](std::optional<std::string_view> from) {
    return from ? std::optional(copy(*from)) : std::nullopt;
  };
  session::SessionView& view = snapshot.view;
  view.sessionId = copy(text(session_->id));
  view.creatorId = copy(text(session_->creatorId));
  view.leaderId = copy(leaderId());
  view.playback = session::PlaybackView{};
  const session::PlaybackClock& clock = session_->clock;
  view.playback.mediaUrl = copyOptional(optionalText(session_->mediaUrl));
  view.playback.mediaId = copyOptional(optionalText(session_->mediaId));
  view.playback.mediaTitle = copyOptional(optionalText(session_->mediaTitle));
  view.playback.mediaDuration = clock.knownDuration();
  view.playback.position = clock.positionAt(now);
  view.playback.isPlaying = clock.isPlaying;
  view.playback.playbackRate = clock.rate;
  view.playback.lastUpdateTime = now.wall + clock.untilStart(now);
  view.createdAt = session_->createdAt;
  view.lastActivity = session_->lastActivity;
  view.userCount = session_->userCount;
  view.connectedCount = session_->connectedCount;
  view.users.clear();
  if (users == Users::kNone) return;
  view.users.reserve(session_->userCount);
  for (Ref ref = session_->users.first; ref != 0; ref = nextUser(ref)) {
    session::UserView user = this->view(ref);
    user.id = copy(user.id);
    user.username = copy(user.username);
    user.avatar = copyOptional(user.avatar);
    view.users.push_back(user);
  }
}

}  // namespace mediasync::store
