// Sessions, users and recoveries outside of the shared tables. Times are wall-clock times: the monotonic clock restarts
// with the machine.
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
  session::PlaybackClock clock;  // only setAt.wall counts
  std::int64_t createdAt = 0;
  std::int64_t lastActivity = 0;
  std::optional<std::int64_t> idleSince;  // absent: it has connections
  std::uint64_t lostSeq = 0;
  std::uint64_t formerSerial = 0;
  std::uint64_t formerEnd = 0;
  // From the log: `events` are [firstSeq, endSeq), in the form of readLog().
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
