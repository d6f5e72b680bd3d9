// The rules of a session: who may do what, what changes, who is told. No wire format, no memory layout, no clock.
// Each function is one transition. A refusal leaves the state unchanged.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/base/clock.h"
#include "core/base/secret.h"
#include "core/session/command.h"
#include "core/session/playback.h"
#include "core/session/refusal.h"
#include "core/session/state.h"

namespace mediasync::session {

// What a connection that is already in a session gets for another `join_session`: nothing (kNone: it is the same
// session and the same user, so the join refreshes name and avatar) or a refusal.
Refusal checkRejoin(std::string_view currentSession, std::string_view currentUser, const JoinSession&);

// On which terms a client joins.
struct Terms {
  std::uint32_t maxUsers = 0;        // of the session; 0: no bound
  std::optional<SecretHash> secret;  // what the client shows to be who it says it is; nullopt: it need not
};

// A connection of `join.userId` comes in. Adds the user when unknown, refreshes name and avatar otherwise, tells the
// others when the user was not there before, and elects a leader when the session has lost its own for good. A secret
// that is shown must be the one that the user is bound to, and binds a user who is not yet. On success `*user` is the
// user.
Refusal join(State&, const JoinSession&, const Terms&, Instant now, UserRef* user);

// A connection of a user comes back that the session still knows: as join(), but nothing is said about the user.
Refusal comeBack(State&, UserRef, Instant now);

// The same connection joins again as the same user: refreshes name and avatar. It holds the seat and need not show a
// secret; one that it gives with the join (`given`) must be the right one.
Refusal refresh(State&, UserRef, const JoinSession&, const std::optional<SecretHash>& given, Instant now);

// What the operator's own rules do. A user who leads already stays the leader, and nobody is told.
void appoint(State&, UserRef, Instant now);
void loadMediaForAll(State&, const LoadMedia&, Instant now);  // as the leader would
void tell(State&, const CustomEvent&, Instant now);

// The user leaves for good, with all its connections.
void leave(State&, UserRef, Instant now);

Refusal syncPlayback(State&, UserRef, const SyncPlayback&, Instant now);
Refusal loadMedia(State&, UserRef, const LoadMedia&, Instant now);
// A report that changes nothing is told to nobody.
Refusal reportBuffering(State&, UserRef, const ReportBuffering&, Instant now);
Refusal requestLeadership(State&, UserRef, Instant now);

// A heartbeat or a report: the user is active, nothing else changes.
void noteActivity(State&, UserRef, Instant now);

// The last connection of the user is gone: the grace begins.
void connectionsLost(State&, UserRef, Instant now);

// Nobody came back within the grace: the others are told, and leadership moves.
void graceExpired(State&, UserRef, Instant now);

// The user stayed away for the longer timeout and is removed; only a leader stays listed for as long as it leads, and
// its time begins anew.
void awayExpired(State&, UserRef, Instant now);

// The playback state as it is at `now`: a fresh pair of position and time. The time of one that has yet to begin is
// when it does.
PlaybackView playbackAt(const State&, Instant now);

}  // namespace mediasync::session
