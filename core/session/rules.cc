#include "core/session/rules.h"

namespace mediasync::session {
namespace {

using Urgency = State::Urgency;

bool isLeader(const State& state, UserRef user) {
  return state.user(user).id == state.leaderId();
}

// The connected user who joined earliest, or nobody.
UserRef nextLeader(const State& state) {
  for (UserRef user = state.firstUser(); user != 0; user = state.nextUser(user)) {
    if (state.user(user).presence == Presence::kConnected) return user;
  }
  return 0;
}

void makeLeader(State& state, UserRef user, Instant now, Urgency urgency) {
  const UserFacts facts = state.user(user);
  state.setLeader(facts.id);
  state.emit({now.wall, LeadershipChanged{facts.id, facts.username}}, urgency);
}

// With nobody connected the leader stays as it is.
void elect(State& state, Instant now, Urgency urgency) {
  const UserRef user = nextLeader(state);
  if (user != 0) makeLeader(state, user, now, urgency);
}

void tellLeft(State& state, UserRef user, Instant now, Urgency urgency) {
  const UserFacts facts = state.user(user);
  state.emit({now.wall, UserLeft{facts.id, facts.username}}, urgency);
}

// A known user is there again; the others are told when they had been told that it was gone.
void arrive(State& state, UserRef user, Instant now) {
  const UserFacts facts = state.user(user);
  if (facts.presence != Presence::kConnected) state.setPresence(user, Presence::kConnected, now);
  if (facts.presence == Presence::kAway) {
    state.emit({now.wall, UserJoined{facts.id, facts.username, facts.avatar}}, Urgency::kDroppable);
  }
}

void ensureLeader(State& state, UserRef newcomer, Instant now) {
  if (state.leaderId().empty()) {
    state.setLeader(state.user(newcomer).id);
  } else if (state.findUser(state.leaderId()) == 0) {
    elect(state, now, Urgency::kDroppable);  // the leader left for good while nobody was there to follow it
  }
}

// The URL of a medium is its id when it has no other.
std::optional<std::string_view> ownId(std::optional<std::string_view> id, std::optional<std::string_view> url) {
  return id == url ? std::nullopt : id;
}

// The time at which a command takes effect: at once for one that does not play.
Instant beginningOf(const SyncPlayback& command, Instant now) {
  if (!command.executeAt || !command.isPlaying) return now;
  const std::int64_t earliest = now.wall - kMaxExecuteAhead;
  const std::int64_t latest = now.wall + kMaxExecuteAhead;
  if (*command.executeAt < earliest || *command.executeAt > latest) return now;
  return now.after(*command.executeAt - now.wall);
}

// The user who gives way to a newcomer, or none: users who were given up before those who have just gone, and the
// leader last.
UserRef whoGivesWay(const State& state) {
  UserRef best = 0;
  int bestRank = 0;
  for (UserRef user = state.firstUser(); user != 0; user = state.nextUser(user)) {
    const Presence presence = state.user(user).presence;
    if (presence == Presence::kConnected) continue;
    const int rank = isLeader(state, user) ? 1 : presence == Presence::kGrace ? 2 : 3;
    if (rank <= bestRank) continue;
    best = user;
    bestRank = rank;
    if (rank == 3) break;
  }
  return best;
}

// False: everyone who is listed is there.
bool giveWay(State& state, Instant now) {
  const UserRef user = state.connectedCount() < state.userCount() ? whoGivesWay(state) : 0;
  if (user == 0) return false;
  if (state.user(user).presence == Presence::kGrace) tellLeft(state, user, now, Urgency::kDroppable);
  state.removeUser(user, now);
  return true;
}

// The next report is told, whatever it says.
void forgetStall(State& state, UserRef user) {
  if (state.user(user).stall) state.setStall(user, std::nullopt);
}

// True if the holder of this secret is somebody else.
bool isForeign(const State& state, UserRef user, const std::optional<SecretHash>& shown) {
  const std::optional<SecretHash> own = state.user(user).secret;
  return shown && own && !isSameSecret(*shown, *own);
}

}  // namespace

Refusal checkRejoin(std::string_view currentSession, std::string_view currentUser, const JoinSession& command) {
  return currentSession == command.sessionId && currentUser == command.userId ? Refusal{} : kAlreadyInSession;
}

Refusal join(State& state, const JoinSession& command, const Terms& terms, Instant now, UserRef* user) {
  UserRef found = state.findUser(command.userId);
  if (found != 0 && isForeign(state, found, terms.secret)) return kForeignUser;
  if (found == 0) {
    if (terms.maxUsers != 0 && state.userCount() >= terms.maxUsers && !giveWay(state, now)) return kSessionFull;
    found = state.addUser(command.userId, command.username, command.avatar, Presence::kConnected, now);
    state.emit({now.wall, UserJoined{command.userId, command.username, command.avatar}}, Urgency::kDroppable);
  } else {
    if (state.user(found).connections >= kMaxConnectionsPerUser) return kTooManyConnections;
    state.renameUser(found, command.username, command.avatar);
    arrive(state, found, now);
  }
  forgetStall(state, found);  // whoever joins begins anew
  if (terms.secret && !state.user(found).secret) state.bindUser(found, *terms.secret);
  ensureLeader(state, found, now);
  noteActivity(state, found, now);
  *user = found;
  return {};
}

Refusal comeBack(State& state, UserRef user, Instant now) {
  if (state.user(user).connections >= kMaxConnectionsPerUser) return kTooManyConnections;
  arrive(state, user, now);
  ensureLeader(state, user, now);
  noteActivity(state, user, now);
  return {};
}

Refusal refresh(State& state, UserRef user, const JoinSession& command, const std::optional<SecretHash>& given,
                Instant now) {
  if (isForeign(state, user, given)) return kForeignUser;
  state.renameUser(user, command.username, command.avatar);
  noteActivity(state, user, now);
  return {};
}

void leave(State& state, UserRef user, Instant now) {
  const bool wasLeader = isLeader(state, user);
  if (state.user(user).presence != Presence::kAway) tellLeft(state, user, now, Urgency::kDroppable);
  state.removeUser(user, now);
  if (wasLeader) elect(state, now, Urgency::kDroppable);
  state.touch(now);
}

Refusal checkSender(const State& state, UserRef user, const CommandFacts& facts) {
  return facts.sender == Sender::kLeader && !isLeader(state, user) ? kNotLeader : Refusal{};
}

Refusal carryOut(State& state, UserRef user, const SyncPlayback& command, Instant now) {
  Media media = state.media();
  PlaybackClock clock = state.clock();
  if (command.mediaUrl && command.mediaUrl != media.mediaUrl) {
    media.mediaTitle.reset();  // title and length belonged to the film before
    clock.duration = 0;
  }
  if (command.mediaUrl) media.mediaUrl = command.mediaUrl;
  if (command.mediaId) media.mediaId = ownId(command.mediaId, media.mediaUrl);
  if (command.mediaUrl || command.mediaId) state.setMedia(media);
  clock.position = command.position;
  clock.rate = command.playbackRate;
  clock.isPlaying = command.isPlaying;
  clock.setAt = beginningOf(command, now);
  state.setClock(clock);
  noteActivity(state, user, now);
  state.emit({now.wall, PlaybackSync{playbackAt(state, now), state.leaderId()}}, Urgency::kDroppable);
  return {};
}

Refusal carryOut(State& state, UserRef user, const LoadMedia& command, Instant now) {
  noteActivity(state, user, now);
  loadMediaForAll(state, command, now);
  return {};
}

void appoint(State& state, UserRef user, Instant now) {
  if (!isLeader(state, user)) makeLeader(state, user, now, Urgency::kDroppable);
  state.touch(now);
}

void tell(State& state, const CustomEvent& event, Instant now) {
  state.emit({now.wall, event}, Urgency::kDroppable);
  state.touch(now);
}

void loadMediaForAll(State& state, const LoadMedia& command, Instant now) {
  const auto id = ownId(command.mediaId, command.mediaUrl);
  state.setMedia({command.mediaUrl, id, command.mediaTitle});
  PlaybackClock clock;
  clock.duration = command.mediaDuration.value_or(0);
  clock.setAt = now;
  state.setClock(clock);
  state.touch(now);
  state.emit({now.wall, MediaLoaded{command.mediaUrl, id, command.mediaTitle, clock.knownDuration(), state.leaderId()}},
             Urgency::kDroppable);
}

Refusal carryOut(State& state, UserRef user, const ReportBuffering& command, Instant now) {
  const UserFacts facts = state.user(user);
  noteActivity(state, user, now);
  if (facts.stall == command.stall) return {};
  state.setStall(user, command.stall);
  state.emit({now.wall, UserBuffering{facts.id, facts.username, command.stall}}, Urgency::kMinor);
  return {};
}

Refusal carryOut(State& state, UserRef user, const RequestLeadership&, Instant now) {
  const UserRef leader = state.findUser(state.leaderId());
  if (leader != 0 && state.user(leader).presence == Presence::kConnected) return kLeaderActive;
  noteActivity(state, user, now);
  makeLeader(state, user, now, Urgency::kDroppable);
  return {};
}

void noteActivity(State& state, UserRef user, Instant now) {
  state.seen(user, now);
  state.touch(now);
}

void connectionsLost(State& state, UserRef user, Instant now) {
  state.setPresence(user, Presence::kGrace, now);
}

void graceExpired(State& state, UserRef user, Instant now) {
  const bool wasLeader = isLeader(state, user);
  forgetStall(state, user);
  state.setPresence(user, Presence::kAway, now);
  tellLeft(state, user, now, Urgency::kCertain);
  if (wasLeader) elect(state, now, Urgency::kCertain);
}

void awayExpired(State& state, UserRef user, Instant now) {
  if (isLeader(state, user)) {
    state.setPresence(user, Presence::kAway, now);
  } else {
    state.removeUser(user, now);
  }
}

PlaybackView playbackAt(const State& state, Instant now) {
  return viewOf(state.clock(), state.media(), now);
}

}  // namespace mediasync::session
