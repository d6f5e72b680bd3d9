// One session during one change: what session/rules.h works on, and what the rules need not know of: its life,
// connections, the workers that watch it, what is shown of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/session/command.h"
#include "core/session/snapshot.h"
#include "core/store/session_state.h"

namespace mediasync::store {

struct SavedSession;
struct SavedUser;

// A session as it was at one moment, with the texts it refers to.
class Snapshot {
 public:
  session::SessionView view;

 private:
  friend class SessionTransaction;
  std::string texts_;
};

// Why a user's time is over.
enum class Overdue : std::uint8_t { kNobody, kGrace, kAway };

class SessionTransaction final : public SessionState {
 public:
  using SessionState::SessionState;

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

  // ---- whose time is over; each makes it the current one
  // The user who is the first of its shard in that: the one of the seat.
  Overdue openOverdueUser(Instant now);
  // The user of the shard who has been away for longest, if that is since `latest` (monotonic) or before.
  bool openLongestAway(std::int64_t latest);
  // The first session. Of others some worker has yet to notice that their connections are gone.
  bool openExpired(Instant now);
  // The first session that has a log which nobody can come back for any more.
  bool openLogged(Instant now);

  // ---- connections
  // Gives `user` one more connection. Throws OutOfSpace.
  SeatRef addConnection(session::UserRef user, const ConnectionRef& connection);
  // Takes the connection of the seat that was opened. Returns true when it was the user's last one.
  bool removeConnection(const SeatRef&, Instant now);
  // Appends the connections of the user.
  void listConnections(session::UserRef, std::vector<ConnectionRef>&) const;

  // ---- workers that watch it
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

  // ---- what is shown
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

  // ---- from a state file
  // When nobody is served yet: makes the session the current one, without its users and events. Throws OutOfSpace.
  void restore(const SavedSession&, Instant now);
  void setClockStart(Instant);
  // Right after that: there will be no events either, as after dropLog().
  void restoreWithoutLog(const SavedSession&);
  // One of its users, who has no connection; not queued for any time-out.
  session::UserRef restoreUser(const SavedUser&, Instant now);
  // An event of its log, the next one. Throws OutOfSpace.
  void restoreEvent(std::string_view event, bool isSync);

 private:
  void noteGone();
  Ref watcherOf(WorkerId) const;
  bool admit(const TokenBucket&, const Rate&, Instant now);
  void openUserOf(Ref user);
};

}  // namespace mediasync::store
