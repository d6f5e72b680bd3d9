// One session during one change: what session/rules.h works on, and what the rules need not know of: connections,
// workers that watch, the queues of time. Holds the lock of the session's shard for as long as it lives.
#pragma once

#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <string_view>

#include "core/session/command.h"
#include "core/session/snapshot.h"
#include "core/session/state.h"
#include "core/store/records.h"
#include "core/store/session_log.h"
#include "core/store/zone.h"

namespace mediasync::store {

struct SavedSession;
struct SavedUser;

// Thrown by emit() when a reader must catch up first; the transaction rolls back and the command is tried again later.
struct Busy : std::exception {};

// A session as it was at one moment, with the texts it refers to.
class Snapshot {
 public:
  session::SessionView view;

 private:
  friend class SessionTransaction;
  std::string texts_;
};

class SessionTransaction final : public session::State {
 public:
  // Locks the shard where `sessionId` belongs.
  SessionTransaction(const Zone&, std::string_view sessionId);
  // Locks a shard by its number.
  SessionTransaction(const Zone&, std::uint32_t shard);

  // Each makes the session (and user) the current one and returns false when there is no such thing (any more).
  bool find(std::string_view sessionId);
  bool openSeat(const SeatRef&);
  bool open(Ref session, std::uint64_t serial);
  bool openUser(const LostSeat&);

  // Makes a new session the current one. Throws OutOfSpace. The leader is not set.
  void create(std::string_view sessionId, std::string_view creatorId, Instant now);
  // Removes the current session, or part of it: false when there is more to remove in another transaction.
  bool destroy(Instant now);
  // Frees the log of a session that has no connections, or a part of it: false when there is more to free in another
  // transaction. Who comes back to the session finds its state, and nothing of what was said before.
  bool dropLog();
  // Ends the time of a session that has no connections, as if nobody had used it for long: it is the sweep's, unless
  // somebody joins before that.
  void endSoon(Instant now);

  const SessionRecord& record() const { return *session_; }
  Ref ref() const { return sessionRef_; }
  SessionShard& shard() { return shard_; }
  session::UserRef seatUser() const { return seatUser_; }
  std::uint16_t shardIndex() const { return static_cast<std::uint16_t>(&shard_ - &zone_.sessionShard(0)); }
  // Of the current session and seat, for someone who comes back later.
  LostSeat lostSeat() const {
    return {sessionRef_, seatUser_, shardIndex(), false, session_->serial, userAt(seatUser_).serial, 0};
  }

  // Gives `user` one more connection. Throws OutOfSpace.
  SeatRef addConnection(session::UserRef user, const ConnectionRef& connection);
  // Takes the connection of the seat that was opened. Returns true when it was the user's last one.
  bool removeConnection(const SeatRef&, Instant now);

  // The worker holds connections of the session and is to be woken by its news. Only the worker itself says so, and
  // saying it twice is saying it once. Throws OutOfSpace.
  void addWatch(WorkerId);
  // It does not any more. A watcher that is in the worker's mailbox stays until the worker takes it out.
  void dropWatch(WorkerId);
  void removeWatcher(Ref watcher);
  // After the commit: has the worker look at the session, whether it has news or not.
  void wakeWatcher(WorkerId, WakeSet& wake);
  // After a repair: a process may have died between marking the watcher as queued and queueing it.
  void mendWatcher(WorkerId);

  // Whether the user of the seat that was opened may send one more event now; whether one more may join the session.
  // Counted with the commit.
  bool admitEvent(const Rate&, Instant now);
  bool admitJoin(const Rate&, Instant now);
  // About how many bytes the session's state takes as JSON.
  std::size_t stateBytes() const;

  // Copies the session as it is at `now`.
  enum class Users { kAll, kNone };
  void copyTo(Snapshot&, Instant now, Users = Users::kAll) const;
  // A user as the others are shown it. Good as long as the lock is held.
  session::UserView view(session::UserRef) const;

