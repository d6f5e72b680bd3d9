#include "core/delivery/rooms.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "core/base/prefetch.h"
#include "core/delivery/socket_writer.h"
#include "core/sessions/seats.h"
#include "core/store/session_feed.h"

namespace mediasync::server {

using store::SessionTransaction;

namespace {

// Events read from a log at once, in bytes.
constexpr std::size_t kBatchBytes = 64 * 1024;

// Milliseconds between two rounds to so many members: six times what a round takes, or more, so that comings and goings
// leave most of the processor to others. None for a small room.
std::int64_t restOf(std::size_t members) {
  constexpr std::size_t kLarge = 60;
  constexpr std::size_t kMembersPerMs = 20;
  constexpr std::size_t kLongest = 250;
  return static_cast<std::int64_t>(members < kLarge ? 0 : std::min(members / kMembersPerMs, kLongest));
}

Format frameFormat(const Recipient& member) {
  return {Format::Framing::kFrames, engineio::Revision::kV4, member.options->timestamps, member.recoverable,
          member.compression};
}

// One who has been behind for long is not waited for, nor is one who has taken nothing since it joined.
bool isWaitedFor(const Recipient& member, std::int64_t now) {
  const bool hasRead = member.hasRead || member.ticket != 0 || member.transport == store::Transport::kPolling;
  return hasRead && member.isBehind() && now - member.behindSince < kReaderPatience;
}

// A reader that has been behind for longer makes a session wait at the session's expense.
constexpr std::int64_t kFreeWait = kReaderPatience / 4;

store::SessionFeed feedOf(const store::Zone& zone, const Room& room) {
  return {zone, room.shard, room.session, room.serial};
}

// Counts how long a round took: two looks at the clock, however many members there are.
class RoundTimer {
 public:
  RoundTimer(Environment& env, store::Histogram& times) : env_(env), times_(times), began_(env.wallMicroseconds()) {}
  ~RoundTimer() { times_.observe(env_.wallMicroseconds() - began_); }
  RoundTimer(const RoundTimer&) = delete;
  RoundTimer& operator=(const RoundTimer&) = delete;

 private:
  Environment& env_;
  store::Histogram& times_;
  std::int64_t began_;
};

// Goes ahead of deliveries through the members of a room, and asks for what is needed to write to them.
class Scout {
 public:
  explicit Scout(Members& members) : next_(members.begin()), end_(members.end()) {
    constexpr int kAhead = 3;
    for (int i = 0; i < kAhead; ++i)
      step();
  }

  // Each step follows one pointer, to where the step before has asked for.
  void step() {
    if (socket_ != nullptr && socket_->socket != nullptr) socket_->socket->expectWrite();
    if (member_ != nullptr && member_->socket != nullptr) prefetch(member_->socket, kSocketBytes);
    socket_ = std::exchange(member_, nullptr);
    if (socket_ != nullptr) ++next_;
    if (next_ != end_) prefetch(member_ = &*next_);
  }

