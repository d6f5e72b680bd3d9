// A session as clients see it, in `session_joined`, `session_state` and over REST. It owns nothing: the views point
// into the buffer that the snapshot was copied to, which must outlive it.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "core/session/playback.h"

namespace mediasync::session {

struct UserView {
  std::string_view id;
  std::string_view username;
  std::optional<std::string_view> avatar;
  std::int64_t joinedAt = 0;  // epoch milliseconds
  std::int64_t lastSeen = 0;  // epoch milliseconds
  bool isConnected = false;
  bool isLeader = false;
};

struct SessionView {
  std::string_view sessionId;
  std::string_view creatorId;
  std::string_view leaderId;
  std::vector<UserView> users;       // in the order of joining
  PlaybackView playback;             // a fresh pair of position and lastUpdateTime
  std::int64_t createdAt = 0;        // epoch milliseconds
  std::int64_t lastActivity = 0;     // epoch milliseconds
  std::uint32_t userCount = 0;       // users, including disconnected ones
  std::uint32_t connectedCount = 0;  // users with a connection
};

// An entry of the session list.
struct SessionSummary {
  std::string_view sessionId;
  std::uint32_t userCount = 0;
  std::uint32_t connectedCount = 0;
  bool hasMedia = false;
  std::int64_t createdAt = 0;
  std::int64_t lastActivity = 0;
};

}  // namespace mediasync::session
