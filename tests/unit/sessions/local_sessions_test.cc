// The sessions of a zone through their interface: every outcome is a value.
#include "core/sessions/local_sessions.h"

#include <catch2/catch.hpp>

#include "core/context/context.h"
#include "core/sessions/admission.h"
#include "core/sessions/eviction.h"
#include "core/sessions/seats.h"
#include "tests/unit/worker/world.h"

using namespace mediasync;
using namespace mediasync::server;
using namespace mediasync::server::test;
using Kind = Outcome::Kind;
using session::Refusal;

namespace {

struct Stage {
  explicit Stage(store::ZoneSettings settings = {}, std::size_t size = 4 << 20)
      : world(0, settings, size), context(world.zone, 0, world.env, 0) {}

  store::ConnectionRef connect() {
    const store::RandomId sid = world.env.source.id();
    store::ConnectionTransaction txn(world.zone, sid);
    txn.create(sid, context.id, store::Transport::kWebSocket, now());
    txn.commit();
    return txn.ref();
  }
  Instant now() { return world.env.time; }
  Conditions on() { return {options, now()}; }

  Outcome join(Party& party, std::string_view user, std::string_view room = "room") {
    Outcome outcome = sessions.apply(party, session::JoinSession{room, user, user, std::nullopt}, on());
    if (outcome.place.seat) party.seat = outcome.place.seat;
    return outcome;
  }
  Party seated(std::string_view user, store::Origin origin = store::Origin::kOwner) {
    Party party{connect(), origin};
    REQUIRE(join(party, user).isDone());
    return party;
  }
  Outcome ask(const Party& party, const session::Command& command) { return sessions.apply(party, command, on()); }
  Outcome play(const Party& party) { return ask(party, session::SyncPlayback{1, true, "/a.mp4", std::nullopt}); }
  Outcome stall(const Party& party, bool isBuffering) {
    return ask(party, session::ReportBuffering{{isBuffering, session::Problem::kNone}});
  }

  World world;
  Context context;
  Admission admission{context};
  Eviction eviction{context};
  LocalSessions sessions{context, admission, eviction};
  Options options;
};

bool isRefused(const Outcome& outcome, const Refusal& why) {
  return outcome.kind == Kind::kRefused && outcome.refusal == why;
}

}  // namespace

