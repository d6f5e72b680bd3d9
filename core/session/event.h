// Events of a session for its members. The session's log holds these; each worker turns them into JSON once per format
// when it sends them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

#include "core/session/playback.h"
#include "core/session/stall.h"

namespace mediasync::session {

struct UserJoined {
  std::string_view userId;
  std::string_view username;
  std::optional<std::string_view> avatar;
};

struct UserLeft {
  std::string_view userId;
  std::string_view username;
};

struct PlaybackSync {
  PlaybackView state;
  std::string_view leaderId;
};

struct MediaLoaded {
  std::string_view mediaUrl;
  std::optional<std::string_view> mediaId;
  std::optional<std::string_view> mediaTitle;
  std::optional<double> mediaDuration;
  std::string_view loadedBy;
};

struct LeadershipChanged {
  std::string_view newLeaderId;
  std::string_view newLeaderName;
};

struct UserBuffering {
  std::string_view userId;
  std::string_view username;
  Stall stall;
};

// An event of the operator's scripts.
struct CustomEvent {
  std::string_view json;  // an array: the name, then the arguments; at most kMaxCustomEventBytes
};
inline constexpr std::size_t kMaxCustomEventBytes = 3072;

// State files store the index of an event's type here: add new types at the end.
using EventBody =
    std::variant<UserJoined, UserLeft, PlaybackSync, MediaLoaded, LeadershipChanged, UserBuffering, CustomEvent>;

struct Event {
  std::int64_t timestamp = 0;  // epoch milliseconds
  EventBody body;
};

}  // namespace mediasync::session
