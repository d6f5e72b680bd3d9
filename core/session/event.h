// What happened in a session and is told to its members. The log of a session holds these; they are turned into JSON
// once for each worker and format, when they are sent.
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

// One of the operator's own.
struct CustomEvent {
  std::string_view json;  // an array: the name, then the arguments; at most kMaxCustomEventBytes
};
inline constexpr std::size_t kMaxCustomEventBytes = 3072;

// State files hold these by their index: new ones are added at the end.
using EventBody =
    std::variant<UserJoined, UserLeft, PlaybackSync, MediaLoaded, LeadershipChanged, UserBuffering, CustomEvent>;

struct Event {
  std::int64_t timestamp = 0;  // epoch milliseconds
  EventBody body;
};

}  // namespace mediasync::session
