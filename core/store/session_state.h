// The rules' view of a session (session/state.h) on its records: users, leader, film, events, and the queues of time
// for users and sessions.
#pragma once

#include <cstdint>
#include <exception>
#include <optional>
#include <string_view>
#include <vector>

#include "core/session/state.h"
#include "core/store/notice.h"
#include "core/store/session_access.h"

namespace mediasync::store {

// Thrown by emit() when a reader must catch up first; the transaction rolls back and the command is tried again later.
struct Busy : std::exception {};

class SessionState : public session::State, public SessionAccess {
 public:
  using SessionAccess::SessionAccess;

  std::string_view leaderId() const final { return text(session_->leaderId); }
  const session::PlaybackClock& clock() const final { return session_->clock; }
  session::Media media() const final;
  std::uint32_t userCount() const final { return session_->userCount; }
  std::uint32_t connectedCount() const final { return session_->connectedCount; }
  session::UserRef findUser(std::string_view userId) const final;
  session::UserRef firstUser() const final { return session_->users.first; }
  session::UserRef nextUser(session::UserRef user) const final { return userAt(user).inSession.next; }
  session::UserFacts user(session::UserRef) const final;
  void setLeader(std::string_view userId) final;
  void setClock(const session::PlaybackClock&) final;
  void setMedia(const session::Media&) final;
  session::UserRef addUser(std::string_view id, std::string_view username, std::optional<std::string_view> avatar,
                           session::Presence, Instant now) final;
  void renameUser(session::UserRef, std::string_view username, std::optional<std::string_view> avatar) final;
  void setPresence(session::UserRef, session::Presence, Instant now) final;
  void removeUser(session::UserRef, Instant now) final;
  void bindUser(session::UserRef, const SecretHash&) final;
  void setStall(session::UserRef, std::optional<session::Stall>) final;
  void seen(session::UserRef, Instant now) final;
  void touch(Instant now) final;
  void emit(const session::Event&, Urgency) final;

 protected:
  // The session's last connection has gone, or its first one is coming.
  void becomeIdle(Instant now);
  void stopIdling();
  // Keeps the lists of idle sessions that can be evicted.
  void sortIdle();
  // Marks a change that the state file lacks.
  void noteUnsaved(Unsaved);
  void notice(Notice::Kind, std::string_view userId);

  bool emitted_ = false;
  std::vector<Notice> noticed_;

 private:
  std::uint64_t userHash(std::string_view userId) const;
  void replace(const SharedText& field, std::optional<std::string_view> value);
  void countTexts(const UserRecord&, bool isAdded);
  void beginPresence(const UserRecord&, session::Presence, Instant now);
  const Queue& timeQueue(const UserRecord&) const;
  bool goesLast(const Queue&, const UserRecord&) const;
  void leaveTimeQueue(const UserRecord&);
  void enterTimeQueue(const UserRecord&);
  void freeMemberships(const UserRecord&);
  void place(const Queue&, QueueLinks SessionRecord::*links, const bool& isListed, bool belongs);
  bool isHalfUnread() const;
};

}  // namespace mediasync::store
