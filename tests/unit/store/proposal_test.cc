// A rule as a proposal, on sessions in shared memory: it is run, written down and rolled back; two zones to which that
// is applied are alike.
#include "core/session/proposal.h"

#include <catch2/catch.hpp>
#include <functional>

#include "core/api/rest_response.h"
#include "tests/unit/store/invariants.h"

using namespace mediasync;
using namespace mediasync::store;
using namespace mediasync::store::test;
using session::Refusal;
using session::State;

namespace {

constexpr WorkerId kW1{1, 1};
constexpr Instant kLater = {kNow.wall + 1'500, kNow.mono + 1'500};

using Rule = std::function<Refusal(State&)>;

// One of several zones with the same session; `others` are sessions that only this one has.
struct Copy {
  explicit Copy(int others = 0) {
    for (int i = 0; i < others; ++i)
      enter("other " + std::to_string(i), "zoe");
    enter("room", "ann");
    enter("room", "bob");
  }
  void enter(std::string_view room, std::string_view user) {
    Client client = connect(z.zone, z.random, kW1);
    REQUIRE_FALSE(join(z.zone, client, {room, user, user, std::nullopt}, kW1, z.wake));
  }
  std::string state() const {
    SessionTransaction session(z.zone, "room");
    REQUIRE(session.find("room"));
    Snapshot snapshot;
    session.copyTo(snapshot, kLater);
    std::string json;
    api::appendSession(json, snapshot.view, api::TimestampUnit::kMilliseconds);
    return json;
  }
  std::string log() const {
    SessionTransaction session(z.zone, "room");
    REQUIRE(session.find("room"));
    std::string events;
    session.readLog(1, 1 << 20, events);
    return events;
  }
  void apply(const std::vector<session::Change>& changes) {
    SessionTransaction session(z.zone, "room");
    REQUIRE(session.find("room"));
    REQUIRE(session::applyChanges(changes, session));
    session.commit(z.wake);
  }
  void run(const Rule& rule) {
    SessionTransaction session(z.zone, "room");
    REQUIRE(session.find("room"));
    REQUIRE_FALSE(rule(session));
    session.commit(z.wake);
  }

  TestZone z;
};

}  // namespace

TEST_CASE("what is proposed in one zone and applied to others is the same in each", "[store][proposal]") {
  const std::vector<Rule> rules = {
      [](State& s) {
        return session::apply(s, s.findUser("ann"), session::SyncPlayback{1.5, true, "/a.mp4", "a", 2.0, kLater.wall},
                              kNow);
      },
      [](State& s) {
        return session::apply(s, s.findUser("ann"), session::LoadMedia{"/b.mp4", std::nullopt, "B", 90.0}, kLater);
      },
      [](State& s) {
        return session::apply(s, s.findUser("bob"), session::ReportBuffering{{true, session::Problem::kNetwork}}, kNow);
      },
      [](State& s) {
        return session::refresh(s, s.findUser("bob"), {"room", "bob", "Bobby", "pic"}, {}, kLater);
      },
      [](State& s) {
        session::leave(s, s.findUser("ann"), kLater);
        return Refusal{};
      },
      [](State& s) {
        return session::apply(s, s.findUser("bob"), session::SyncPlayback{9, false, {}, {}, 1.0}, kLater);
      },
  };
  Copy proposer, other(3), plain;
  for (const Rule& rule : rules) {
    const std::string before = proposer.state();
    const Image image = meaningfulBytes(proposer.z.zone, proposer.z.memory.span());
    std::optional<session::Proposal> proposal;
    {
      SessionTransaction session(proposer.z.zone, "room");
      REQUIRE(session.find("room"));
      proposal.emplace(session);
      REQUIRE_FALSE(rule(*proposal));
    }  // rolled back
    const Image rolledBack = meaningfulBytes(proposer.z.zone, proposer.z.memory.span());
    CHECK(differenceOf(rolledBack, image) == "none");
    CHECK(proposer.state() == before);

    proposer.apply(proposal->changes());
    other.apply(proposal->changes());
    plain.run(rule);
    CHECK(proposer.state() == plain.state());
    CHECK(other.state() == plain.state());
    CHECK(proposer.log() == plain.log());
    CHECK(other.log() == plain.log());
  }
  for (const Copy* copy : {&proposer, &other, &plain})
    REQUIRE_INVARIANTS(copy->z.zone);
}
