// Commands of clients, checked for form (types, lengths, ranges) and free of any wire format. All views point into the
// caller's buffers and are valid only during the call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

#include "core/session/stall.h"

namespace mediasync::session {

// Maximum lengths of texts, in bytes of UTF-8.
inline constexpr std::size_t kMaxIdBytes = 128;
inline constexpr std::size_t kMaxUsernameBytes = 256;
inline constexpr std::size_t kMaxAvatarBytes = 2048;
inline constexpr std::size_t kMaxMediaUrlBytes = 2048;
inline constexpr std::size_t kMaxMediaIdBytes = 256;
inline constexpr std::size_t kMaxMediaTitleBytes = 512;
inline constexpr std::size_t kMinSecretBytes = 8;
inline constexpr std::size_t kMaxSecretBytes = 128;

// Maximum distance of a command's `executeAt` from now, in milliseconds. A command beyond it takes effect now.
inline constexpr std::int64_t kMaxExecuteAhead = 10'000;

// Connections (tabs, devices) that one user may have at a time.
inline constexpr std::uint32_t kMaxConnectionsPerUser = 64;

struct JoinSession {
  std::string_view sessionId;
  std::string_view userId;
  std::string_view username;
  std::optional<std::string_view> avatar;
  std::optional<std::string_view> userSecret = {};
};

struct LeaveSession {};

struct SyncPlayback {
  double position = 0;
  bool isPlaying = false;
  std::optional<std::string_view> mediaUrl;  // absent: keep the current one
  std::optional<std::string_view> mediaId;   // absent: keep the current one
  double playbackRate = 1.0;
  std::optional<std::int64_t> executeAt = {};  // epoch milliseconds; absent: now
};

struct LoadMedia {
  std::string_view mediaUrl;
  std::optional<std::string_view> mediaId;
  std::optional<std::string_view> mediaTitle;
  std::optional<double> mediaDuration;
};

struct RequestLeadership {};

struct ReportDesync {
  double reportedPosition = 0;
  std::optional<double> reportedTime;  // echoed unchanged; null if absent
};

struct Heartbeat {
  std::optional<double> probe = {};  // asks for precise times; echoed unchanged
};

// The user's film has stalled, or goes on.
struct ReportBuffering {
  Stall stall;
};

struct RequestSessionState {};

using Command = std::variant<JoinSession, LeaveSession, SyncPlayback, LoadMedia, RequestLeadership, ReportDesync,
                             Heartbeat, RequestSessionState, ReportBuffering>;

}  // namespace mediasync::session