  // Makes the changes final and posts the session to the mailboxes of the workers that must send something; they are
  // added to `wake`.
  void commit(WakeSet& wake);
  // The offset after the newest event.
  std::uint64_t logEnd() const { return session_->log.nextSeq; }

  // From a state file, when nobody is served yet: makes the session the current one, without its users and events.
  // Throws OutOfSpace.
  void restore(const SavedSession&, Instant now);
  void setClockStart(Instant);
  // Right after that: there will be no events either, as after dropLog().
  void restoreWithoutLog(const SavedSession&);
  // One of its users, who has no connection; not queued for any time-out.
  session::UserRef restoreUser(const SavedUser&, Instant now);
  // An event of its log, the next one. Throws OutOfSpace.
  void restoreEvent(std::string_view event, bool isSync);

  // session::State
  std::string_view leaderId() const override { return text(session_->leaderId); }
  const session::PlaybackClock& clock() const override { return session_->clock; }
  session::Media media() const override;
  std::uint32_t userCount() const override { return session_->userCount; }
  std::uint32_t connectedCount() const override { return session_->connectedCount; }
  session::UserRef findUser(std::string_view userId) const override;
  session::UserRef firstUser() const override { return session_->users.first; }
  session::UserRef nextUser(session::UserRef) const override;
  session::UserFacts user(session::UserRef) const override;
  void setLeader(std::string_view userId) override;
  void setClock(const session::PlaybackClock&) override;
  void setMedia(const session::Media&) override;
  session::UserRef addUser(std::string_view id, std::string_view username, std::optional<std::string_view> avatar,
                           session::Presence, Instant now) override;
  void renameUser(session::UserRef, std::string_view username, std::optional<std::string_view> avatar) override;
  void setPresence(session::UserRef, session::Presence, Instant now) override;
  void removeUser(session::UserRef, Instant now) override;
  void bindUser(session::UserRef, const SecretHash&) override;
  void setStall(session::UserRef, std::optional<session::Stall>) override;
  void seen(session::UserRef, Instant now) override;
  void touch(Instant now) override;
  void emit(const session::Event&, Urgency) override;

 private:
  const UserRecord& userAt(Ref ref) const { return *zone_.arena().at<UserRecord>(ref); }
  std::string_view text(const SharedText& t) const { return textOf(zone_.arena(), t); }
  std::optional<std::string_view> optionalText(const SharedText& t) const;
  void replace(const SharedText& field, std::optional<std::string_view> value);
  std::uint64_t userHash(std::string_view userId) const;
  const Ref& sessionBucket(std::uint64_t hash) const;
  const Ref& userBucket(std::uint64_t hash) const;
  void countTexts(const UserRecord&, bool isAdded);
  void beginPresence(const UserRecord&, session::Presence, Instant now);
  const Queue& timeQueue(const UserRecord&) const;
  bool goesLast(const Queue&, const UserRecord&) const;
  void leaveTimeQueue(const UserRecord&);
  void enterTimeQueue(const UserRecord&);
  void freeMemberships(const UserRecord&);
  void becomeIdle(Instant now);
  void stopIdling();
  void sortIdle();
  void place(const Queue&, QueueLinks SessionRecord::*links, const bool& isListed, bool belongs);
  void noteUnsaved(Unsaved);
  void notice(Notice::Kind, std::string_view userId);
  void noteGone();
  Ref watcherOf(WorkerId) const;
  bool isHalfUnread() const;
  bool admit(const TokenBucket&, const Rate&, Instant now);

  Zone zone_;
  SessionShard& shard_;
  Transaction txn_;
  const SessionRecord* session_ = nullptr;
  Ref sessionRef_ = 0;
  session::UserRef seatUser_ = 0;
  bool emitted_ = false;
  std::vector<Notice> noticed_;
};

}  // namespace mediasync::store
