// A session as clients see it, in `session_joined`, `session_state` and over REST. It owns nothing: the views point
// into the buffer that the snapshot was copied to, which must outlive it.
#pragma once

#include <cstdint>
#include <string_view>
#include <tuple>
#include <vector>

#include "core/session/field.h"
#include "core/session/kept.h"
#include "core/session/playback.h"

namespace mediasync::session {

struct UserView : UserProfile<Views> {
  bool isConnected = false;
  bool isLeader = false;

  static constexpr std::string_view kName = "User";
  static constexpr auto fields() {
    return std::tuple{Inherited<UserProfile<Views>>{}, field("isConnected", &UserView::isConnected, Flag{}),
                      field("isLeader", &UserView::isLeader, Flag{})};
  }
};

struct SessionView : SessionIds<Views>, SessionTimes {
  std::vector<UserView> users;       // in the order of joining
  PlaybackView playback;             // a fresh pair of position and lastUpdateTime
  std::uint32_t userCount = 0;       // users, the disconnected included
  std::uint32_t connectedCount = 0;  // users with a connection

  static constexpr std::string_view kName = "Session";
  static constexpr auto fields() {
    return std::tuple{Inherited<SessionIds<Views>>{},
                      field("users", &SessionView::users, Objects{}),
                      field("playbackState", &SessionView::playback, Object{}),
                      Inherited<SessionTimes>{},
                      field("userCount", &SessionView::userCount, Count{}),
                      field("connectedCount", &SessionView::connectedCount, Count{})};
  }
};

// An entry of the session list.
struct SessionSummary {
  std::string_view sessionId;
  std::uint32_t userCount = 0;
  std::uint32_t connectedCount = 0;
  bool hasMedia = false;
  std::int64_t createdAt = 0;
  std::int64_t lastActivity = 0;

  static constexpr std::string_view kName = "SessionSummary";
  static constexpr auto fields() {
    return std::tuple{field("sessionId", &SessionSummary::sessionId, kId),
                      field("userCount", &SessionSummary::userCount, Count{}),
                      field("connectedCount", &SessionSummary::connectedCount, Count{}),
                      field("hasMedia", &SessionSummary::hasMedia, Flag{}),
                      field("createdAt", &SessionSummary::createdAt, IsoTime{}),
                      field("lastActivity", &SessionSummary::lastActivity, Time{})};
  }
};

}  // namespace mediasync::session
