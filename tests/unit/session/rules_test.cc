// The rules of a session, on a state made of std containers: every transition, as
// tables.
#include "core/session/rules.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "tests/unit/session/fake_state.h"

using namespace mediasync;
using namespace mediasync::session;

namespace {

constexpr Instant kNow{1'640'995'200'123, 5'000};
const std::string kAt = " @1640995200123";

using Lines = std::vector<std::string>;

JoinSession joinOf(std::string_view user, std::string_view name, std::optional<std::string_view> avatar = {}) {
  return {"room", user, name, avatar};
}

// A connection comes in, as the caller of the rules does it.
Refusal come(FakeState& state, const JoinSession& command, std::uint32_t maxUsers = 0, Instant now = kNow) {
  UserRef user = 0;
  const Refusal refusal = join(state, command, {maxUsers, {}}, now, &user);
  if (!refusal) ++state.at(user).connections;
  return refusal;
}

// Whether news wait for readers is beside the point of most tests.
Lines withoutUrgency(Lines lines) {
  for (std::string& line : lines) {
    if (line.back() == '!') line.pop_back();
  }
  return lines;
}

std::vector<std::string> usersOf(const FakeState& state) {
  std::vector<std::string> ids;
  for (const auto& [ref, user] : state.content.users)
    ids.push_back(user.id);
  return ids;
}

}  // namespace

TEST_CASE("the first to join a session leads it, and nobody is told of a change of leadership", "[session]") {
  FakeState state;
  REQUIRE_FALSE(come(state, joinOf("ann", "Ann", "pic")));
  CHECK(state.content.leader == "ann");
  CHECK(state.takeTold() == Lines{"user_joined ann Ann pic" + kAt});
  const FakeUser& ann = state.at(state.findUser("ann"));
  CHECK(ann.presence == Presence::kConnected);
  CHECK(ann.lastSeen == kNow.wall);
  CHECK(state.content.lastActivity == kNow.wall);
}

TEST_CASE("what a join does to a known user depends on where the user stands", "[session]") {
  struct Row {
    const char* what;
    Presence before;
    std::uint32_t connections;
    bool isTold;
  };
  const Row row = GENERATE(Row{"a second tab", Presence::kConnected, 1, false},
                           Row{"back within the grace", Presence::kGrace, 0, false},
                           Row{"back after being given up", Presence::kAway, 0, true});
  CAPTURE(row.what);
  FakeState state;
  state.add("ann", Presence::kConnected, 1);
  const UserRef bob = state.add("bob", row.before, row.connections);
  state.content.leader = "ann";
  REQUIRE_FALSE(come(state, joinOf("bob", "Bobby", "new")));
  CHECK(state.takeTold() == (row.isTold ? Lines{"user_joined bob Bobby new" + kAt} : Lines{}));
  CHECK(state.at(bob).presence == Presence::kConnected);
  CHECK(state.at(bob).username == "Bobby");
  CHECK(state.at(bob).avatar == "new");
  CHECK(state.at(bob).connections == row.connections + 1);
  CHECK(state.content.leader == "ann");
  CHECK(usersOf(state) == Lines{"ann", "bob"});  // never listed twice, never moved
}

TEST_CASE("a former leader who returns is a follower", "[session]") {
  FakeState state;
  const UserRef ann = state.add("ann", Presence::kConnected, 1);
  state.add("bob", Presence::kConnected, 1);
  state.content.leader = "ann";
  connectionsLost(state, ann, kNow);
  graceExpired(state, ann, kNow);
  REQUIRE(state.content.leader == "bob");
  REQUIRE_FALSE(come(state, joinOf("ann", "Ann")));
  CHECK(state.content.leader == "bob");
}

TEST_CASE("an avatar that a later join leaves out is gone", "[session]") {
  FakeState state;
  REQUIRE_FALSE(come(state, joinOf("ann", "Ann", "pic")));
  REQUIRE_FALSE(come(state, joinOf("ann", "Ann")));
  CHECK(state.at(state.findUser("ann")).avatar == std::nullopt);
  CHECK(state.takeTold().size() == 1);
}

TEST_CASE("a connection may only join again where it is, as who it is", "[session]") {
  CHECK_FALSE(checkRejoin("room", "ann", joinOf("ann", "Other Name")));
  CHECK(checkRejoin("room", "ann", joinOf("bob", "Bob")) == kAlreadyInSession);
  CHECK(checkRejoin("hall", "ann", joinOf("ann", "Ann")) == kAlreadyInSession);
  CHECK(kAlreadyInSession.message == "Already in a session. Leave current session first.");
}

TEST_CASE("refresh changes name and avatar, tells nobody and counts as activity", "[session]") {
  FakeState state;
  const UserRef ann = state.add("ann", Presence::kConnected, 1);
  state.content.leader = "ann";
  CHECK_FALSE(refresh(state, ann, joinOf("ann", "New", "pic"), {}, kNow));
  CHECK(state.at(ann).username == "New");
  CHECK(state.at(ann).avatar == "pic");
  CHECK(state.at(ann).lastSeen == kNow.wall);
  CHECK(state.content.lastActivity == kNow.wall);
  CHECK(state.takeTold().empty());
}

TEST_CASE("the first secret that is shown binds the user, another is refused and changes nothing", "[session]") {
  const SecretHash own{1}, other{2};
  FakeState state;
  const auto show = [&state](const std::optional<SecretHash>& secret, std::string_view name) {
    UserRef user = 0;
    return join(state, joinOf("ann", name), {0, secret}, kNow, &user);
  };
  const bool isListed = GENERATE(false, true);  // by REST, or since she came where none was asked for
  if (isListed) state.add("ann", GENERATE(Presence::kConnected, Presence::kGrace, Presence::kAway), 0);
  CHECK_FALSE(show(own, "Ann"));
  const UserRef ann = state.findUser("ann");
  CHECK(state.at(ann).secret == own);
  state.at(ann).presence = GENERATE(Presence::kConnected, Presence::kGrace, Presence::kAway);
  const FakeContent before = state.content;
  CHECK(show(other, "Thief") == kForeignUser);
  CHECK(state.content == before);
  CHECK_FALSE(show(own, "Annie"));
  CHECK(state.at(ann).username == "Annie");
  CHECK_FALSE(show({}, "Anna"));  // where none is asked for
  CHECK(state.at(ann).secret == own);
  state.removeUser(ann, kNow);
  CHECK_FALSE(show(other, "Another"));
  CHECK(state.at(state.findUser("ann")).secret == other);
}

TEST_CASE("who holds the seat need not show the secret again, but gives no wrong one", "[session]") {
  const SecretHash own{1}, other{2};
  FakeState state;
  const UserRef ann = state.add("ann", Presence::kConnected, 1);
  state.at(ann).secret = own;
  CHECK_FALSE(refresh(state, ann, joinOf("ann", "New"), {}, kNow));
  CHECK_FALSE(refresh(state, ann, joinOf("ann", "Newer"), own, kNow));
  const FakeContent before = state.content;
  CHECK(refresh(state, ann, joinOf("ann", "Thief"), other, kNow) == kForeignUser);
  CHECK(state.content == before);
}

TEST_CASE("a session in which everyone is there refuses a stranger", "[session]") {
  FakeState state;
  state.add("ann", Presence::kConnected, 1);
  state.add("bob", Presence::kConnected, 1);
  state.content.leader = "ann";
  const FakeContent before = state.content;
  CHECK(come(state, joinOf("cat", "Cat"), 2) == kSessionFull);
  CHECK(state.content == before);
  CHECK_FALSE(come(state, joinOf("bob", "Bob"), 2));
  CHECK_FALSE(come(state, joinOf("cat", "Cat"), 3));
  CHECK_FALSE(come(state, joinOf("dan", "Dan"), 0));
}

TEST_CASE("in a full session who is not there gives way to who comes: first who was given up, last the leader",
          "[session]") {
  FakeState state;
  state.add("ann", Presence::kGrace, 0);
  state.add("bob", Presence::kGrace, 0);
  state.add("cat", Presence::kConnected, 1);
  state.add("dan", Presence::kAway, 0);
  state.content.leader = "ann";
  REQUIRE_FALSE(come(state, joinOf("eve", "Eve"), 4));
  CHECK(state.takeTold() == Lines{"user_joined eve Eve null" + kAt});  // that dan had left was told long ago
  CHECK(usersOf(state) == Lines{"ann", "bob", "cat", "eve"});
  REQUIRE_FALSE(come(state, joinOf("fay", "Fay"), 4));
  CHECK(state.takeTold() == Lines{"user_left bob name of bob" + kAt, "user_joined fay Fay null" + kAt});
  REQUIRE_FALSE(come(state, joinOf("gus", "Gus"), 4));
  CHECK(usersOf(state) == Lines{"cat", "eve", "fay", "gus"});
  CHECK(state.takeTold() == Lines{"user_left ann name of ann" + kAt, "user_joined gus Gus null" + kAt,
                                  "leadership_changed cat name of cat" + kAt});
  CHECK(come(state, joinOf("hal", "Hal"), 4) == kSessionFull);
}

TEST_CASE("a user may hold only so many connections, and a refused one changes nothing", "[session]") {
  FakeState state;
  const UserRef ann = state.add("ann", Presence::kConnected, kMaxConnectionsPerUser - 1);
  state.content.leader = "ann";
  CHECK_FALSE(come(state, joinOf("ann", "Ann")));
  const FakeContent before = state.content;
  CHECK(come(state, joinOf("ann", "Other")) == kTooManyConnections);
  CHECK(state.content == before);
  CHECK(state.at(ann).connections == kMaxConnectionsPerUser);
}

TEST_CASE("leaving removes a user at once, whatever its connections, and moves leadership at once", "[session]") {
  struct Row {
    const char* what;
    const char* leaver;
    std::uint32_t connections;
    Presence bob;
    const char* leader;
    Lines told;
  };
  const Row row =
      GENERATE(Row{"a follower", "bob", 1, Presence::kConnected, "ann", {"user_left bob name of bob" + kAt}},
               Row{"the leader, with three tabs",
                   "ann",
                   3,
                   Presence::kConnected,
                   "bob",
                   {"user_left ann name of ann" + kAt, "leadership_changed bob name of bob" + kAt}},
               Row{"the leader, the earliest other one is in its grace",
                   "ann",
                   1,
                   Presence::kGrace,
                   "cat",
                   {"user_left ann name of ann" + kAt, "leadership_changed cat name of cat" + kAt}},
               Row{"the leader, the earliest other one is away",
                   "ann",
                   1,
                   Presence::kAway,
                   "cat",
                   {"user_left ann name of ann" + kAt, "leadership_changed cat name of cat" + kAt}});
  CAPTURE(row.what);
  FakeState state;
  state.add("ann", Presence::kConnected, 1);
  state.add("bob", row.bob, row.bob == Presence::kConnected ? 1 : 0);
  state.add("cat", Presence::kConnected, 1);
  state.content.leader = "ann";
  state.at(state.findUser(row.leaver)).connections = row.connections;
  leave(state, state.findUser(row.leaver), kNow);
  CHECK(state.findUser(row.leaver) == 0);
  CHECK(state.content.leader == row.leader);
  CHECK(withoutUrgency(state.takeTold()) == row.told);
  CHECK(state.content.lastActivity == kNow.wall);
}

TEST_CASE("with nobody connected the leader stays; the next to join is elected when it left for good", "[session]") {
  FakeState state;
  const UserRef ann = state.add("ann", Presence::kConnected, 1);
  state.content.leader = "ann";
  SECTION("it was lost") {
    connectionsLost(state, ann, kNow);
    graceExpired(state, ann, kNow);
    CHECK(state.content.leader == "ann");
    CHECK(state.takeTold() == Lines{"user_left ann name of ann" + kAt + "!"});
  }
  SECTION("it left") {
    leave(state, ann, kNow);
    CHECK(state.content.leader == "ann");
    state.takeTold();
    REQUIRE_FALSE(come(state, joinOf("bob", "Bob")));
    CHECK(state.content.leader == "bob");
    CHECK(withoutUrgency(state.takeTold()) ==
          Lines{"user_joined bob Bob null" + kAt, "leadership_changed bob Bob" + kAt});
  }
}

TEST_CASE("a lost user goes from connected over grace and away to gone", "[session]") {
  FakeState state;
  state.add("ann", Presence::kConnected, 1);
  const UserRef bob = state.add("bob", Presence::kConnected, 1);
  state.content.leader = "ann";

  connectionsLost(state, bob, kNow);
  CHECK(state.at(bob).presence == Presence::kGrace);
  CHECK(state.at(bob).presenceSince == kNow.mono);
  CHECK(state.takeTold().empty());

  const Instant later = kNow.after(5'000);
  graceExpired(state, bob, later);
  CHECK(state.at(bob).presence == Presence::kAway);
  CHECK(state.at(bob).presenceSince == later.mono);
  CHECK(state.takeTold() == Lines{"user_left bob name of bob @1640995205123!"});
  CHECK(usersOf(state) == Lines{"ann", "bob"});

  awayExpired(state, bob, later.after(600'000));
  CHECK(usersOf(state) == Lines{"ann"});
  CHECK(state.takeTold().empty());  // the others saw it go long ago
}

TEST_CASE("a leader who stays away stays listed, and its time begins anew", "[session]") {
  FakeState state;
  const UserRef ann = state.add("ann", Presence::kAway, 0);
  state.content.leader = "ann";
  awayExpired(state, ann, kNow);
  CHECK(usersOf(state) == Lines{"ann"});
  CHECK(state.at(ann).presence == Presence::kAway);
  CHECK(state.at(ann).presenceSince == kNow.mono);
  CHECK(state.takeTold().empty());
}

TEST_CASE("a user who leaves while given up is not told a second time", "[session]") {
  FakeState state;
  state.add("ann", Presence::kConnected, 1);
  const UserRef bob = state.add("bob", Presence::kAway, 0);
  state.content.leader = "ann";
  leave(state, bob, kNow);
  CHECK(state.takeTold().empty());
}

TEST_CASE("the next leader is the connected user who joined earliest", "[session]") {
  struct Row {
    Presence bob, cat, dan;
    const char* next;
  };
  constexpr Presence kC = Presence::kConnected, kG = Presence::kGrace, kA = Presence::kAway;
  const Row row = GENERATE_COPY(Row{kC, kC, kC, "bob"}, Row{kG, kC, kC, "cat"}, Row{kA, kC, kC, "cat"},
                                Row{kA, kG, kC, "dan"}, Row{kC, kA, kG, "bob"}, Row{kG, kA, kG, "ann"});
  FakeState state;
  const UserRef ann = state.add("ann", Presence::kGrace, 0);
  state.add("bob", row.bob, 1);
  state.add("cat", row.cat, 1);
  state.add("dan", row.dan, 1);
  state.content.leader = "ann";
  graceExpired(state, ann, kNow);
  CHECK(state.content.leader == row.next);
}

TEST_CASE("request_leadership succeeds exactly when the leader has no connection", "[session]") {
  struct Row {
    const char* what;
    std::optional<Presence> leader;  // nullopt: gone for good
    bool succeeds;
  };
  const Row row = GENERATE(Row{"active", Presence::kConnected, false}, Row{"inside its grace", Presence::kGrace, true},
                           Row{"away", Presence::kAway, true}, Row{"gone", std::nullopt, true});
  CAPTURE(row.what);
  FakeState state;
  if (row.leader) state.add("ann", *row.leader, *row.leader == Presence::kConnected ? 1 : 0);
  const UserRef bob = state.add("bob", Presence::kConnected, 1);
  state.content.leader = "ann";
  const FakeContent before = state.content;
  const Refusal refusal = apply(state, bob, RequestLeadership{}, kNow);
  if (row.succeeds) {
    CHECK_FALSE(refusal);
    CHECK(state.content.leader == "bob");
    CHECK(state.takeTold() == Lines{"leadership_changed bob name of bob" + kAt});
    CHECK(state.at(bob).lastSeen == kNow.wall);
  } else {
    CHECK(refusal == kLeaderActive);
    CHECK(refusal.message == "Current leader is still active");
    CHECK(state.content == before);
  }
}

TEST_CASE("an active leader who asks for leadership is told that the leader is active", "[session]") {
  FakeState state;
  const UserRef ann = state.add("ann", Presence::kConnected, 1);
  state.content.leader = "ann";
  CHECK(apply(state, ann, RequestLeadership{}, kNow) == kLeaderActive);
}

TEST_CASE("sync_playback keeps absent texts, resets what belonged to the old film, and takes values exactly",
          "[session]") {
  struct Row {
    const char* what;
    std::optional<std::string_view> url, id;
    std::optional<std::string> wantUrl, wantId, wantTitle;
    double wantDuration;
  };
  const Row row = GENERATE(Row{"nothing given", std::nullopt, std::nullopt, "u1", "i1", "Title", 90.0},
                           Row{"the same url", "u1", std::nullopt, "u1", "i1", "Title", 90.0},
                           Row{"another url", "u2", std::nullopt, "u2", "i1", std::nullopt, 0.0},
                           Row{"another url and id", "u2", "i2", "u2", "i2", std::nullopt, 0.0},
                           Row{"another id only", std::nullopt, "i2", "u1", "i2", "Title", 90.0},
                           Row{"the url as id", "u2", "u2", "u2", std::nullopt, std::nullopt, 0.0},
                           Row{"the present url as id", std::nullopt, "u1", "u1", std::nullopt, "Title", 90.0},
                           Row{"an empty id is an id", std::nullopt, "", "u1", "", "Title", 90.0});
  CAPTURE(row.what);
  FakeState state;
  const UserRef ann = state.add("ann", Presence::kConnected, 1);
  state.content.leader = "ann";
  REQUIRE_FALSE(apply<LoadMedia>(state, ann, {"u1", "i1", "Title", 90.0}, kNow));
  state.takeTold();
  const double position = 0.1 + 0.2;
  REQUIRE_FALSE(apply<SyncPlayback>(state, ann, {position, true, row.url, row.id, 1.1}, kNow.after(10)));
  const FakePlayback& p = state.content.playback;
  CHECK(p.mediaUrl == row.wantUrl);
  CHECK(p.mediaId == row.wantId);
  CHECK(p.mediaTitle == row.wantTitle);
  CHECK(p.duration == row.wantDuration);
  CHECK(p.position == position);
  CHECK(p.rate == 1.1);
  CHECK(p.isPlaying);
  REQUIRE(state.syncs.size() == 1);
  CHECK(state.syncs[0].first.position == position);  // bit for bit
  CHECK(state.syncs[0].first.playbackRate == 1.1);
  CHECK(state.syncs[0].first.lastUpdateTime == kNow.wall + 10);
  CHECK(state.syncs[0].second == "ann");
  CHECK(state.takeTold().size() == 1);
}

TEST_CASE("extreme values of sync_playback come back exactly", "[session]") {
  const double position = GENERATE(0.0, 4.9e-324, 123.45, 1e-7, 9007199254740993.0, 1.7976931348623157e308);
  FakeState state;
  const UserRef ann = state.add("ann", Presence::kConnected, 1);
  state.content.leader = "ann";
  REQUIRE_FALSE(apply<SyncPlayback>(state, ann, {position, true, {}, {}, kMaxPlaybackRate}, kNow));
  CHECK(state.syncs.at(0).first.position == position);
  CHECK(playbackAt(state, kNow).position == position);
}

TEST_CASE("load_media begins at zero, paused, at normal speed, and replaces all that was known", "[session]") {
  FakeState state;
  const UserRef ann = state.add("ann", Presence::kConnected, 1);
  state.content.leader = "ann";
  REQUIRE_FALSE(apply<SyncPlayback>(state, ann, {50, true, "u0", "i0", 2.0}, kNow));
  state.takeTold();
  REQUIRE_FALSE(apply<LoadMedia>(state, ann, {"u1", std::nullopt, "T", 60.0}, kNow.after(1000)));
  CHECK(state.takeTold() == Lines{"media_loaded u1 null T 60.000000 ann @1640995201123"});
  const PlaybackView view = playbackAt(state, kNow.after(9000));
  CHECK(view.mediaUrl == "u1");
  CHECK(view.mediaId == std::nullopt);
  CHECK(view.mediaTitle == "T");
  CHECK(view.mediaDuration == 60.0);
  CHECK(view.position == 0);
  CHECK_FALSE(view.isPlaying);
  CHECK(view.playbackRate == 1.0);
  CHECK(view.lastUpdateTime == kNow.wall + 9000);
  SECTION("a second one without title and duration forgets them") {
    REQUIRE_FALSE(apply<LoadMedia>(state, ann, {"u2", {}, {}, {}}, kNow));
    CHECK(playbackAt(state, kNow).mediaTitle == std::nullopt);
    CHECK(playbackAt(state, kNow).mediaDuration == std::nullopt);
  }
}

TEST_CASE("a medium without id and length has none of its own, whatever is given in their place", "[session]") {
  FakeState state;
  const UserRef ann = state.add("ann", Presence::kConnected, 1);
  state.content.leader = "ann";
  REQUIRE_FALSE(apply<LoadMedia>(state, ann, {"u1", "u1", {}, 0.0}, kNow));
  CHECK(state.takeTold() == Lines{"media_loaded u1 null null null ann @1640995200123"});
  CHECK(playbackAt(state, kNow).mediaId == std::nullopt);
  CHECK(playbackAt(state, kNow).mediaDuration == std::nullopt);
  REQUIRE_FALSE(apply<SyncPlayback>(state, ann, {50, true, {}, {}, 1.0}, kNow));
  CHECK(playbackAt(state, kNow.after(1000)).position == 51);  // a length of 0 does not hold it
}

TEST_CASE("a follower controls nothing, and its attempts change nothing", "[session]") {
  FakeState state;
  state.add("ann", Presence::kAway, 0);  // not even while the leader is away
  const UserRef bob = state.add("bob", Presence::kConnected, 1);
  state.content.leader = "ann";
  const FakeContent before = state.content;
  CHECK(apply<SyncPlayback>(state, bob, {1, true, "u", "i", 1.0}, kNow) == kNotLeader);
  CHECK(state.content == before);
  CHECK(apply<LoadMedia>(state, bob, {"u", {}, {}, {}}, kNow) == kNotLeader);
  CHECK(state.content == before);
}

TEST_CASE("noteActivity moves the times of user and session and nothing else", "[session]") {
  FakeState state;
  const UserRef ann = state.add("ann", Presence::kConnected, 1);
  state.content.leader = "ann";
  FakeContent want = state.content;
  noteActivity(state, ann, kNow);
  want.users.at(ann).lastSeen = kNow.wall;
  want.lastActivity = kNow.wall;
  CHECK(state.content == want);
}

TEST_CASE("time that has run out does not wait for readers; commands do", "[session]") {
  FakeState state;
  const UserRef ann = state.add("ann", Presence::kConnected, 1);
  state.add("bob", Presence::kConnected, 1);
  state.content.leader = "ann";
  state.busy = true;
  CHECK_THROWS(apply<SyncPlayback>(state, ann, {1, true, {}, {}, 1.0}, kNow));
  CHECK_THROWS(apply<LoadMedia>(state, ann, {"u", {}, {}, {}}, kNow));
  CHECK_THROWS(come(state, joinOf("cat", "Cat")));
  CHECK_NOTHROW(connectionsLost(state, ann, kNow));
  CHECK_NOTHROW(graceExpired(state, ann, kNow));
  CHECK(state.content.leader == "bob");
}

TEST_CASE("the playback clock advances by the rate while it plays and is clamped to the duration", "[session]") {
  struct Row {
    const char* what;
    double position, rate, duration;
    bool isPlaying;
    std::int64_t elapsed;
    double want;
  };
  const Row row = GENERATE(
      Row{"paused", 10, 1, 0, false, 60'000, 10.0}, Row{"playing", 10, 1, 0, true, 2'500, 12.5},
      Row{"no time passed", 0.3, 1, 0, true, 0, 0.3}, Row{"double speed", 10, 2, 0, true, 1'000, 12.0},
      Row{"slowest", 0, kMinPlaybackRate, 0, true, 16'000, 1.0},
      Row{"fastest", 0, kMaxPlaybackRate, 0, true, 1'000, 16.0},
      Row{"up to the duration", 59, 1, 60, true, 5'000, 60.0}, Row{"just before it", 59, 1, 60, true, 999, 59.999},
      Row{"beyond it, playing", 75, 1, 60, true, 5'000, 60.0}, Row{"beyond it, paused", 75, 1, 60, false, 5'000, 60.0},
      Row{"set beyond it just now", 75, 1, 60, true, 0, 60.0},
      Row{"a duration of zero is none", 0, 1, 0, true, 5'000, 5.0},
      Row{"as of older state files", 0, 1, -1, true, 5'000, 5.0},
      Row{"the clock stood before", 10, 1, 0, true, -5'000, 10.0});
  CAPTURE(row.what);
  PlaybackClock clock;
  clock.position = row.position, clock.rate = row.rate, clock.duration = row.duration;
  clock.isPlaying = row.isPlaying;
  clock.setAt = kNow;
  // The wall clock may jump: durations come from the monotonic one.
  const Instant now{kNow.wall - 1'000'000, kNow.mono + row.elapsed};
  CHECK(clock.positionAt(now) == Approx(row.want).epsilon(1e-12));
  const bool isWithin = row.duration <= 0 || row.position <= row.duration;
  if (isWithin && (row.elapsed == 0 || !row.isPlaying)) CHECK(clock.positionAt(now) == row.position);  // bit for bit
}

TEST_CASE("a command may begin later: the film stands until then, and the state says when that is", "[session]") {
  FakeState state;
  const UserRef ann = state.add("ann", Presence::kConnected, 1);
  state.content.leader = "ann";
  REQUIRE_FALSE(apply<SyncPlayback>(state, ann, {100, true, {}, {}, 2.0, kNow.wall + 300}, kNow));
  REQUIRE(state.syncs.size() == 1);
  CHECK(state.syncs[0].first.position == 100);
  CHECK(state.syncs[0].first.isPlaying);
  CHECK(state.syncs[0].first.lastUpdateTime == kNow.wall + 300);
  const PlaybackView before = playbackAt(state, kNow.after(200));
  CHECK(before.position == 100);
  CHECK(before.lastUpdateTime == kNow.wall + 300);
  const PlaybackView then = playbackAt(state, kNow.after(300));
  CHECK(then.position == 100);
  CHECK(then.lastUpdateTime == kNow.wall + 300);
  const PlaybackView later = playbackAt(state, kNow.after(1'300));
  CHECK(later.position == 102);
  CHECK(later.lastUpdateTime == kNow.wall + 1'300);
}

TEST_CASE("a command that began before it came has gone on since", "[session]") {
  FakeState state;
  const UserRef ann = state.add("ann", Presence::kConnected, 1);
  state.content.leader = "ann";
  REQUIRE_FALSE(apply<SyncPlayback>(state, ann, {100, true, {}, {}, 1.5, kNow.wall - 200}, kNow));
  CHECK(state.syncs.at(0).first.position == Approx(100.3));
  CHECK(state.syncs.at(0).first.lastUpdateTime == kNow.wall);
}

TEST_CASE("a beginning out of reach, or of what does not play, counts as now", "[session]") {
  struct Row {
    const char* what;
    bool isPlaying;
    std::int64_t ahead;
  };
  const Row row =
      GENERATE(Row{"too far ahead", true, kMaxExecuteAhead + 1}, Row{"too long ago", true, -kMaxExecuteAhead - 1},
               Row{"the end of time", true, 1'000'000'000'000'000 - kNow.wall}, Row{"paused", false, 300},
               Row{"paused, in the past", false, -300});
  CAPTURE(row.what);
  FakeState state;
  const UserRef ann = state.add("ann", Presence::kConnected, 1);
  state.content.leader = "ann";
  REQUIRE_FALSE(apply<SyncPlayback>(state, ann, {100, row.isPlaying, {}, {}, 1.0, kNow.wall + row.ahead}, kNow));
  CHECK(state.syncs.at(0).first.position == 100);
  CHECK(state.syncs.at(0).first.lastUpdateTime == kNow.wall);
  CHECK(playbackAt(state, kNow.after(1'000)).position == (row.isPlaying ? 101 : 100));
}

TEST_CASE("everyone is told whose film has stalled and why, and nothing else changes", "[session]") {
  FakeState state;
  state.add("ann", Presence::kConnected, 1);
  const UserRef bob = state.add("bob", Presence::kConnected, 1);
  state.content.leader = "ann";
  FakeContent want = state.content;
  REQUIRE_FALSE(apply<ReportBuffering>(state, bob, {{true, Problem::kMissing}}, kNow));
  REQUIRE_FALSE(apply<ReportBuffering>(state, bob, {{false}}, kNow.after(5)));
  CHECK(state.takeTold() == Lines{"user_buffering bob name of bob yes 2 @" + std::to_string(kNow.wall),
                                  "user_buffering bob name of bob no 0 @" + std::to_string(kNow.wall + 5)});
  want.users.at(bob).lastSeen = kNow.wall + 5;
  want.users.at(bob).stall = Stall{};
  want.lastActivity = kNow.wall + 5;
  CHECK(state.content == want);
}

TEST_CASE("a report that changes nothing is told to nobody", "[session]") {
  FakeState state;
  const UserRef ann = state.add("ann", Presence::kConnected, 1);
  const UserRef bob = state.add("bob", Presence::kConnected, 1);
  const auto isTold = [&state](UserRef user, Stall stall) {
    REQUIRE_FALSE(apply<ReportBuffering>(state, user, {stall}, kNow));
    return state.takeTold().size() == 1;
  };
  CHECK(isTold(bob, {false}));  // nothing was known before
  CHECK_FALSE(isTold(bob, {false}));
  CHECK(isTold(bob, {true}));
  CHECK_FALSE(isTold(bob, {true}));
  CHECK(isTold(ann, {true}));  // each user has a state of its own
  CHECK(isTold(bob, {true, Problem::kNetwork}));
  CHECK_FALSE(isTold(bob, {true, Problem::kNetwork}));
  CHECK(isTold(bob, {true, Problem::kUnsupported}));
  CHECK(isTold(bob, {true}));
  CHECK(state.at(bob).lastSeen == kNow.wall);

  state.busy = true;  // what is not told waits for nobody
  CHECK_FALSE(apply<ReportBuffering>(state, bob, {{true}}, kNow));
}

TEST_CASE("what a user reported is forgotten when it joins anew or is given up, and kept when it comes back",
          "[session]") {
  FakeState state;
  const UserRef ann = state.add("ann", Presence::kConnected, 1);
  state.content.leader = "ann";
  const auto report = [&] {
    REQUIRE_FALSE(apply<ReportBuffering>(state, ann, {{true}}, kNow));
    return state.takeTold();
  };
  report();
  connectionsLost(state, ann, kNow);
  REQUIRE_FALSE(comeBack(state, ann, kNow));
  CHECK(report().empty());
  UserRef joined = 0;
  REQUIRE_FALSE(join(state, {"room", "ann", "Ann", {}}, {}, kNow, &joined));
  CHECK(report().size() == 1);
  connectionsLost(state, ann, kNow);
  graceExpired(state, ann, kNow);
  CHECK_FALSE(state.at(ann).stall);
  REQUIRE_FALSE(comeBack(state, ann, kNow));
  state.takeTold();
  CHECK(report().size() == 1);
}

TEST_CASE("a playback state is a fresh pair: position at the time it names", "[session]") {
  FakeState state;
  const UserRef ann = state.add("ann", Presence::kConnected, 1);
  state.content.leader = "ann";
  REQUIRE_FALSE(apply<SyncPlayback>(state, ann, {100, true, {}, {}, 1.5}, kNow));
  const PlaybackView view = playbackAt(state, kNow.after(2'000));
  CHECK(view.position == 103.0);
  CHECK(view.lastUpdateTime == kNow.wall + 2'000);
  CHECK(view.isPlaying);
}
