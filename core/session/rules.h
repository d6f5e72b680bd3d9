// The rules of a session: who may do what, the changes, and who is told. No wire format, no memory layout, no clock.
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

// The result of another `join_session` on a connection that is in a session: kNone if it is the same session and the
// same user, so that the join updates name and avatar; otherwise a refusal.
Refusal checkRejoin(std::string_view currentSession, std::string_view currentUser, const JoinSession&);

// The conditions of a join.
struct Terms {
  std::uint32_t maxUsers = 0;        // of the session; 0: no bound
  std::optional<SecretHash> secret;  // the client's proof of its identity; nullopt: none is required
};

// A connection of `join.userId` joins. Adds an unknown user, updates name and avatar of a known one, tells the others
// if the user was not present, and elects a leader if the session has lost its own for good. A secret must match the
// one that the user is bound to, and binds an unbound user. On success `*user` is the user.
Refusal join(State&, const JoinSession&, const Terms&, Instant now, UserRef* user);

// A connection of a user that the session still lists is recovered: like join(), without changing the user's data.
Refusal comeBack(State&, UserRef, Instant now);

// The same connection joins again as the same user: updates name and avatar. It has the seat and needs no secret, but a
// secret given with the join (`given`) must match.
Refusal refresh(State&, UserRef, const JoinSession&, const std::optional<SecretHash>& given, Instant now);

// Actions of the operator's own rules. If the user already leads, nothing changes and nobody is told.
void appoint(State&, UserRef, Instant now);
void loadMediaForAll(State&, const LoadMedia&, Instant now);  // as the leader would
void tell(State&, const CustomEvent&, Instant now);

// The user leaves for good, with all its connections.
void leave(State&, UserRef, Instant now);

// Commands of a member that change the session, whoever sends them.
Refusal carryOut(State&, UserRef, const SyncPlayback&, Instant now);
Refusal carryOut(State&, UserRef, const LoadMedia&, Instant now);
// A report that changes nothing is told to nobody.
Refusal carryOut(State&, UserRef, const ReportBuffering&, Instant now);
Refusal carryOut(State&, UserRef, const RequestLeadership&, Instant now);

// The same, refused where it is not the user's to send.
Refusal checkSender(const State&, UserRef, const CommandFacts&);
template <class C>
Refusal apply(State& state, UserRef user, const C& command, Instant now) {
  const Refusal refusal = checkSender(state, user, C::kFacts);
  return refusal ? refusal : carryOut(state, user, command, now);
}

// A heartbeat or a report: marks the user as active and changes nothing else.
void noteActivity(State&, UserRef, Instant now);

// The user's last connection is gone: the grace begins.
void connectionsLost(State&, UserRef, Instant now);

// The grace has ended without a return: the others are told, and leadership moves.
void graceExpired(State&, UserRef, Instant now);

// The longer timeout has ended: removes the user. A leader instead stays listed for as long as it leads, and its time
// starts again.
void awayExpired(State&, UserRef, Instant now);

// The playback state at `now`: a fresh pair of position and time. Before the start of playback the time is that of the
// start.
PlaybackView playbackAt(const State&, Instant now);

}  // namespace mediasync::session
