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

struct FakePlayback : MediaTexts<Owned> {
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
    Media media;
    const MediaTexts<Owned>& texts = content.playback;
    eachPair(texts, media, [](const auto& from, auto& to) { to = from; });
    return media;
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
    MediaTexts<Owned> own;  // the views may point into what is replaced
    eachPair(media, own, [](const auto& from, auto& to) { to = from; });
    static_cast<MediaTexts<Owned>&>(content.playback) = own;
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
    if (urgency == Urgency::kCertain && factsOf(event.body).room != Room::kAlways) throw std::logic_error("no room");
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
  static std::string textOf(std::string_view text) { return std::string(text); }
  static std::string textOf(bool flag) { return flag ? "yes" : "no"; }
  static std::string textOf(double number) { return std::to_string(number); }
  static std::string textOf(std::int64_t number) { return std::to_string(number); }
  static std::string textOf(Problem problem) { return std::to_string(static_cast<int>(problem)); }
  template <class T>
  static std::string textOf(const std::optional<T>& value) {
    return value ? textOf(*value) : "null";
  }

  // The name of an event, and its fields.
  template <class Body>
  std::string describe(const Body& body) {
    std::string line(Body::kFacts.name);
    eachKept(body, [&line](const auto& value, const auto&) { line += " " + textOf(value); });
    if constexpr (std::is_same_v<Body, PlaybackSync>) syncs.emplace_back(body.state, std::string(body.leaderId));
    return line;
  }

  PlaybackClock clock_;
  UserRef nextRef_ = 1;
};

}  // namespace mediasync::session
