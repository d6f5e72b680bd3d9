// session::State on std containers: what the rules see and change, without shared memory. Every event is kept
// as one line of text, so that a test can say what was told to whom in one comparison.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "core/session/rules.h"

namespace mediasync::session {

struct FakeUser {
  std::string id;
  std::string username;
  std::optional<std::string> avatar;
  Presence presence = Presence::kAway;
  std::uint32_t connections = 0;
  std::int64_t lastSeen = 0;
  std::int64_t presenceSince = 0;
  std::optional<SecretHash> secret = {};
  std::optional<Stall> stall = {};
  friend bool operator==(const FakeUser&, const FakeUser&) = default;
};

struct FakePlayback {
  std::optional<std::string> url, id, title;
  double position = 0, rate = 1, duration = 0;
  std::int64_t setAtWall = 0, setAtMono = 0;
  bool isPlaying = false;
  friend bool operator==(const FakePlayback&, const FakePlayback&) = default;
};

struct FakeContent {
  std::map<UserRef, FakeUser> users;  // the references grow in the order of joining
  std::string leader;
  FakePlayback playback;
  std::int64_t lastActivity = 0;
  std::vector<std::string> told;  // events, as text; those that cannot be refused end with '!'
  friend bool operator==(const FakeContent&, const FakeContent&) = default;
};

class FakeState final : public State {
 public:
  FakeContent content;
  bool busy = false;                                        // emit(kDroppable) gives the transition up
  std::vector<std::pair<PlaybackView, std::string>> syncs;  // values as they were emitted; texts are not owned

  // ---- for tests
  UserRef add(std::string_view id, Presence presence, std::uint32_t connections) {
    const UserRef ref = addUser(id, "name of " + std::string(id), std::nullopt, presence, {});
    content.users.at(ref).connections = connections;
    return ref;
  }
  FakeUser& at(UserRef ref) { return content.users.at(ref); }
  std::vector<std::string> takeTold() { return std::exchange(content.told, {}); }

  // ---- State
  std::string_view leaderId() const override { return content.leader; }
  const PlaybackClock& clock() const override { return clock_; }
  Media media() const override {
    return {view(content.playback.url), view(content.playback.id), view(content.playback.title)};
  }
  std::uint32_t userCount() const override { return static_cast<std::uint32_t>(content.users.size()); }
  std::uint32_t connectedCount() const override {
    return static_cast<std::uint32_t>(std::count_if(content.users.begin(), content.users.end(), [](const auto& entry) {
      return entry.second.presence == Presence::kConnected;
    }));
  }
  UserRef findUser(std::string_view userId) const override {
    for (const auto& [ref, user] : content.users) {
      if (user.id == userId) return ref;
    }
    return 0;
  }
  UserRef firstUser() const override { return content.users.empty() ? 0 : content.users.begin()->first; }
  UserRef nextUser(UserRef ref) const override {
    const auto next = content.users.upper_bound(ref);
    return next == content.users.end() ? 0 : next->first;
  }
  UserFacts user(UserRef ref) const override {
    const FakeUser& u = content.users.at(ref);
    return {u.id, u.username, view(u.avatar), u.presence, u.connections, u.secret, u.stall};
  }
  void setLeader(std::string_view userId) override { content.leader = std::string(userId); }
  void setClock(const PlaybackClock& clock) override {
    clock_ = clock;
    FakePlayback& p = content.playback;
    p.position = clock.position, p.rate = clock.rate, p.duration = clock.duration, p.isPlaying = clock.isPlaying;
    p.setAtWall = clock.setAt.wall, p.setAtMono = clock.setAt.mono;
  }
  void setMedia(const Media& media) override {
    // The views may point into what is replaced.
    const auto url = own(media.url), id = own(media.id), title = own(media.title);
    content.playback.url = url, content.playback.id = id, content.playback.title = title;
  }
  UserRef addUser(std::string_view id, std::string_view username, std::optional<std::string_view> avatar,
                  Presence presence, Instant now) override {
    const UserRef ref = nextRef_++;
    content.users[ref] = {std::string(id), std::string(username), own(avatar), presence, 0, now.wall, now.mono};
    return ref;
  }
  void renameUser(UserRef ref, std::string_view username, std::optional<std::string_view> avatar) override {
    at(ref).username = std::string(username);
    at(ref).avatar = own(avatar);
  }
  void setPresence(UserRef ref, Presence presence, Instant now) override {
    at(ref).presence = presence;
    at(ref).presenceSince = now.mono;
  }
  void removeUser(UserRef ref, Instant) override { content.users.erase(ref); }
  void bindUser(UserRef ref, const SecretHash& secret) override { at(ref).secret = secret; }
  void setStall(UserRef ref, std::optional<Stall> stall) override { at(ref).stall = stall; }
  void seen(UserRef ref, Instant now) override { at(ref).lastSeen = now.wall; }
  void touch(Instant now) override { content.lastActivity = now.wall; }
  void emit(const Event& event, Urgency urgency) override {
    if (busy && urgency != Urgency::kCertain) throw std::runtime_error("busy");
    std::string line = std::visit([this](const auto& body) { return describe(body); }, event.body);
    line += " @" + std::to_string(event.timestamp);
    if (urgency == Urgency::kCertain) line += "!";
    content.told.push_back(line);
  }

 private:
  static std::optional<std::string_view> view(const std::optional<std::string>& text) {
    return text ? std::optional<std::string_view>(*text) : std::nullopt;
  }
  static std::optional<std::string> own(std::optional<std::string_view> text) {
    return text ? std::optional<std::string>(*text) : std::nullopt;
  }
  static std::string orNull(std::optional<std::string_view> text) { return text ? std::string(*text) : "null"; }

  std::string describe(const UserJoined& e) {
    return "user_joined " + std::string(e.userId) + " " + std::string(e.username) + " " + orNull(e.avatar);
  }
  std::string describe(const UserLeft& e) {
    return "user_left " + std::string(e.userId) + " " + std::string(e.username);
  }
  std::string describe(const LeadershipChanged& e) {
    return "leadership_changed " + std::string(e.newLeaderId) + " " + std::string(e.newLeaderName);
  }
  std::string describe(const UserBuffering& e) {
    return "user_buffering " + std::string(e.userId) + " " + std::string(e.username) +
           (e.stall.isBuffering ? " yes" : " no") + " " + std::to_string(static_cast<int>(e.stall.problem));
  }
  std::string describe(const CustomEvent& e) { return "custom " + std::string(e.json); }
  std::string describe(const PlaybackSync& e) {
    syncs.emplace_back(e.state, std::string(e.leaderId));
    return "playback_sync " + std::string(e.leaderId) + " " + orNull(e.state.mediaUrl) + " " + orNull(e.state.mediaId) +
           " " + orNull(e.state.mediaTitle);
  }
  std::string describe(const MediaLoaded& e) {
    return "media_loaded " + std::string(e.loadedBy) + " " + std::string(e.mediaUrl) + " " + orNull(e.mediaId) + " " +
           orNull(e.mediaTitle) + " " + (e.mediaDuration ? std::to_string(*e.mediaDuration) : "null");
  }

  PlaybackClock clock_;
  UserRef nextRef_ = 1;
};

}  // namespace mediasync::session
