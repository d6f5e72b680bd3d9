// One session during one change: the state for session/rules.h, and everything the rules need not know: its life,
// connections, watching workers, and snapshots.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/session/own_texts.h"
#include "core/session/snapshot.h"
#include "core/store/session_state.h"

namespace mediasync::store {

// A session as it was at one moment, with the texts it refers to.
class Snapshot {
 public:
  session::SessionView view;

 private:
  friend class SessionTransaction;
  session::OwnTexts texts_;
};

class SessionTransaction : public SessionState {
 public:
  using SessionState::SessionState;

  // Creates a session and makes it current. Throws OutOfSpace. Does not set the leader.
  void create(std::string_view sessionId, std::string_view creatorId, Instant now);
  // Removes the current session, or part of it. Returns false if there is more to remove in another transaction.
  bool destroy(Instant now);
  // Frees the log of a session without connections, or part of it. Returns false if there is more to free in another
  // transaction. Clients that return find the session's state, but no earlier events.
  bool dropLog();
  // Ends the time of a session without connections, as if it had been idle for long: the sweep deletes it, unless a
  // user joins before.
  void endSoon(Instant now);

  // ---- connections
  // Gives `user` another connection. Throws OutOfSpace.
  SeatRef addConnection(session::UserRef user, const ConnectionRef& connection);
  // Removes the connection of the opened seat. Returns true if it was the user's last one.
  bool removeConnection(const SeatRef&, Instant now);
  // Appends the connections of the user.
  void listConnections(session::UserRef, std::vector<ConnectionRef>&) const;

  // ---- workers that watch it
  // The worker holds connections of the session and is woken by its news. Only the worker itself calls it; repeated
  // calls have no effect. Throws OutOfSpace.
  void addWatch(WorkerId);
  // Ends that. A watcher in the worker's mailbox stays until the worker takes it out.
  void dropWatch(WorkerId);
  void removeWatcher(Ref watcher);
  // Call it after the commit: has the worker read the session, whether there are news or not.
  void wakeWatcher(WorkerId, WakeSet& wake);
  // After a repair: a process may have died between marking the watcher as queued and queueing it.
  void mendWatcher(WorkerId);

  // True if the user of the opened seat may send another event now, or another user may join the session. Counted
  // at the commit.
  bool admitEvent(const Rate&, Instant now);
  bool admitJoin(const Rate&, Instant now);

  // ---- snapshots
  // The approximate size of the session's state as JSON, in bytes.
  std::size_t stateBytes() const;
  // Copies the session in its state at `now`.
  enum class Users { kAll, kNone };
  void copyTo(Snapshot&, Instant now, Users = Users::kAll) const;
  // A user as the others see it. Valid while the lock is held.
  session::UserView view(session::UserRef) const;

  // Makes the changes final and posts the session to the mailboxes of the workers that must send events; adds them to
  // `wake`.
  void commit(WakeSet& wake);

 private:
  void noteGone();
  Ref watcherOf(WorkerId) const;
  bool admit(const TokenBucket&, const Rate&, Instant now);
};

}  // namespace mediasync::store
