// The changes of a rule as values: the rule runs on the state of a session, and everything that it changes and tells is
// written down. Another copy of the session becomes the same when that is applied to it, without the rule.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/session/state.h"

namespace mediasync::session {

// One for each function of State that changes something. A user goes by the id, which is the same in every copy.
struct LeaderSet {
  std::string_view userId;
};
struct ClockSet {
  PlaybackClock clock;
};
struct MediaSet {
  Media media;
};
struct UserAdded {
  std::string_view userId;
  std::string_view username;
  std::optional<std::string_view> avatar;
  Presence presence;
  Instant at;
};
struct UserRenamed {
  std::string_view userId;
  std::string_view username;
  std::optional<std::string_view> avatar;
};
struct PresenceSet {
  std::string_view userId;
  Presence presence;
  Instant at;
};
struct UserRemoved {
  std::string_view userId;
  Instant at;
};
struct UserBound {
  std::string_view userId;
  SecretHash secret;
};
struct StallSet {
  std::string_view userId;
  std::optional<Stall> stall;
};
struct UserSeen {
  std::string_view userId;
  Instant at;
};
struct Touched {
  Instant at;
};
struct Told {
  Event event;
  State::Urgency urgency;
};
using Change = std::variant<LeaderSet, ClockSet, MediaSet, UserAdded, UserRenamed, PresenceSet, UserRemoved, UserBound,
                            StallSet, UserSeen, Touched, Told>;

// The state that a rule works on while its changes are written down. The rule reads what it has changed, so changes
// also reach the state below, whose owner rolls them back when they are only to be proposed.
class Proposal final : public State {
 public:
  // `below` must outlive it.
  explicit Proposal(State& below) : below_(below) {}
  Proposal(const Proposal&) = delete;
  Proposal& operator=(const Proposal&) = delete;

  // In the order in which they were made. Their texts belong to the proposal.
  const std::vector<Change>& changes() const { return changes_; }

  std::string_view leaderId() const override { return below_.leaderId(); }
  const PlaybackClock& clock() const override { return below_.clock(); }
  Media media() const override { return below_.media(); }
  std::uint32_t userCount() const override { return below_.userCount(); }
  std::uint32_t connectedCount() const override { return below_.connectedCount(); }
  UserRef findUser(std::string_view userId) const override { return below_.findUser(userId); }
  UserRef firstUser() const override { return below_.firstUser(); }
  UserRef nextUser(UserRef user) const override { return below_.nextUser(user); }
  UserFacts user(UserRef user) const override { return below_.user(user); }

  void setLeader(std::string_view userId) override;
  void setClock(const PlaybackClock&) override;
  void setMedia(const Media&) override;
  UserRef addUser(std::string_view id, std::string_view username, std::optional<std::string_view> avatar, Presence,
                  Instant now) override;
  void renameUser(UserRef, std::string_view username, std::optional<std::string_view> avatar) override;
  void setPresence(UserRef, Presence, Instant now) override;
  void removeUser(UserRef, Instant now) override;
  void bindUser(UserRef, const SecretHash&) override;
  void setStall(UserRef, std::optional<Stall>) override;
  void seen(UserRef, Instant now) override;
  void touch(Instant now) override;
  void emit(const Event&, Urgency) override;

 private:
  std::string_view keep(std::string_view text) { return texts_.emplace_back(text); }
  std::optional<std::string_view> keep(std::optional<std::string_view> text) {
    return text ? std::optional(keep(*text)) : std::nullopt;
  }
  template <class T>
  T own(T object);
  std::string_view idOf(UserRef user) { return keep(below_.user(user).id); }

  State& below_;
  std::vector<Change> changes_;
  std::deque<std::string> texts_;  // which stay where they are
};

// Makes the changes to a copy of the session that was the same as the one they were proposed on. False when it was not:
// a user is missing. The changes before that have been made, and the owner of the state rolls them back.
bool applyChanges(const std::vector<Change>&, State&);

}  // namespace mediasync::session
