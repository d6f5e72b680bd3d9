#include "core/store/session_state.h"

#include <algorithm>

#include "core/session/event.h"
#include "core/session/limits.h"
#include "core/store/event_codec.h"

namespace mediasync::store {

using session::Presence;
using session::UserRef;

session::Media SessionState::media() const {
  return views<session::MediaTexts>(*session_);
}

std::uint64_t SessionState::userHash(std::string_view userId) const {
  return zone_.hash(userId) ^ (session_->serial * 0x9e3779b97f4a7c15ULL);
}

UserRef SessionState::findUser(std::string_view userId) const {
  const std::uint64_t hash = userHash(userId);
  for (Ref ref = userBucket(hash); ref != 0; ref = userAt(ref).hashNext) {
    const UserRecord& record = userAt(ref);
    if (record.hash == hash && record.session == sessionRef_ && text(record.id) == userId) return ref;
  }
  return 0;
}

session::UserFacts SessionState::user(UserRef ref) const {
  const UserRecord& record = userAt(ref);
  return {text(record.id),
          text(record.username),
          optionalText(record.avatar),
          record.presence,
          record.connections,
          record.bound ? std::optional(record.secret) : std::nullopt,
          record.stallKnown ? std::optional(record.stall) : std::nullopt};
}

void SessionState::replace(const SharedText& field, std::optional<std::string_view> value) {
  if (value == optionalText(field)) return;
  if (value) return txn_.rewrite(field, *value);
  txn_.release(field);
  txn_.edit(field) = SharedText{};
}

// In place, once there is a leader: a change of leader must not fail for want of memory.
void SessionState::setLeader(std::string_view userId) {
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

void SessionState::setClock(const session::PlaybackClock& clock) {
  txn_.edit(session_->clock) = clock;
  noteUnsaved(Unsaved::kHead);
}

void SessionState::setMedia(const session::Media& media) {
  if (media == this->media()) return;
  session::MediaTexts<session::Owned> own;  // the texts may be those that are replaced
  session::eachPair(media, own, [](const auto& from, auto& to) { to = from; });
  const session::MediaTexts<SharedTexts>& fields = *session_;
  session::eachPair(fields, own, [this](const SharedText& field, const auto& value) { replace(field, value); });
  noteUnsaved(Unsaved::kHead);
}

UserRef SessionState::addUser(std::string_view id, std::string_view username, std::optional<std::string_view> avatar,
                              Presence presence, Instant now) {
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

void SessionState::countTexts(const UserRecord& record, bool isAdded) {
  const std::uint32_t bytes = textBytes(record);
  txn_.edit(session_->userTextBytes) += isAdded ? bytes : 0 - bytes;
}

void SessionState::renameUser(UserRef ref, std::string_view username, std::optional<std::string_view> avatar) {
  const UserRecord& record = userAt(ref);
  if (text(record.username) == username && optionalText(record.avatar) == avatar) return;
  countTexts(record, false);
  replace(record.username, username);
  replace(record.avatar, avatar);
  countTexts(record, true);
  ++txn_.edit(session_->rosterChanges);
  noteUnsaved(Unsaved::kUsers);
}

void SessionState::removeUser(UserRef ref, Instant now) {
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
  eachText(record, [this](const SharedText& text) { txn_.release(text); });
  txn_.edit(record.serial) = 0;
  txn_.release(ref);
  if (session_->idle) sortIdle();
  noteUnsaved(Unsaved::kUsers);
}

void SessionState::freeMemberships(const UserRecord& record) {
  for (Ref ref = record.firstMembership; ref != 0;) {
    const auto& membership = *zone_.arena().at<Membership>(ref);
    const Ref next = membership.next;
    txn_.edit(membership.serial) = 0;
    txn_.release(ref);
    bump(txn_, shard_.memberships, -1);
    ref = next;
  }
}

void SessionState::bindUser(UserRef ref, const SecretHash& secret) {
  txn_.edit(userAt(ref).bound) = true;
  txn_.edit(userAt(ref).secret) = secret;
  noteUnsaved(Unsaved::kUsers);
}

// Not in the state file: after a restart everyone joins or comes back, and reports again.
void SessionState::setStall(UserRef ref, std::optional<session::Stall> stall) {
  txn_.edit(userAt(ref).stallKnown) = stall.has_value();
  txn_.edit(userAt(ref).stall) = stall.value_or(session::Stall{});
}

void SessionState::seen(UserRef ref, Instant now) {
  txn_.edit(userAt(ref).lastSeen) = now.wall;
}

void SessionState::touch(Instant now) {
  txn_.edit(session_->lastActivity) = now.wall;
}

void SessionState::emit(const session::Event& event, Urgency urgency) {
  if (urgency == Urgency::kMinor && isHalfUnread()) throw Busy();
  thread_local std::string encoded;
  encodeEvent(event, encoded);
  const bool isSync = session::factsOf(event.body).kept == session::Kept::kUntilNext;
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

bool SessionState::isHalfUnread() const {
  const std::size_t half = zone_.settings().logLimit / 2;
  return session_->log.bytes > half && neededBytes(zone_.arena(), *session_) > half;
}

void SessionState::notice(Notice::Kind kind, std::string_view userId) {
  if (zone_.notices() == nullptr) return;
  noticed_.push_back({kind, std::string(text(session_->id)), std::string(userId), {}});
}

void SessionState::noteUnsaved(Unsaved kind) {
  if (zone_.header().state.enabled.load(std::memory_order_relaxed) == 0 || session_->ending) return;
  if (session_->unsaved >= kind) return;
  if (session_->unsaved == Unsaved::kNothing) pushBack(txn_, shard_.unsaved, &SessionRecord::inUnsaved, sessionRef_);
  txn_.edit(session_->unsaved) = kind;
}

// ---- time

void SessionState::setPresence(UserRef ref, Presence presence, Instant now) {
  const UserRecord& record = userAt(ref);
  // To the file everyone is without a connection, but for those who have been given up.
  if ((record.presence == Presence::kAway) != (presence == Presence::kAway)) noteUnsaved(Unsaved::kUsers);
  leaveTimeQueue(record);
  if ((record.presence == Presence::kConnected) != (presence == Presence::kConnected)) {
    ++txn_.edit(session_->rosterChanges);
  }
  beginPresence(record, presence, now);
}

void SessionState::beginPresence(const UserRecord& record, Presence presence, Instant now) {
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

const Queue& SessionState::timeQueue(const UserRecord& record) const {
  if (record.presence == Presence::kAway) return shard_.away;
  return record.isLate ? shard_.lateGrace : shard_.grace;
}

bool SessionState::goesLast(const Queue& queue, const UserRecord& record) const {
  return queue.last == 0 || userAt(queue.last).absentSince <= record.absentSince;
}

void SessionState::leaveTimeQueue(const UserRecord& record) {
  if (!record.queuedForTime) return;
  unlink(txn_, timeQueue(record), &UserRecord::inQueue, zone_.arena().refOf(&record));
  txn_.edit(record.queuedForTime) = false;
}

// Those whose absence counts from later on, since the server sent them away, may be thousands. Whoever comes after them
// and goes before them has a queue of its own, where it is the last: its place need not be looked for, but when
// the times of the zone have just changed.
void SessionState::enterTimeQueue(const UserRecord& record) {
  txn_.edit(record.isLate) = record.presence == Presence::kGrace && !goesLast(shard_.grace, record);
  const Queue& queue = timeQueue(record);
  Ref previous = queue.last;
  while (previous != 0 && userAt(previous).absentSince > record.absentSince)
    previous = userAt(previous).inQueue.previous;
  insertAfter(txn_, queue, &UserRecord::inQueue, previous, zone_.arena().refOf(&record));
}

void SessionState::becomeIdle(Instant now) {
  if (session_->idle) return;
  txn_.edit(session_->idle) = true;
  txn_.edit(session_->idleSince) = now.mono;
  pushBack(txn_, shard_.idle, &SessionRecord::inIdle, sessionRef_);
  sortIdle();
  noteUnsaved(Unsaved::kHead);
}

void SessionState::stopIdling() {
  if (!session_->idle) return;
  txn_.edit(session_->idle) = false;
  unlink(txn_, shard_.idle, &SessionRecord::inIdle, sessionRef_);
  sortIdle();
  noteUnsaved(Unsaved::kHead);
}

void SessionState::sortIdle() {
  const bool isLeft = session_->idle && !session_->ending;
  place(shard_.logged, &SessionRecord::inLogged, session_->logged, isLeft && session_->log.firstChunk != 0);
  place(shard_.vacant, &SessionRecord::inVacant, session_->vacant, isLeft && session_->userCount == 0);
}

void SessionState::place(const Queue& queue, QueueLinks SessionRecord::*links, const bool& isListed, bool belongs) {
  if (isListed == belongs) return;
  if (belongs) pushBack(txn_, queue, links, sessionRef_);
  if (!belongs) unlink(txn_, queue, links, sessionRef_);
  txn_.edit(isListed) = belongs;
}

}  // namespace mediasync::store