 private:
  static constexpr std::size_t kSocketBytes = 128;  // of whatever implements WebSocket
  Members::iterator next_;
  Members::iterator end_;
  const Recipient* member_ = nullptr;
  const Recipient* socket_ = nullptr;
};

}  // namespace

Rooms::Rooms(Context& context, Sessions& sessions, SocketWriter& writer)
    : Part(context), sessions_(sessions), writer_(writer) {}

// There are new events. To a large room they are told at once when one of them is about playback; comings and goings
// wait until it had a rest from the last round: the larger it is the more of them a round takes along.
void Rooms::announce(Room& room) {
  if (room.nextRound == 0 || room.nextRound <= env_.now().mono || isUrgent(room)) return deliver(room);
  room.waits = true;
  if (!std::exchange(room.listed, true)) waitingRooms_.push_back(room.serial);
}

// There is news of playback, or what waits is about to be in the way of what comes.
bool Rooms::isUrgent(const Room& room) {
  return feedOf(zone_, room).isUrgent(room.pulled);
}

void Rooms::deliverDue(std::int64_t now) {
  for (const std::uint64_t session : std::exchange(waitingRooms_, {})) {
    const auto found = rooms_.find(session);
    if (found == rooms_.end()) continue;
    Room& room = *found->second;
    room.listed = room.waits && room.nextRound > now;
    if (room.listed) {
      waitingRooms_.push_back(session);
    } else if (room.waits) {
      deliver(room);
    }
  }
}

// Reads what is new. False when nothing is.
bool Rooms::pull(Room& room) {
  batch_.raw().clear();
  const auto read = feedOf(zone_, room).read(room.pulled, kBatchBytes, batch_.raw(), &room.place);
  if (!read || read->slice.end == read->slice.first) return false;
  batch_.load(read->slice, room.serial);
  return true;
}

void Rooms::deliver(Room& room) {
  const std::uint64_t session = room.serial;
  room.waits = false;
  bool hasNews = false;
  std::optional<RoundTimer> timer;
  while (pull(room)) {
    if (!std::exchange(hasNews, true)) timer.emplace(env_, counters().broadcastTime);
    deliverBatch(room);
    counters().encodings += batch_.takeEncodings();
    if (!rooms_.contains(session)) return;  // the last member went
    if (batch_.hasUserLeft()) checkSeats(room);
    if (!rooms_.contains(session)) return;
  }
  const std::int64_t rest = restOf(room.members.size());
  if (hasNews) room.nextRound = rest == 0 ? 0 : env_.now().mono + rest;
  needsChanged(room);
  batch_.releaseMemory();
}

void Rooms::deliverBatch(Room& room) {
  std::vector<Recipient*> polls;
  std::vector<Recipient*> returned;  // after a recovery, each reads what it has missed on its own
  Scout scout(room.members);
  for (Recipient& member : room.members) {
    scout.step();
    if (member.socket != nullptr && !member.isBehind() && member.cursor < std::min(member.ownBefore, batch_.end())) {
      fallBehind(member);
      returned.push_back(&member);
    } else if (member.poll != nullptr) {
      polls.push_back(&member);
    } else if (member.transport == store::Transport::kPolling) {
      fallBehind(member);
    } else if (batch_.lost() && member.cursor < batch_.first() && !member.isBehind()) {
      overrun(member);
    } else {
      deliverTo(member);
    }
  }
  room.pulled = batch_.end();
  for (Recipient* member : returned)
    catchUp(*member);
  delivering_ = &room;
  for (Recipient* member : polls)
    pollAnswers_->answerPoll(*member);
  delivering_ = nullptr;
}

// Writes the events from `from` on; what the socket does not take of an event that was cut waits in `out`. Returns how
// many bytes were left.
std::size_t Rooms::writeEvents(Recipient& member, const EncodedBatch& events, std::uint64_t from) {
  const std::string_view bytes = events.from(from);
  const std::ptrdiff_t written = member.socket->write(bytes);
  const std::size_t taken = written > 0 ? static_cast<std::size_t>(written) : 0;
  const EncodedBatch::Progress progress = events.progress(from, taken);
  ++counters().sends;
  counters().deliveries += progress.next - from;
  member.traffic.sent(taken, progress.next - from);
  member.cursor = progress.next;
  if (taken < bytes.size()) {
    member.out.assign(progress.rest);
    member.full = true;
  }
  return bytes.size() - taken;
}

void Rooms::deliverTo(Recipient& member) {
  if (member.isBehind() || member.doomed) return;
  const std::uint64_t from = std::max(member.cursor, batch_.first());
  if (from >= batch_.end()) return;
  if (!member.out.empty()) writer_.sendRaw(member, {});
  if (member.full || writeEvents(member, batch_.encoded(frameFormat(member)), from) > 0) return fallBehind(member);
  member.hasRead = true;
}

// Events that nothing supersedes were dropped before the member had them. Its client comes back and gets the whole
// state.
void Rooms::overrun(Recipient& member) {
  ++counters().overruns;
  doom(context_, member);
}

void Rooms::fallBehind(Recipient& member) {
  if (member.isBehind() || member.room == nullptr) return;
  member.behindSince = std::max<std::int64_t>(env_.now().mono, 1);
  ++member.room->behind;
}

void Rooms::caughtUp(Recipient& member) {
  if (!member.isBehind()) return;
  member.behindSince = 0;
  --member.room->behind;
  needsChanged(*member.room);
}

// A member that fell behind, whose socket has room again: it reads the log on its own until it is level with the
// others.
void Rooms::catchUp(Recipient& member) {
  Room* room = member.room;
  if (room == nullptr || !member.isBehind() || member.transport != store::Transport::kWebSocket) return;
  if (!member.out.empty()) writer_.sendRaw(member, {});
  while (member.out.empty() && !member.full && !member.doomed) {
    if (member.cursor >= room->pulled) {
      member.hasRead = true;
      caughtUp(member);
      if (!isSeated(member)) unseat(member);
      return;
    }
    ownBatch_.raw().clear();
    const auto read = feedOf(zone_, *room).read(member.cursor, kBatchBytes, ownBatch_.raw());
    if (!read) return;
    const store::LogSlice& slice = read->slice;
    if (slice.lost) return overrun(member);
    ownBatch_.load(slice, room->serial);
    member.cursor = slice.first;
    if (sendSome(member, read->lastSync)) continue;
    writeEvents(member, ownBatch_.encoded(frameFormat(member)), slice.first);
    counters().encodings += ownBatch_.takeEncodings();
  }
  needsChanged(*room);
}

// Sends what ownBatch_ holds without what this one connection shall not get: for a socket that stayed full beyond all
// patience, playback_sync events that a newer one supersedes; after a recovery, its own user's coming and going. False:
// there is nothing of that kind.
bool Rooms::sendSome(Recipient& member, std::uint64_t newestSync) {
  Omission omission;
  std::string userId;
  if (env_.now().mono - member.behindSince >= kReaderPatience) omission.staleBefore = newestSync;
  if (member.cursor < member.ownBefore) {
    omission.ownBefore = member.ownBefore;
    userId = seatUserId(member);
    omission.userId = userId;
  }
  if (omission.staleBefore <= member.cursor && omission.ownBefore <= member.cursor) return false;
  std::uint64_t skipped = 0;
  const std::string frames = ownBatch_.encodedWithout(omission, frameFormat(member), member.cursor, &skipped);
  counters().skipped += skipped;
  counters().deliveries += ownBatch_.end() - member.cursor - skipped;
  member.traffic.messagesOut += ownBatch_.end() - member.cursor - skipped;
  member.cursor = ownBatch_.end();
  writer_.sendRaw(member, frames);
  return true;
}

std::string Rooms::seatUserId(const Recipient& member) {
  store::SessionTransaction session(zone_, member.seat.shard);
  return session.openSeat(member.seat) ? std::string(session.user(session.seatUser()).id) : std::string();
}

void Rooms::needsChanged(Room& room) {
  if (room.needsChanged) return;
  room.needsChanged = true;
  roomsWithNews_.push_back(room.serial);
}

void Rooms::publishNeeds() {
  for (const std::uint64_t session : roomsWithNews_) {
    if (const auto found = rooms_.find(session); found != rooms_.end()) publishNeeds(*found->second);
  }
  roomsWithNews_.clear();
}

// Tells the log from where on this worker's readers still need it. What slow members make others wait is counted: they
// have so much of it in a session, and then only those are waited for who have just fallen behind, as all do whose
// leader is fast.
void Rooms::publishNeeds(Room& room) {
  room.needsChanged = false;
  store::SessionFeed::Needs needs{room.pulled, room.pulled, 0};
  const bool isWaited = room.behind > 0 || room.heldSince != 0;
  const std::int64_t now = isWaited ? env_.now().mono : 0;
  if (room.behind > 0) {
    for (const Recipient& member : room.members) {
      if (!isWaitedFor(member, now)) continue;
      needs.from = std::min(needs.from, member.cursor);
      if (now - member.behindSince < kFreeWait || member.ticket != 0) needs.soon = std::min(needs.soon, member.cursor);
    }
  }
  // Others did not wait longer for a worker that stood still.
  if (room.heldSince != 0) needs.held = std::min(now - room.heldSince, kWorkerPatience);
  const bool holds = feedOf(zone_, room).publish(id_, needs, now);
  room.heldSince = holds ? std::max<std::int64_t>(now, 1) : 0;
}

// A user has left: connections that were its other tabs have no seat any more, and have been told so by user_left.
void Rooms::checkSeats(Room& room) {
  std::vector<Recipient*> unseated;
  {
    store::SessionTransaction session(zone_, room.shard);
    for (Recipient& member : room.members) {
      // One that is behind has yet to be told, and is looked at when it has caught up.
      const bool knows = member.transport == store::Transport::kWebSocket && !member.isBehind();
      if (knows && !session.openSeat(member.seat)) unseated.push_back(&member);
    }
  }
  for (Recipient* member : unseated)
    unseat(*member);
}

bool Rooms::isSeated(const Recipient& member) {
  store::SessionTransaction session(zone_, member.seat.shard);
  return session.openSeat(member.seat);
}

void Rooms::unseat(Recipient& member) {
  {
    store::ConnectionTransaction txn(zone_, member.connection.shard);
    if (txn.open(member.connection)) {
      loseSeat(sessions_, txn, env_.now());
      txn.markEvicted();
      txn.noteUnsaved();
      txn.commit();
    }
  }
  leaveRoom(member);
}

// `head`: what a room that is not there yet has read of the log already; the cursor when it is 0.
void Rooms::enterRoom(Recipient& member, std::uint64_t cursor, std::uint64_t head) {
  auto& slot = rooms_[member.seat.sessionSerial];
  const bool isNew = slot == nullptr;
  if (isNew) {
    slot = std::make_unique<Room>();
    slot->session = member.seat.session;
    slot->serial = member.seat.sessionSerial;
    slot->shard = member.seat.shard;
    slot->pulled = std::max(cursor, head);
    watch(*slot);
  }
  member.room = slot.get();
  member.cursor = cursor;
  member.behindSince = 0;
  member.hasRead = false;
  slot->members.push_back(member);
  if (cursor < slot->pulled) fallBehind(member);
  if (member.isBehind() || (isNew && member.transport == store::Transport::kPolling)) keepFor(member);
}

// The events that the member has yet to read stay in the log from now on, not only from the next flush on: the worker
// that had it may stop to need them at once.
void Rooms::keepFor(const Recipient& member) {
  feedOf(zone_, *member.room).need(id_, member.cursor);
  needsChanged(*member.room);
}

// Asks for news of the session. Without memory for that the room is looked after at every tick.
void Rooms::watch(Room& room) {
  room.watched = false;
  try {
    SessionTransaction session(zone_, room.shard);
    if (!session.open(room.session, room.serial)) return;
    session.addWatch(id_);
    session.commit(wake_);
    session.wakeWatcher(id_, wake_);  // members that lag behind are found out by a first delivery
    room.watched = true;
  } catch (const store::OutOfSpace&) {
  }
  needsChanged(room);
}

void Rooms::leaveRoom(Recipient& member) {
  Room* room = std::exchange(member.room, nullptr);
  member.seat = {};
  if (room == nullptr) return;
  if (member.isBehind()) --room->behind;
  member.behindSince = 0;
  room->members.erase(room->members.iterator_to(member));
  needsChanged(*room);  // it may have been the one that the log was kept for
  if (!room->members.empty()) return;
  if (!keepsWatches_) unwatch(*room);
  rooms_.erase(room->serial);
}

void Rooms::unwatch(const Room& room) {
  SessionTransaction session(zone_, room.shard);
  if (!session.open(room.session, room.serial)) return;
  session.dropWatch(id_);
  session.commit(wake_);
}

Room* Rooms::find(std::uint64_t session) {
  const auto found = rooms_.find(session);
  return found == rooms_.end() ? nullptr : found->second.get();
}

std::int64_t Rooms::nextRound() const {
  std::int64_t next = std::numeric_limits<std::int64_t>::max();
  for (const std::uint64_t session : waitingRooms_) {
    if (const auto found = rooms_.find(session); found != rooms_.end()) next = std::min(next, found->second->nextRound);
  }
  return next;
}

Batch* Rooms::sharedBatch(const Room* room, std::uint64_t from, std::uint64_t end) {
  const bool isSame = room != nullptr && delivering_ == room && batch_.first() <= from && batch_.end() == end;
  return isSame ? &batch_ : nullptr;
}

}  // namespace mediasync::server
