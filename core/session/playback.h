// The playback clock of a session: the medium, its position, and its advance.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/base/clock.h"

namespace mediasync::session {

inline constexpr double kMinPlaybackRate = 0.0625;
inline constexpr double kMaxPlaybackRate = 16.0;

// `position` (seconds) was exact at `setAt`; while playing it advances by `rate` and is clamped to `duration` (seconds;
// not positive if unknown). It stands still until a `setAt` in the future.
struct PlaybackClock {
  double position = 0;
  double rate = 1.0;
  double duration = 0;
  Instant setAt;
  bool isPlaying = false;

  // The position at `now`, in seconds. Returns `position` itself if no time has passed or nothing plays.
  double positionAt(Instant now) const {
    double at = position;
    if (isPlaying && now.mono > setAt.mono) at += rate * static_cast<double>(now.mono - setAt.mono) / 1000.0;
    return duration > 0 ? std::min(at, duration) : at;
  }
  std::optional<double> knownDuration() const { return duration > 0 ? std::optional(duration) : std::nullopt; }
  // Milliseconds from `now` until playback starts; 0 if it has, or is paused.
  std::int64_t untilStart(Instant now) const { return isPlaying && setAt.mono > now.mono ? setAt.mono - now.mono : 0; }
};

// A playback state for clients: `position` is the position *at* `lastUpdateTime` (epoch milliseconds). Views are valid
// as long as the record or buffer they were read from. The medium's id, title and duration are nullopt until they are
// set.
struct PlaybackView {
  std::optional<std::string_view> mediaUrl;
  std::optional<std::string_view> mediaId;
  std::optional<std::string_view> mediaTitle;
  std::optional<double> mediaDuration;
  double position = 0;
  bool isPlaying = false;
  double playbackRate = 1.0;
  std::int64_t lastUpdateTime = 0;
};

}  // namespace mediasync::session
