// What a session must be, and what its members must be told, in other words than core/session's: a list of users, a
// leader, a playback state. By docs/api.md, without memory that can run out and without readers to wait for.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/session/command.h"
#include "core/session/refusal.h"
#include "core/session/state.h"

namespace mediasync::fuzz {

using OptionalText = std::optional<std::string>;

inline OptionalText owned(std::optional<std::string_view> text) {
  return text ? OptionalText(*text) : std::nullopt;
}

struct ModelUser {
  std::string id;
  std::string name;
  OptionalText avatar;
  session::Presence presence = session::Presence::kAway;
  std::uint32_t connections = 0;
  std::int64_t since = 0;                    // of the presence
  std::optional<session::Stall> stall = {};  // as it was reported last, since the user joined

  bool isConnected() const { return presence == session::Presence::kConnected; }
};

class ModelSession {
 public:
  std::string leader;
  std::vector<ModelUser> users;  // in the order of joining
  OptionalText url, mediaId, title;
  double position = 0, rate = 1, duration = 0;
  bool isPlaying = false;
  std::int64_t setAt = 0;
  std::int64_t idleSince = 0;     // while nobody is connected
  std::uint64_t nextOffset = 1;   // of the log
  std::vector<std::string> told;  // by the transition at hand

  ModelUser* find(std::string_view id) {
    const auto found = std::find_if(users.begin(), users.end(), [id](const ModelUser& u) { return u.id == id; });
    return found == users.end() ? nullptr : &*found;
  }
  std::uint32_t connectedCount() const {
    return static_cast<std::uint32_t>(
        std::count_if(users.begin(), users.end(), [](const ModelUser& u) { return u.isConnected(); }));
  }
  std::uint32_t connections() const {
    std::uint32_t sum = 0;
    for (const ModelUser& user : users)
      sum += user.connections;
    return sum;
  }
  double positionAt(std::int64_t now) const {
    const double at = isPlaying && now > setAt ? position + rate * static_cast<double>(now - setAt) / 1000.0 : position;
    return duration <= 0 ? at : std::min(at, duration);
  }

  session::Refusal join(const session::JoinSession& command, std::uint32_t maxUsers, std::int64_t now) {
    if (ModelUser* known = find(command.userId)) {
      if (known->connections == session::kMaxConnectionsPerUser) return session::kTooManyConnections;
      known->name = command.username;
      known->avatar = owned(command.avatar);
    } else {
      if (maxUsers != 0 && users.size() >= maxUsers && !giveWay(now)) return session::kSessionFull;
      users.push_back({std::string(command.userId), std::string(command.username), owned(command.avatar)});
    }
    find(command.userId)->stall.reset();
    arrive(*find(command.userId), now);
    return {};
  }
  session::Refusal comeBack(std::string_view id, std::int64_t now) {
    if (find(id)->connections == session::kMaxConnectionsPerUser) return session::kTooManyConnections;
    arrive(*find(id), now);
    return {};
  }
  void rename(std::string_view id, const session::JoinSession& command) {
    find(id)->name = command.username;
    find(id)->avatar = owned(command.avatar);
  }
  void leave(std::string_view id, std::int64_t now) {
    const std::string name = find(id)->name;
    tell("left " + std::string(id) + " " + name);
    remove(id, now);
    if (leader == id) elect();
  }
  void loseConnection(std::string_view id, std::int64_t now) {
    ModelUser& user = *find(id);
    if (--user.connections == 0) {
      user.presence = session::Presence::kGrace;
      user.since = now;
    }
    if (connections() == 0) idleSince = now;
  }
  void graceExpired(std::string_view id, std::int64_t now) {
    ModelUser& user = *find(id);
    user.presence = session::Presence::kAway;
    user.since = now;
    user.stall.reset();
    tell("left " + user.id + " " + user.name);
    if (leader == id) elect();
  }
  void awayExpired(std::string_view id, std::int64_t now) {
    if (leader != id) return remove(id, now);
    find(id)->since = now;
  }

