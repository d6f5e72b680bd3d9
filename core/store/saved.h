// Sessions, users and recoveries outside of the shared tables. Times are wall-clock times: the monotonic clock restarts
// with the machine.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "core/base/secret.h"
#include "core/session/field.h"
#include "core/session/kept.h"
#include "core/session/playback.h"
#include "core/store/records.h"

namespace mediasync::store {

// Numbers that are none of the API's.
struct Serial {};       // of a record, never 0
struct AnySerial {};    // 0: there is none
struct LogOffset {};    // of an event
struct AnyPresence {};  // and no number of none
struct Hash {};         // of a secret

// A user as the file has it.
template <class Holder>
struct SavedProfile : session::UserProfile<Holder> {
  std::uint64_t serial = 0;
  session::Presence presence = session::Presence::kAway;
  std::int64_t absentSince = 0;
  std::optional<SecretHash> secret = {};

  static constexpr auto fields() {
    return std::tuple{session::kept("serial", &SavedProfile::serial, Serial{}),
                      session::Inherited<session::UserProfile<Holder>>{},
                      session::kept("presence", &SavedProfile::presence, AnyPresence{}),
                      session::kept("absentSince", &SavedProfile::absentSince, session::Time{}),
                      session::kept("secret", &SavedProfile::secret, Hash{})};
  }
};

// A session as the file has it, but for its users and its log.
template <class Holder>
struct SavedHead : session::SessionIds<Holder>, session::MediaTexts<Holder>, session::SessionTimes {
  std::uint64_t serial = 0;
  session::PlaybackClock clock = {};           // setAt.wall alone counts
  std::optional<std::int64_t> idleSince = {};  // absent: it has connections
  std::uint64_t lostSeq = 0;
  std::uint64_t formerSerial = 0;
  std::uint64_t formerEnd = 0;

  static constexpr auto fields() {
    return std::tuple{session::kept("serial", &SavedHead::serial, Serial{}),
                      session::Inherited<session::SessionIds<Holder>>{},
                      session::Inherited<session::MediaTexts<Holder>>{},
                      session::part(&SavedHead::clock),
                      session::Inherited<session::SessionTimes>{},
                      session::kept("idleSince", &SavedHead::idleSince, session::Time{}),
                      session::kept("lostSeq", &SavedHead::lostSeq, LogOffset{}),
                      session::kept("formerSerial", &SavedHead::formerSerial, AnySerial{}),
                      session::kept("formerEnd", &SavedHead::formerEnd, LogOffset{})};
  }
};

struct SavedUser : SavedProfile<session::Owned> {
  static constexpr auto fields() { return std::tuple{session::Inherited<SavedProfile<session::Owned>>{}}; }
};

struct SavedSession : SavedHead<session::Owned> {
  // The log: `events` are [firstSeq, endSeq), as readLog() gives them.
  std::uint64_t firstSeq = 1;
  std::uint64_t endSeq = 1;
  std::string events;
  std::vector<SavedUser> users;
  bool hasUsers = false;  // for a change: `users` is valid
};

struct SavedRecovery {
  RandomId pid{};
  RandomId socketId{};
  Realm realm;
  LostSeat seat;  // by serials; references and shard are meaningless
};

}  // namespace mediasync::store
