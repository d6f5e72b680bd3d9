// The playback clock of a session: what plays, where it is, and how it advances.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/base/clock.h"

namespace mediasync::session {

inline constexpr double kMinPlaybackRate = 0.0625;
inline constexpr double kMaxPlaybackRate = 16.0;

// The numbers of the clock. `position` (seconds) was exact at the instant `setAt`; while playing it advances by `rate`
// and is clamped to `duration` (seconds; not positive when unknown). It stands still until a `setAt` that is yet to
// come.
struct PlaybackClock {
  double position = 0;
  double rate = 1.0;
  double duration = 0;
  Instant setAt;
  bool isPlaying = false;

  // The position at `now`, in seconds. Returns `position` itself when no time passed or nothing plays.
  double positionAt(Instant now) const {
    double at = position;
    if (isPlaying && now.mono > setAt.mono) at += rate * static_cast<double>(now.mono - setAt.mono) / 1000.0;
    return duration > 0 ? std::min(at, duration) : at;
  }
  std::optional<double> knownDuration() const { return duration > 0 ? std::optional(duration) : std::nullopt; }
  // Milliseconds from `now` until it begins to play.
  std::int64_t untilStart(Instant now) const { return isPlaying && setAt.mono > now.mono ? setAt.mono - now.mono : 0; }
};

// A playback state as it is sent: `position` is the position *at* `lastUpdateTime` (epoch milliseconds).
// Views stay valid as long as the record or buffer they were read from. Of a medium the id, the
// title and the duration are nullopt as long as nobody has said them.
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
