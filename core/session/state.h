// The rules' view of a session: what they read and change. The store implements it on shared memory; a test may
// implement it on anything.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/base/clock.h"
#include "core/base/secret.h"
#include "core/session/event.h"
#include "core/session/kept.h"
#include "core/session/playback.h"
#include "core/session/stall.h"

namespace mediasync::session {

// Names a user within a session for the length of one transition. 0 is nobody.
using UserRef = std::uint32_t;

struct UserFacts {
  std::string_view id;
  std::string_view username;
  std::optional<std::string_view> avatar;
  Presence presence = Presence::kAway;
  std::uint32_t connections = 0;
  std::optional<SecretHash> secret;  // that clients must prove; nullopt: the user is not bound
  std::optional<Stall> stall = {};   // the last report; nullopt: none since the join
};

// One session during one transition. Changes take effect together, when the transition ends well; when it is refused,
// or when the implementation runs out of space (it says so by throwing what its owner catches), none does.
// Views returned stay valid until the next change of the same thing.
class State {
 public:
  virtual ~State() = default;

  virtual std::string_view leaderId() const = 0;
  virtual const PlaybackClock& clock() const = 0;
  virtual Media media() const = 0;
  virtual std::uint32_t userCount() const = 0;
  virtual std::uint32_t connectedCount() const = 0;  // users who are connected
  virtual UserRef findUser(std::string_view userId) const = 0;
  virtual UserRef firstUser() const = 0;  // in the order of joining
  virtual UserRef nextUser(UserRef) const = 0;
  virtual UserFacts user(UserRef) const = 0;

  virtual void setLeader(std::string_view userId) = 0;
  virtual void setClock(const PlaybackClock&) = 0;
  virtual void setMedia(const Media&) = 0;
  virtual UserRef addUser(std::string_view id, std::string_view username, std::optional<std::string_view> avatar,
                          Presence, Instant now) = 0;
  virtual void renameUser(UserRef, std::string_view username, std::optional<std::string_view> avatar) = 0;
  virtual void setPresence(UserRef, Presence, Instant now) = 0;
  virtual void removeUser(UserRef, Instant now) = 0;  // and all its connections
  virtual void bindUser(UserRef, const SecretHash&) = 0;
  virtual void setStall(UserRef, std::optional<Stall>) = 0;
  virtual void seen(UserRef, Instant now) = 0;  // the user did something
  virtual void touch(Instant now) = 0;          // the session is active

  // Tells the members. `kDroppable` is for commands, which can be refused or tried again: it may abandon the transition
  // if a reader must catch up first. `kMinor` also, and it leaves room for the others, so that the leader's commands do
  // not wait for those of all members. `kCertain` is for expired times, which wait for nobody: it always succeeds.
  enum class Urgency { kMinor, kDroppable, kCertain };
  virtual void emit(const Event&, Urgency) = 0;
};

}  // namespace mediasync::session
