// Rules as proposals: what a rule changes directly, and what it changes in another copy of the session by way of the
// changes that were written down, is the same.
#include "core/session/proposal.h"

#include <catch2/catch.hpp>
#include <functional>

#include "tests/unit/session/fake_state.h"

using namespace mediasync;
using namespace mediasync::session;

namespace {

constexpr Instant kNow{1'640'995'200'123, 5'000};
constexpr SecretHash kSecret{1, 2, 3};

// ann leads, bob is connected, cid was lost a moment ago, dan was given up, eve shows a secret.
void fill(FakeState& state) {
  state.add("ann", Presence::kConnected, 1);
  state.add("bob", Presence::kConnected, 2);
  state.add("cid", Presence::kGrace, 0);
  state.add("dan", Presence::kAway, 0);
  state.bindUser(state.add("eve", Presence::kConnected, kMaxConnectionsPerUser), kSecret);
  state.setStall(state.findUser("bob"), Stall{true, Problem::kNetwork});
  state.content.leader = "ann";
  state.setMedia({"/a.mp4", "a", "The first film"});
  PlaybackClock clock;
  clock.position = 12;
  clock.duration = 90;
  clock.isPlaying = true;
  clock.setAt = {kNow.wall - 3'000, kNow.mono - 3'000};
  state.setClock(clock);
}

using Rule = std::function<Refusal(State&)>;

struct Row {
  const char* what;
  Rule rule;
  bool isRefused = false;
};

UserRef find(State& state, std::string_view id) {
  return state.findUser(id);
}

Rule joins(const JoinSession& command, const Terms& terms = {}) {
  return [=](State& state) {
    UserRef user = 0;
    return join(state, command, terms, kNow, &user);
  };
}

// A rule that refuses nothing.
template <class Act>
Rule always(Act act) {
  return [act](State& state) {
    act(state);
    return Refusal{};
  };
}

std::vector<Row> rules() {
  const SyncPlayback next{1.5, true, "/b.mp4", std::nullopt, 2.0, kNow.wall + 250};
  const LoadMedia film{"/c.mp4", "c", "The third film", 120.0};
  const ReportBuffering stalled{{true, Problem::kMissing}};
  const ReportBuffering asBefore{{true, Problem::kNetwork}};
  return {
      {"a new user joins", joins({"room", "fay", "Fay", "pic"}, {0, kSecret})},
      {"a user joins once more, under another name", joins({"room", "bob", "Bobby", std::nullopt})},
      {"a user who was lost joins", joins({"room", "cid", "Cid", std::nullopt})},
      {"a user who was given up joins, with a secret", joins({"room", "dan", "Dan", "pic"}, {0, kSecret})},
      {"somebody gives way to a new user", joins({"room", "fay", "Fay", std::nullopt}, {5, {}})},
      {"somebody else joins as a user", joins({"room", "eve", "Eve", std::nullopt}, {0, SecretHash{9}}), true},
      {"one connection too many", joins({"room", "eve", "Eve", std::nullopt}), true},
      {"a lost user comes back", [](State& s) { return comeBack(s, find(s, "cid"), kNow); }},
      {"a user who was given up comes back", [](State& s) { return comeBack(s, find(s, "dan"), kNow); }},
      {"nobody comes back by one connection too many", [](State& s) { return comeBack(s, find(s, "eve"), kNow); },
       true},
      {"a user takes another name",
       [](State& s) {
         return refresh(s, find(s, "bob"), {"room", "bob", "Bobby", "new"}, {}, kNow);
       }},
      {"a user is appointed", always([](State& s) { appoint(s, find(s, "bob"), kNow); })},
      {"the leader is appointed", always([](State& s) { appoint(s, find(s, "ann"), kNow); })},
      {"a script loads a film", always([=](State& s) { loadMediaForAll(s, film, kNow); })},
      {"a script tells an event", always([](State& s) { tell(s, {R"(["poll",1])"}, kNow); })},
      {"the leader leaves", always([](State& s) { leave(s, find(s, "ann"), kNow); })},
      {"a follower leaves", always([](State& s) { leave(s, find(s, "bob"), kNow); })},
      {"the leader plays another film, soon", [=](State& s) { return apply(s, find(s, "ann"), next, kNow); }},
      {"the leader pauses",
       [](State& s) {
         return apply(s, find(s, "ann"), SyncPlayback{3, false, {}, {}, 1.0}, kNow);
       }},
      {"a follower plays", [=](State& s) { return apply(s, find(s, "bob"), next, kNow); }, true},
      {"the leader loads a film", [=](State& s) { return apply(s, find(s, "ann"), film, kNow); }},
      {"a follower loads a film", [=](State& s) { return apply(s, find(s, "bob"), film, kNow); }, true},
      {"a film stalls", [=](State& s) { return apply(s, find(s, "bob"), stalled, kNow); }},
      {"a film stalls as before", [=](State& s) { return apply(s, find(s, "bob"), asBefore, kNow); }},
      {"a user wants to lead beside the leader", [](State& s) { return apply(s, find(s, "bob"), RequestLeadership{}, kNow); },
       true},
      {"a user is active", always([](State& s) { noteActivity(s, find(s, "bob"), kNow); })},
      {"a user loses the last connection", always([](State& s) { connectionsLost(s, find(s, "bob"), kNow); })},
      {"a user's grace ends", always([](State& s) { graceExpired(s, find(s, "cid"), kNow); })},
      {"the leader's grace ends", always([](State& s) { graceExpired(s, find(s, "ann"), kNow); })},
      {"a user has been away for long", always([](State& s) { awayExpired(s, find(s, "dan"), kNow); })},
      {"the leader has been away for long", always([](State& s) { awayExpired(s, find(s, "ann"), kNow); })},
      {"a user leads after the leader was lost",
       [](State& s) {
         connectionsLost(s, find(s, "ann"), kNow);
         return apply(s, find(s, "bob"), RequestLeadership{}, kNow);
       }},
  };
}

// The fields by which two copies of a session are compared: users in their order, without their references.
struct Content {
  explicit Content(const FakeState& state)
      : leader(state.content.leader),
        playback(state.content.playback),
        lastActivity(state.content.lastActivity),
        told(state.content.told) {
    for (const auto& [ref, user] : state.content.users)
      users.push_back(user);
  }
  std::vector<FakeUser> users;
  std::string leader;
  FakePlayback playback;
  std::int64_t lastActivity;
  std::vector<std::string> told;
  friend bool operator==(const Content&, const Content&) = default;
};

}  // namespace

TEST_CASE("what a rule proposes makes of another copy what the rule makes of its own", "[session][proposal]") {
  for (const Row& row : rules()) {
    INFO(row.what);
    FakeState plain, below, copy;
    fill(plain);
    fill(below);
    copy.removeUser(copy.add("somebody", Presence::kAway, 0), kNow);  // references differ from copy to copy
    fill(copy);
    const Content before(copy);

    const Refusal refusal = row.rule(plain);
    CHECK(static_cast<bool>(refusal) == row.isRefused);
    Proposal proposal(below);
    CHECK(row.rule(proposal) == refusal);
    CHECK(Content(below) == Content(plain));
    CHECK(proposal.changes().empty() == row.isRefused);
    CHECK(Content(copy) == before);

    below = FakeState();  // what is written down does not refer to it
    REQUIRE(applyChanges(proposal.changes(), copy));
    CHECK(Content(copy) == Content(plain));
  }
}

TEST_CASE("values of a playback state are proposed as they are told", "[session][proposal]") {
  FakeState plain, below, copy;
  for (FakeState* state : {&plain, &below, &copy})
    fill(*state);
  const SyncPlayback command{1.5, true, "/b.mp4", std::nullopt, 2.0, kNow.wall + 250};
  REQUIRE_FALSE(apply(plain, plain.findUser("ann"), command, kNow));
  Proposal proposal(below);
  REQUIRE_FALSE(apply(proposal, proposal.findUser("ann"), command, kNow));
  REQUIRE(applyChanges(proposal.changes(), copy));
  REQUIRE(copy.syncs.size() == 1);
  const PlaybackView& told = copy.syncs[0].first;
  const PlaybackView& expected = plain.syncs[0].first;
  CHECK(told.position == expected.position);
  CHECK(told.isPlaying == expected.isPlaying);
  CHECK(told.playbackRate == expected.playbackRate);
  CHECK(told.lastUpdateTime == expected.lastUpdateTime);
  CHECK(told.mediaDuration == expected.mediaDuration);
}

TEST_CASE("a rule that gives up leaves no whole proposal", "[session][proposal]") {
  FakeState below;
  fill(below);
  below.busy = true;
  Proposal proposal(below);
  CHECK_THROWS(tell(proposal, {R"(["poll"])"}, kNow));
  CHECK(proposal.changes().empty());
}

TEST_CASE("changes do not fit a copy that was not the same", "[session][proposal]") {
  struct Row {
    const char* what;
    Rule rule;
  };
  const Row row =
      GENERATE(Row{"a user whom the copy lacks leaves", always([](State& s) { leave(s, find(s, "bob"), kNow); })},
               Row{"a user whom the copy has joins", joins({"room", "fay", "Fay", std::nullopt})});
  INFO(row.what);
  FakeState below, copy;
  fill(below);
  fill(copy);
  copy.removeUser(copy.findUser("bob"), kNow);
  copy.add("fay", Presence::kConnected, 1);
  Proposal proposal(below);
  REQUIRE_FALSE(row.rule(proposal));
  CHECK_FALSE(applyChanges(proposal.changes(), copy));
}