  session::Refusal sync(std::string_view id, const session::SyncPlayback& command, std::int64_t now,
                        std::int64_t wall) {
    if (leader != id) return session::kNotLeader;
    if (command.mediaUrl && owned(command.mediaUrl) != url) {
      title.reset();
      duration = 0;
    }
    if (command.mediaUrl) url = owned(command.mediaUrl);
    if (command.mediaId) mediaId = command.mediaId == url ? std::nullopt : owned(command.mediaId);
    const std::int64_t ahead = command.executeAt && command.isPlaying ? *command.executeAt - wall : 0;
    const bool isNear = ahead >= -session::kMaxExecuteAhead && ahead <= session::kMaxExecuteAhead;
    setClock(command.position, command.playbackRate, command.isPlaying, now + (isNear ? ahead : 0));
    tell("sync " + playback(now, wall) + " by " + leader);
    return {};
  }
  void reportBuffering(std::string_view id, const session::ReportBuffering& command) {
    ModelUser& user = *find(id);
    if (user.stall == command.stall) return;
    user.stall = command.stall;
    tell("buffering " + user.id + " " + user.name + " " + shown(command.stall));
  }
  session::Refusal load(std::string_view id, const session::LoadMedia& command, std::int64_t now) {
    if (leader != id) return session::kNotLeader;
    url = owned(command.mediaUrl);
    mediaId = command.mediaId == command.mediaUrl ? std::nullopt : owned(command.mediaId);
    title = owned(command.mediaTitle);
    duration = command.mediaDuration.value_or(0);
    setClock(0, 1, false, now);
    tell("media " + shown(url) + shown(mediaId) + shown(title) + std::to_string(duration) + " by " + leader);
    return {};
  }
  session::Refusal takeLead(std::string_view id) {
    if (const ModelUser* present = find(leader); present != nullptr && present->isConnected()) {
      return session::kLeaderActive;
    }
    makeLeader(*find(id));
    return {};
  }

  std::string playback(std::int64_t now, std::int64_t wall) const {
    const std::int64_t ahead = isPlaying && setAt > now ? setAt - now : 0;
    return playbackText(url, mediaId, title, duration, positionAt(now), isPlaying, rate, wall + ahead);
  }

  // How events and states are compared.
  static std::string shown(const session::Stall& stall) {
    return (stall.isBuffering ? "yes " : "no ") + std::to_string(static_cast<int>(stall.problem));
  }
  static std::string shown(const std::optional<std::string_view>& text) {
    return text ? "'" + std::string(*text) + "' " : "- ";
  }
  static std::string playbackText(const std::optional<std::string_view>& url, const std::optional<std::string_view>& id,
                                  const std::optional<std::string_view>& title, double duration, double position,
                                  bool isPlaying, double rate, std::int64_t wall) {
    return shown(url) + shown(id) + shown(title) + std::to_string(duration) + " " + std::to_string(position) +
           (isPlaying ? " plays " : " stands ") + std::to_string(rate) + " at " + std::to_string(wall);
  }

 private:
  // Of those who are not connected: somebody who was given up, or who has just gone, and the leader last.
  bool giveWay(std::int64_t now) {
    using session::Presence;
    const auto isGivenUp = [&](const ModelUser& u) { return u.presence == Presence::kAway && u.id != leader; };
    const auto isGone = [&](const ModelUser& u) { return !u.isConnected() && u.id != leader; };
    const auto isLeader = [&](const ModelUser& u) { return !u.isConnected(); };
    auto found = std::find_if(users.begin(), users.end(), isGivenUp);
    if (found == users.end()) found = std::find_if(users.begin(), users.end(), isGone);
    if (found == users.end()) found = std::find_if(users.begin(), users.end(), isLeader);
    if (found == users.end()) return false;
    if (found->presence == Presence::kGrace) tell("left " + found->id + " " + found->name);
    const std::string id = found->id;
    remove(id, now);
    return true;
  }
  void tell(std::string text) { told.push_back(std::move(text)); }
  void setClock(double at, double speed, bool plays, std::int64_t now) {
    position = at;
    rate = speed;
    isPlaying = plays;
    setAt = now;
  }
  void makeLeader(const ModelUser& user) {
    leader = user.id;
    tell("leader " + user.id + " " + user.name);
  }
  // The connected user who joined earliest; with nobody connected the leader stays as is.
  void elect() {
    for (const ModelUser& user : users) {
      if (user.isConnected()) return makeLeader(user);
    }
  }
  void arrive(ModelUser& user, std::int64_t now) {
    if (user.presence == session::Presence::kAway) {
      tell("joined " + user.id + " " + user.name + " " + shown(user.avatar));
    }
    if (!user.isConnected()) user.since = now;
    user.presence = session::Presence::kConnected;
    ++user.connections;
    if (leader.empty()) {
      leader = user.id;
    } else if (find(leader) == nullptr) {
      elect();
    }
  }
  void remove(std::string_view id, std::int64_t now) {
    const bool wasConnected = connections() > 0;
    std::erase_if(users, [id](const ModelUser& u) { return u.id == id; });
    if (wasConnected && connections() == 0) idleSince = now;
  }
};

}  // namespace mediasync::fuzz
