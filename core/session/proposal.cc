#include "core/session/proposal.h"

#include <algorithm>

#include "core/session/own_texts.h"

namespace mediasync::session {

// The texts of a struct, before they change.
template <class T>
T Proposal::own(T object) {
  const auto keepText = [this](std::string_view& text) { text = keep(text); };
  eachTextOf(object, keepText);
  return object;
}


void Proposal::setLeader(std::string_view userId) {
  const LeaderSet change{keep(userId)};
  below_.setLeader(change.userId);
  changes_.emplace_back(change);
}

void Proposal::setClock(const PlaybackClock& clock) {
  below_.setClock(clock);
  changes_.emplace_back(ClockSet{clock});
}

void Proposal::setMedia(const Media& media) {
  const MediaSet change{own(media)};
  below_.setMedia(change.media);
  changes_.emplace_back(change);
}

UserRef Proposal::addUser(std::string_view id, std::string_view username, std::optional<std::string_view> avatar,
                          Presence presence, Instant now) {
  const UserAdded change{keep(id), keep(username), keep(avatar), presence, now};
  const UserRef user = below_.addUser(change.userId, change.username, change.avatar, presence, now);
  changes_.emplace_back(change);
  return user;
}

void Proposal::renameUser(UserRef user, std::string_view username, std::optional<std::string_view> avatar) {
  const UserRenamed change{idOf(user), keep(username), keep(avatar)};
  below_.renameUser(user, change.username, change.avatar);
  changes_.emplace_back(change);
}

void Proposal::setPresence(UserRef user, Presence presence, Instant now) {
  below_.setPresence(user, presence, now);
  changes_.emplace_back(PresenceSet{idOf(user), presence, now});
}

void Proposal::removeUser(UserRef user, Instant now) {
  const UserRemoved change{idOf(user), now};
  below_.removeUser(user, now);
  changes_.emplace_back(change);
}

void Proposal::bindUser(UserRef user, const SecretHash& secret) {
  below_.bindUser(user, secret);
  changes_.emplace_back(UserBound{idOf(user), secret});
}

void Proposal::setStall(UserRef user, std::optional<Stall> stall) {
  below_.setStall(user, stall);
  changes_.emplace_back(StallSet{idOf(user), stall});
}

void Proposal::seen(UserRef user, Instant now) {
  below_.seen(user, now);
  changes_.emplace_back(UserSeen{idOf(user), now});
}

void Proposal::touch(Instant now) {
  below_.touch(now);
  changes_.emplace_back(Touched{now});
}

void Proposal::emit(const Event& event, Urgency urgency) {
  below_.emit(event, urgency);
  changes_.emplace_back(std::visit(
      [&](const auto& body) {
        return Told{{event.timestamp, own(body)}, urgency};
      },
      event.body));
}

// ---- on another copy

namespace {

struct Application {
  State& state;

  bool operator()(const LeaderSet& change) const {
    state.setLeader(change.userId);
    return true;
  }
  bool operator()(const ClockSet& change) const {
    state.setClock(change.clock);
    return true;
  }
  bool operator()(const MediaSet& change) const {
    state.setMedia(change.media);
    return true;
  }
  bool operator()(const UserAdded& change) const {
    if (state.findUser(change.userId) != 0) return false;
    state.addUser(change.userId, change.username, change.avatar, change.presence, change.at);
    return true;
  }
  bool operator()(const UserRenamed& change) const {
    return with(change.userId, [&](UserRef user) { state.renameUser(user, change.username, change.avatar); });
  }
  bool operator()(const PresenceSet& change) const {
    return with(change.userId, [&](UserRef user) { state.setPresence(user, change.presence, change.at); });
  }
  bool operator()(const UserRemoved& change) const {
    return with(change.userId, [&](UserRef user) { state.removeUser(user, change.at); });
  }
  bool operator()(const UserBound& change) const {
    return with(change.userId, [&](UserRef user) { state.bindUser(user, change.secret); });
  }
  bool operator()(const StallSet& change) const {
    return with(change.userId, [&](UserRef user) { state.setStall(user, change.stall); });
  }
  bool operator()(const UserSeen& change) const {
    return with(change.userId, [&](UserRef user) { state.seen(user, change.at); });
  }
  bool operator()(const Touched& change) const {
    state.touch(change.at);
    return true;
  }
  bool operator()(const Told& change) const {
    state.emit(change.event, change.urgency);
    return true;
  }

 private:
  template <class Act>
  bool with(std::string_view userId, Act act) const {
    const UserRef user = state.findUser(userId);
    if (user == 0) return false;
    act(user);
    return true;
  }
};

}  // namespace

bool applyChanges(const std::vector<Change>& changes, State& state) {
  const Application application{state};
  return std::ranges::all_of(changes, [&](const Change& change) { return std::visit(application, change); });
}

}  // namespace mediasync::session