TEST_CASE("a join tells the seat, where reading begins, and who leads", "[sessions]") {
  Stage stage;
  Party ann{stage.connect(), store::Origin::kOwner}, bob{stage.connect(), store::Origin::kOwner};
  const Outcome first = stage.join(ann, "ann");
  CHECK(first.isDone());
  CHECK(first.isLeader);
  CHECK(first.place.seat);
  CHECK(first.place.cursor == 2);  // after user_joined of ann
  CHECK(first.place.needsSnapshot);
  CHECK(first.stateBytes == 0);
  stage.options.rates.replies = {1000, 100'000};  // now they count
  const Outcome second = stage.join(bob, "bob");
  CHECK_FALSE(second.isLeader);
  CHECK(second.place.cursor == 3);
  CHECK(second.stateBytes > 0);
  SECTION("the same join again keeps the seat") {
    const Outcome again = stage.join(bob, "bob");
    CHECK(again.isDone());
    CHECK_FALSE(again.place.seat);
    CHECK(again.stateBytes == second.stateBytes);
  }
  SECTION("another one is refused") {
    CHECK(isRefused(stage.join(bob, "bob", "hall"), session::kAlreadyInSession));
  }
  REQUIRE_INVARIANTS(stage.world.zone);
}

TEST_CASE("what the rules and the location refuse is refused", "[sessions]") {
  Stage stage;
  const Party ann = stage.seated("ann"), bob = stage.seated("bob");
  CHECK(stage.play(ann).isDone());
  CHECK(isRefused(stage.play(bob), session::kNotLeader));
  CHECK(isRefused(stage.play({stage.connect(), store::Origin::kOwner}), session::kNotInSession));
  stage.options.creates = false;
  Party cid{stage.connect(), store::Origin::kOwner};
  CHECK(isRefused(stage.join(cid, "cid", "hall"), session::kSessionNotFound));
  stage.options.creates = true;
  stage.options.maxSessions = 1;
  CHECK(isRefused(stage.join(cid, "cid", "hall"), session::kTooManySessions));
  stage.options.maxUsers = 2;
  CHECK(isRefused(stage.join(cid, "cid"), session::kSessionFull));
}

TEST_CASE("a connection that is no more is answered nothing", "[sessions]") {
  Stage stage;
  Party gone{{1, 99, 0}, store::Origin::kPost};
  CHECK(stage.join(gone, "ann").kind == Kind::kGone);
  CHECK(stage.ask(gone, session::LeaveSession{}).kind == Kind::kGone);
  CHECK(stage.world.zone.sessionCount() == 0);
}

TEST_CASE("a user's events over the limit are too fast, and say by which rate", "[sessions]") {
  Stage stage;
  stage.options.rates.userEvents = {60, 1};
  const Party ann = stage.seated("ann");
  CHECK(stage.play(ann).isDone());
  const Outcome outcome = stage.play(ann);
  CHECK(outcome.kind == Kind::kTooFast);
  CHECK(outcome.rate == stage.options.rates.userEvents);
}

TEST_CASE("a report that nobody is told takes nothing from its limit", "[sessions]") {
  Stage stage;
  const Party ann = stage.seated("ann");
  CHECK(stage.stall(ann, true).isNews);
  CHECK_FALSE(stage.stall(ann, true).isNews);
  Conditions on = stage.on();
  on.mayReport = false;
  const auto report = [&](bool isBuffering) {
    return stage.sessions.apply(ann, session::ReportBuffering{{isBuffering, session::Problem::kNone}}, on);
  };
  CHECK(report(true).isDone());
  const Outcome refused = report(false);
  CHECK(isRefused(refused, session::kRateLimited));
}

TEST_CASE("commands wait for members that must read first, reports sooner than others", "[sessions]") {
  store::ZoneSettings settings;
  settings.logLimit = store::Zone::kMinLog;
  Stage stage(settings);
  const Party ann = stage.seated("ann");
  bool isOn = false;
  Outcome report = stage.stall(ann, isOn);
  for (int i = 0; i < 1000 && report.isDone(); ++i)
    report = stage.stall(ann, isOn = !isOn);
  CHECK(report.kind == Kind::kWait);
  CHECK(report.wait.session == ann.seat.sessionSerial);
  CHECK(report.wait.isMinor);
  CHECK(report.isNews);
  Outcome played = stage.play(ann);
  CHECK(played.isDone());
  for (int i = 0; i < 1000 && played.isDone(); ++i)
    played = stage.play(ann);
  CHECK(played.kind == Kind::kWait);
  CHECK(played.wait.session == ann.seat.sessionSerial);
  CHECK_FALSE(played.wait.isMinor);
  const Party bob{stage.connect(), store::Origin::kOwner};
  const std::string avatar(session::kMaxAvatarBytes, 'x');
  const Outcome joined = stage.ask(bob, session::JoinSession{"room", "bob", "Bob", avatar});
  CHECK(joined.kind == Kind::kWait);
  CHECK_FALSE(joined.place.seat);
  CHECK(joined.wait.session == ann.seat.sessionSerial);
  const auto tell = [&] { return stage.sessions.apply("room", session::CustomEvent{R"(["x"])"}, stage.now()); };
  for (int i = 0; i < 1000 && tell().isDone(); ++i)
    continue;  // until what is left takes no small event either
  const Outcome left = stage.ask(ann, session::LeaveSession{});
  CHECK(left.kind == Kind::kWait);
  CHECK_FALSE(left.hasLeft);
  CHECK(stage.sessions.apply("room", session::CustomEvent{R"(["poll"])"}, stage.now()).kind == Kind::kWait);
  REQUIRE_INVARIANTS(stage.world.zone);
}

TEST_CASE("a poll collects what it was sent before it leaves", "[sessions]") {
  Stage stage;
  const Party ann = stage.seated("ann", store::Origin::kPost);
  const Outcome waits = stage.ask(ann, session::LeaveSession{});
  CHECK(waits.kind == Kind::kWait);
  CHECK(waits.wait.session == 0);
  {
    store::ConnectionTransaction txn(stage.world.zone, ann.connection.shard);
    REQUIRE(txn.open(ann.connection));
    txn.endAwaitingSnapshot();
    txn.commit();
  }
  const Outcome left = stage.ask(ann, session::LeaveSession{});
  CHECK(left.isDone());
  CHECK(left.hasLeft);
  CHECK(isRefused(stage.ask(ann, session::LeaveSession{}), session::kNotInSession));
}

TEST_CASE("a seat that was none any more is left, and that is refused", "[sessions]") {
  Stage stage;
  const Party ann = stage.seated("ann");
  REQUIRE(stage.sessions.apply("room", RemoveUser{"ann"}, stage.now()).isDone());
  const Outcome left = stage.ask(ann, session::LeaveSession{});
  CHECK(isRefused(left, session::kNotInSession));
  CHECK(left.hasLeft);
}

TEST_CASE("a full zone refuses, and changes nothing", "[sessions]") {
  Stage stage({}, store::Zone::minimumSize(2) + (64 << 10));
  Outcome outcome;
  for (int i = 0; i < 1000 && outcome.isDone(); ++i) {
    Party party{stage.connect(), store::Origin::kOwner};
    outcome = stage.join(party, std::string(100, 'u') + std::to_string(i), "room " + std::to_string(i));
  }
  CHECK(isRefused(outcome, session::kZoneFull));
  REQUIRE_INVARIANTS(stage.world.zone);
}

TEST_CASE("a client comes back to its user, unless that or what it missed is gone", "[sessions]") {
  Stage stage;
  const Party ann = stage.seated("ann");
  store::LostSeat lost;
  {
    store::ConnectionTransaction txn(stage.world.zone, ann.connection.shard);
    REQUIRE(txn.open(ann.connection));
    lost = loseSeat(stage.sessions, txn, stage.now());
    txn.commit();
  }
  const Offset last{ann.seat.sessionSerial, 1};
  const auto comeBack = [&](std::optional<Offset> offset) {
    return stage.sessions.comeBack({stage.connect(), store::Origin::kOwner, lost, offset}, stage.now());
  };
  SECTION("it has missed nothing") {
    lost.joinedAt = 1;
    const Outcome back = comeBack(last);
    CHECK(back.isDone());
    CHECK(back.place.seat);
    CHECK(back.place.cursor == 2);
    CHECK_FALSE(back.place.needsSnapshot);
  }
  SECTION("it does not know the session yet") {
    const Outcome back = comeBack(std::nullopt);
    CHECK(back.isDone());
    CHECK(back.place.needsSnapshot);
    CHECK(back.place.cursor == back.place.head);
  }
  SECTION("its user is gone") {
    REQUIRE(stage.sessions.apply("room", RemoveUser{"ann"}, stage.now()).isDone());
    CHECK(comeBack(last).kind == Kind::kGone);
  }
}

TEST_CASE("operators make, change and end sessions", "[sessions]") {
  Stage stage;
  LocalSessions& sessions = stage.sessions;
  REQUIRE(sessions.create({"room", "ann", "Ann", "", ""}, stage.on()).isDone());
  store::Snapshot snapshot;
  REQUIRE(sessions.show("room", snapshot, stage.now()));
  CHECK(snapshot.view.leaderId == "ann");
  CHECK_FALSE(sessions.show("hall", snapshot, stage.now()));
  CHECK(sessions.list({}, 10).sessions.size() == 1);

  CHECK(isRefused(sessions.apply("hall", Appoint{"ann"}, stage.now()), session::kSessionNotFound));
  CHECK(isRefused(sessions.apply("room", Appoint{"bob"}, stage.now()), kUserNotFound));
  CHECK(isRefused(sessions.apply("room", RemoveUser{"bob"}, stage.now()), kUserNotFound));
  stage.seated("bob");
  CHECK(sessions.apply("room", Appoint{"bob"}, stage.now()).isDone());
  CHECK(sessions.apply("room", session::CustomEvent{R"(["poll"])"}, stage.now()).connections == 1);
  CHECK(sessions.apply("room", session::LoadMedia{"/a.mp4", {}, {}, {}}, stage.now()).isDone());
  CHECK(sessions.mediaFor("room", "bob") == "/a.mp4");
  CHECK(sessions.mediaFor("room", "ann") == std::nullopt);  // not there
  CHECK(sessions.mediaFor("hall", "bob") == std::nullopt);

  std::vector<store::ConnectionRef> connections;
  CHECK(sessions.listConnections("room", std::nullopt, connections).isDone());
  CHECK(connections.size() == 1);
  CHECK(isRefused(sessions.listConnections("room", "cid", connections), kUserNotFound));
  CHECK(isRefused(sessions.listConnections("hall", std::nullopt, connections), session::kSessionNotFound));

  std::string first;
  CHECK(sessions.end("room", first, stage.now()).isDone());
  CHECK(first == "ann");
  for (const char* user : {"ann", "bob"})
    CHECK(sessions.apply("room", RemoveUser{user}, stage.now()).isDone());
  CHECK(sessions.end("room", first, stage.now()).isDone());
  CHECK(first.empty());
  CHECK(isRefused(sessions.end("hall", first, stage.now()), session::kSessionNotFound));
  REQUIRE_INVARIANTS(stage.world.zone);
}

TEST_CASE("sessions that are made are counted", "[sessions]") {
  Stage stage;
  stage.options.rates.newSessions = {60, 1};
  REQUIRE(stage.sessions.create({"room", "ann", "Ann", "", ""}, stage.on()).isDone());
  CHECK(isRefused(stage.sessions.create({"hall", "ann", "Ann", "", ""}, stage.on()), session::kRateLimited));
  stage.options.rates.newSessions = {};
  stage.options.maxSessions = 1;
  stage.world.env.time = stage.now().after(stage.world.zone.settings().returnTime());
  const Outcome madePlace = stage.sessions.create({"hall", "ann", "Ann", "", ""}, stage.on());
  CHECK(madePlace.isDone());  // the first one was nobody's
  Party bob{stage.connect(), store::Origin::kOwner};
  REQUIRE(stage.join(bob, "bob", "hall").isDone());
  CHECK(isRefused(stage.sessions.create({"attic", "ann", "Ann", "", ""}, stage.on()), session::kTooManySessions));
}
