// A playback state with its texts, which outlives the lock that it was read under.
#pragma once

#include "core/session/own_texts.h"
#include "core/session/playback.h"

namespace mediasync::server {

struct PlaybackCopy {
  explicit PlaybackCopy(const session::PlaybackView& from) : view(from) { texts_.takeFrom(view); }
  PlaybackCopy(const PlaybackCopy&) = delete;
  PlaybackCopy& operator=(const PlaybackCopy&) = delete;

  session::PlaybackView view;

 private:
  session::OwnTexts texts_;
};

}  // namespace mediasync::server
