// Sessions, users and recoveries as they are kept outside of the shared tables. Times are of the wall clock: the
// monotonic one begins anew with the machine.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/secret.h"
#include "core/session/state.h"
#include "core/store/records.h"

namespace mediasync::store {

struct SavedUser {
  std::uint64_t serial = 0;
  std::string id;
  std::string username;
  std::optional<std::string> avatar;
  std::int64_t joinedAt = 0;
  std::int64_t lastSeen = 0;
  session::Presence presence = session::Presence::kAway;
  std::int64_t absentSince = 0;
  std::optional<SecretHash> secret;
};

struct SavedSession {
  std::uint64_t serial = 0;
  std::string id;
  std::string creatorId;
  std::string leaderId;
  std::optional<std::string> mediaUrl;
  std::optional<std::string> mediaId;
  std::optional<std::string> mediaTitle;
  session::PlaybackClock clock;  // setAt.wall alone counts
  std::int64_t createdAt = 0;
  std::int64_t lastActivity = 0;
  std::optional<std::int64_t> idleSince;  // absent: it has connections
  std::uint64_t lostSeq = 0;
  std::uint64_t formerSerial = 0;
  std::uint64_t formerEnd = 0;
  // Of the log: `events` are [firstSeq, endSeq), as readLog() gives them.
  std::uint64_t firstSeq = 1;
  std::uint64_t endSeq = 1;
  std::string events;
  std::vector<SavedUser> users;
  bool hasUsers = false;  // of a change: `users` is meant
};

struct SavedRecovery {
  RandomId pid{};
  RandomId socketId{};
  Realm realm;
  LostSeat seat;  // by serials; the references and the shard mean nothing
};

}  // namespace mediasync::store
