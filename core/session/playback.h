// The playback clock of a session: the medium, its position, and its advance.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <tuple>

#include "core/base/clock.h"
#include "core/session/field.h"
#include "core/session/kept.h"
#include "core/session/limits.h"

namespace mediasync::session {

inline constexpr Number kPosition{.least = 0};
inline constexpr Number kPlaybackRate{kMinPlaybackRate, kMaxPlaybackRate};

// The numbers of the clock. `position` (seconds) was exact at the instant `setAt`; while playing it advances by `rate`
// and is clamped to `duration` (seconds; not positive when unknown). It stands still until a `setAt` that is yet to
// come.
struct PlaybackClock {
  double position = 0;
  double rate = 1.0;
  double duration = 0;
  Instant setAt;
  bool isPlaying = false;

  static constexpr auto fields() {
    return std::tuple{
        kept("position", &PlaybackClock::position, kPosition), kept("rate", &PlaybackClock::rate, kPlaybackRate),
        kept("duration", &PlaybackClock::duration, Number{}), kept("isPlaying", &PlaybackClock::isPlaying, Flag{}),
        kept("setAt", &PlaybackClock::setAt, Time{})};
  }

  // The position at `now`, in seconds. Returns `position` itself when no time passed or nothing plays.
  double positionAt(Instant now) const {
    double at = position;
    if (isPlaying && now.mono > setAt.mono) at += rate * static_cast<double>(now.mono - setAt.mono) / 1000.0;
    return duration > 0 ? std::min(at, duration) : at;
  }
  std::optional<double> knownDuration() const { return duration > 0 ? std::optional(duration) : std::nullopt; }
  // Milliseconds from `now` until playback starts; 0 if it has, or is paused.
  std::int64_t untilStart(Instant now) const { return isPlaying && setAt.mono > now.mono ? setAt.mono - now.mono : 0; }
};

// A playback state as it is sent: `position` is the position *at* `lastUpdateTime` (epoch milliseconds).
// Views stay valid as long as the record or buffer they were read from. Of a medium the id, the
// title and the duration are nullopt as long as nobody has said them.
struct PlaybackView : Media {
  std::optional<double> mediaDuration;
  double position = 0;
  bool isPlaying = false;
  double playbackRate = 1.0;
  std::int64_t lastUpdateTime = 0;

  static constexpr std::string_view kName = "PlaybackState";
  static constexpr auto fields() {
    return std::tuple{Inherited<Media>{},
                      field("mediaDuration", &PlaybackView::mediaDuration, kMediaDuration),
                      field("position", &PlaybackView::position, kPosition),
                      field("isPlaying", &PlaybackView::isPlaying, Flag{}),
                      shown("lastUpdateTime", &PlaybackView::lastUpdateTime, Time{}),
                      field("playbackRate", &PlaybackView::playbackRate, kPlaybackRate),
                      kept("lastUpdateTime", &PlaybackView::lastUpdateTime, Time{})};
  }
};

// The playback state as it is at `now`: a fresh pair of position and time. The time of one that has yet to begin is
// when it does.
inline PlaybackView viewOf(const PlaybackClock& clock, const Media& media, Instant now) {
  return {media,      clock.knownDuration(),           clock.positionAt(now), clock.isPlaying,
          clock.rate, now.wall + clock.untilStart(now)};
}

}  // namespace mediasync::session
