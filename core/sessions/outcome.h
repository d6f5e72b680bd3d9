// The outcome of a change that somebody asked of a session: a value, also if nothing has changed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "core/base/token_bucket.h"
#include "core/session/refusal.h"
#include "core/sessions/playback_copy.h"
#include "core/store/records.h"

namespace mediasync::server {

// Why a change has to be tried again later.
struct Wait {
  std::uint64_t session = 0;  // its serial: its members must catch up first; 0: the connection must collect its packets
  bool isMinor = false;       // it keeps nothing else waiting
};

// The place of a connection in a session.
struct Place {
  store::SeatRef seat;
  std::uint64_t cursor = 0;    // offset of the first event that the connection has to be sent
  std::uint64_t head = 0;      // the end of the log
  bool needsSnapshot = false;  // its client does not know the session yet
};

struct Outcome {
  enum class Kind : std::uint8_t {
    kDone,
    kRefused,  // `refusal` says why; nothing has changed but counts
    kTooFast,  // the user exceeds `rate`; nothing has changed
    kWait,     // nothing has changed: `wait` says for what it was
    kGone,     // nothing has changed: the connection is no more, or the place that it comes back to
  };

  Kind kind = Kind::kDone;
  bool isLeader = false;  // a join: of the session
  bool hasLeft = false;   // the connection has no seat any more; also when a leave is refused, as that was none before
  bool isNews = false;    // a report that the members are told, as soon as they can be
  session::Refusal refusal;
  Rate rate;
  Wait wait;
  Place place;                             // a connection that comes in; without a seat when it had that already
  std::size_t stateBytes = 0;              // about those of the session's state as JSON, where the location counts them
  std::uint32_t connections = 0;           // of the session, which are told an event
  std::unique_ptr<PlaybackCopy> playback;  // asked for by a report of a desync

  bool isDone() const { return kind == Kind::kDone; }
  void refuse(const session::Refusal& why) {
    kind = Kind::kRefused;
    refusal = why;
  }

  static Outcome refused(const session::Refusal& why) {
    Outcome outcome;
    outcome.refuse(why);
    return outcome;
  }
  static Outcome gone() {
    Outcome outcome;
    outcome.kind = Kind::kGone;
    return outcome;
  }
  static Outcome waits(const Wait& wait) {
    Outcome outcome;
    outcome.kind = Kind::kWait;
    outcome.wait = wait;
    return outcome;
  }
};

}  // namespace mediasync::server
