// A worker is killed at every step of everything it does: nothing is half done, nobody waits for it, nothing is left of
// it. See fault_stage.h for what is looked at after each death.
#include <catch2/catch.hpp>

#include "tests/unit/worker/fault_stage.h"

using namespace mediasync;
using namespace mediasync::server;
using namespace mediasync::server::test;

namespace {

using Bob = Stage::Bob;

// Deaths in one scenario, unless MEDIASYNC_FAULTS=all.
constexpr std::uint64_t kMost = 32;

const auto nothing = [](Stage&) {};

std::string longText(std::size_t size) {
  return std::string(size, 'x');
}

void load(Client& client, int i) {
  client.event("load_media", {{"mediaUrl", longText(500) + std::to_string(i)}, {"mediaId", "m"}, {"mediaTitle", "t"}});
}

void run(const std::vector<Scenario>& scenarios) {
  const std::uint64_t before = store::test::deaths;
  for (const Scenario& scenario : scenarios) {
    INFO(scenario.name);
    requireWholeAfterEachDeath(scenario, kMost);
  }
  WARN(store::test::deaths - before << " deaths");
}

// A connection that is gone, but still in the mailbox of the worker in that slot.
void leaveDeadMail(Stage& stage, std::uint16_t slot, std::uint16_t other) {
  PollClient& gone = stage.polling(slot);
  stage.world.held = {slot};
  gone.slot = other;
  gone.packet("40");
  gone.poll();
  gone.poll();
  gone.abandon();
}

// Lost connections in every shard, as many of them as there may be at the most, or fewer.
void addLost(Stage& stage, int count) {
  store::test::FixedRandom random(99);
  for (std::uint32_t shard = 0; shard < stage.world.zone.shards(); ++shard) {
    store::RecoveryTransaction txn(stage.world.zone, shard);
    for (int i = 0; i < count;) {
      const store::RandomId pid = random.id();
      if (store::shardOf(stage.world.zone, pid) != shard) continue;
      txn.create(pid, pid, {1, 1, 0});
      txn.lose({}, stage.world.env.time);
      if (++i % 16 == 0) txn.commit();
    }
  }
}

void fillLog(Stage& stage, WsClient& leader) {
  for (int i = 0; i < 32; ++i) {
    load(leader, i);
    stage.world.settle();
  }
}

}  // namespace

TEST_CASE("a worker killed at any step of its coming and going", "[server][faults]") {
  run({
      {"sign-on", Bob::kNobody, [](Stage& s) { s.world.stop(kVictim); }, [](Stage& s) { s.world.start(kVictim); }},
      {"sign-on after the crash of a predecessor", Bob::kLeader,
       [](Stage& s) {
         s.cat = s.pollMember(kVictim, "cat");
         s.cat->poll();
         s.world.held = {kVictim};
         load(*s.bob, 1);
         leaveDeadMail(s, kVictim, kSecond);
         s.world.kill(kVictim);
         s.world.held = {};
       },
       [](Stage& s) { s.world.start(kVictim); }},
      {"an orderly end", Bob::kLeader,
       [](Stage& s) {
         s.cat = s.pollMember(kVictim, "cat");
         s.cat->poll();
       },
       [](Stage& s) { s.victim().stop(); }},
      {"the reaping of another worker", Bob::kMember,
       [](Stage& s) {
         s.world.start(kLate);
         s.member(kLate, "eve");
         s.cat = s.pollMember(kLate, "cat");
         s.cat->poll();
         leaveDeadMail(s, kLate, kSecond);
         load(*s.ann, 1);
         s.world.kill(kLate);
         s.world.held = {};
         s.wait(200);
       },
       [](Stage& s) { s.victim().tick(); }},
      {"its look at everything after a repair", Bob::kMember,
       [](Stage& s) {
         s.cat = s.pollMember(kVictim, "cat");
         s.cat->poll();
         s.world.held = {kVictim};
         load(*s.ann, 1);
         ++s.world.zone.header().repairs;
         s.wait(200);
         s.world.held = {};
       },
       [](Stage& s) { s.victim().tick(); }},
      {"the search for seats and recoveries that a death has left", Bob::kMember,
       [](Stage& s) {
         {
           store::WakeSet wake;
           store::SessionTransaction session(s.world.zone, "room");
           session.find("room");
           const auto user = session.addUser("ghost", "Ghost", {}, session::Presence::kConnected, s.world.env.time);
           session.addConnection(user, {1, 1, 0});
           session.commit(wake);
         }
         store::test::FixedRandom random(98);
         const store::RandomId pid = random.id();
         store::RecoveryTransaction txn(s.world.zone, pid);
         txn.create(pid, pid, {1, 1, 0});
         txn.commit();
         ++s.world.zone.header().repairs;
         s.wait(200);
       },
       [](Stage& s) {
         s.victim().tick();
         s.wait(1'100);
         s.victim().tick();
       }},
      {"its mail", Bob::kMember,
       [](Stage& s) {
         s.cat = s.pollMember(kVictim, "cat");
         s.cat->poll();
         leaveDeadMail(s, kVictim, kSecond);
         load(*s.ann, 1);
         s.cat->slot = kSecond;
         s.cat->event("heartbeat", nullptr, 3);
         s.cat->slot = kVictim;
         s.world.held = {};
       },
       [](Stage& s) {
         s.victim().wake();
         s.victim().flush();
       }},
  });
}

TEST_CASE("a worker killed at any step of a connection's life", "[server][faults]") {
  run({
      {"a handshake over polling", Bob::kNobody, nothing, [](Stage& s) { s.victim().polls().open(shortPings()); }},
      {"a handshake over WebSocket", Bob::kNobody, nothing, [](Stage& s) { s.socket(kVictim); }},
      {"CONNECT over WebSocket", Bob::kNobody, [](Stage& s) { s.bob = &s.socket(kVictim); },
       [](Stage& s) { s.bob->packet("40{\"token\":\"t\"}"); }},
      {"CONNECT by a POST at another worker", Bob::kNobody,
       [](Stage& s) {
         s.cat = &s.polling(kThird);
         s.cat->slot = kVictim;
       },
       [](Stage& s) { s.cat->packet("40{\"token\":\"t\"}"); }},
      {"DISCONNECT by a POST at another worker", Bob::kNobody,
       [](Stage& s) {
         s.cat = s.pollMember(kThird, "cat");
         s.cat->slot = kVictim;
       },
       [](Stage& s) { s.cat->packet("41"); }},
      {"namespaces, attachments and acknowledgements by POST", Bob::kNobody,
       [](Stage& s) {
         Options echo = shortPings();
         echo.application = Application::kSocketEcho;
         s.cat = &s.polling(kThird, echo);
         s.cat->slot = kVictim;
       },
       [](Stage& s) {
         s.cat->packet("40");
         s.cat->packet("40/custom,");
         s.cat->packet("452-[\"message\",{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":1}]");
         s.cat->binary(longText(300));
         s.cat->binary(longText(600));
         s.cat->packet("42[\"ask\",1]");
         s.cat->packet("430[1]");
         s.cat->packet("41/custom,");
       }},
      {"the loss of a WebSocket", Bob::kLeader, nothing, [](Stage& s) { s.bob->drop(); }},
      {"the loss of a WebSocket when there are as many lost ones as may be", Bob::kMember,
       [](Stage& s) { addLost(s, 192); }, [](Stage& s) { s.bob->drop(); }},
      {"CONNECT when lost connections must make way for memory", Bob::kNobody,
       [](Stage& s) {
         s.bob = &s.socket(kVictim);
         addLost(s, 96);
         s.exhaust(0);
       },
       [](Stage& s) { s.bob->packet("40"); }},
      {"a poll that is given up", Bob::kNobody,
       [](Stage& s) {
         s.cat = s.pollMember(kVictim, "cat");
         s.cat->poll();
       },
       [](Stage& s) { s.cat->abandon(); }},
      {"a goodbye over polling", Bob::kNobody, [](Stage& s) { s.cat = s.pollMember(kVictim, "cat"); },
       [](Stage& s) { s.cat->post("1"); }},
      {"a ping that is due", Bob::kMember,
       [](Stage& s) {
         s.cat = s.pollMember(kVictim, "cat");
         s.wait(3'010);
       },
       [](Stage& s) { s.victim().runDeadlines(); }},
      {"a pong that did not come", Bob::kMember,
       [](Stage& s) {
         s.bob->answersPings = false;
         s.cat = s.pollMember(kVictim, "cat");
         s.wait(3'010);
         s.victim().runDeadlines();
         s.wait(2'010);
       },
       [](Stage& s) { s.victim().runDeadlines(); }},
      {"an answer that waits for the next poll", Bob::kNobody,
       [](Stage& s) {
         s.cat = s.pollMember(kThird, "cat");
         s.cat->slot = kVictim;
       },
       [](Stage& s) { s.cat->event("request_session_state", nullptr, 4); }},
      {"a POST of several packets", Bob::kNobody,
       [](Stage& s) {
         s.cat = s.pollMember(kThird, "cat");
         s.cat->slot = kVictim;
       },
       [](Stage& s) {
         s.cat->post(
             "42[\"heartbeat\"]\x1e"
             "427[\"heartbeat\"]\x1e"
             "3");
       }},
      {"a poll that takes what waits", Bob::kNobody,
       [](Stage& s) {
         s.cat = s.pollMember(kVictim, "cat");
         load(*s.ann, 1);
         s.cat->event("request_session_state", nullptr, 4);
         s.world.settle();
       },
       [](Stage& s) { s.cat->poll(); }},
      {"a poll at another worker", Bob::kNobody,
       [](Stage& s) {
         s.cat = s.pollMember(kThird, "cat");
         load(*s.ann, 1);
         s.world.settle();
         s.cat->slot = kVictim;
       },
       [](Stage& s) {
         s.cat->poll();
         s.cat->poll();
       }},
      {"an upgrade at another worker", Bob::kNobody,
       [](Stage& s) {
         s.cat = s.pollMember(kThird, "cat");
         load(*s.ann, 1);
         s.cat->event("heartbeat", nullptr, 1);
         s.world.settle();
       },
       [](Stage& s) {
         WsClient& probe = s.probe(kVictim, *s.cat);
         probe.packet("2probe");
         probe.packet("5");
       },
       nothing},
      {"an upgrade that breaks", Bob::kNobody, [](Stage& s) { s.cat = s.pollMember(kThird, "cat"); },
       [](Stage& s) {
         WsClient& probe = s.probe(kVictim, *s.cat);
         probe.packet("2probe");
         probe.drop();
       },
       nothing},
  });
}

TEST_CASE("a worker killed at any step of a command", "[server][faults]") {
  const auto byPost = [](Stage& s) {
    s.cat = &s.polling(kThird, shortPings());
    s.cat->packet("40");
    s.cat->poll();
    s.world.settle();
    s.cat->slot = kVictim;
  };
  const auto memberByPost = [](Stage& s) {
    s.cat = s.pollMember(kThird, "cat");
    s.cat->slot = kVictim;
  };
  run({
      {"joining a new session", Bob::kConnected, nothing, [](Stage& s) { s.bob->join("new", "bob", 1); }},
      {"joining a new session by POST", Bob::kNobody, byPost, [](Stage& s) { s.cat->join("new", "cat", 1); }},
      {"joining a session", Bob::kConnected, nothing, [](Stage& s) { s.bob->join("room", "bob", 1); }},
      {"joining a session by POST", Bob::kNobody, byPost, [](Stage& s) { s.cat->join("room", "cat", 1); }},
      {"joining again under another name", Bob::kMember, nothing,
       [](Stage& s) {
         s.bob->event("join_session",
                      {{"sessionId", "room"},
                       {"userId", "bob"},
                       {"username", longText(100)},
                       {"avatarUrl", "https://x.example/a"}},
                      1);
       }},
      {"joining from a second tab", Bob::kConnected, [](Stage& s) { s.member(kSecond, "bob"); },
       [](Stage& s) { s.bob->join("room", "bob", 1); }},
      {"a join that is refused", Bob::kNobody,
       [](Stage& s) {
         Options full = shortPings();
         full.maxUsers = 2;
         s.bob = &s.socket(kVictim, full);
         s.bob->packet("40");
         s.world.settle();
       },
       [](Stage& s) { s.bob->join("room", "bob", 1); }},
      {"a join that runs out of memory", Bob::kConnected, [](Stage& s) { s.exhaust(3); },
       [](Stage& s) { s.bob->join("new", longText(60), 1); }},
      {"leaving as the leader", Bob::kLeader, nothing, [](Stage& s) { s.bob->leave(1); }},
      {"leaving by POST", Bob::kNobody, memberByPost, [](Stage& s) { s.cat->leave(1); }},
      {"the eviction of another tab", Bob::kMember,
       [](Stage& s) {
         WsClient* tab = s.member(kSecond, "bob");
         s.world.held = {kVictim};
         tab->leave();
         s.world.settle();
         s.world.held = {};
       },
       [](Stage& s) {
         s.victim().wake();
         s.victim().flush();
       }},
      {"sync_playback", Bob::kLeader, nothing,
       [](Stage& s) {
         s.bob->event("sync_playback", {{"position", 1.5}, {"isPlaying", true}, {"mediaUrl", longText(200)}}, 1);
       }},
      {"load_media", Bob::kLeader, nothing, [](Stage& s) { load(*s.bob, 1); }},
      {"load_media when the log is full", Bob::kLeader, [](Stage& s) { fillLog(s, *s.bob); },
       [](Stage& s) {
         for (int i = 0; i < 8; ++i)
           load(*s.bob, i);
       }},
      {"load_media when memory is out", Bob::kLeader,
       [](Stage& s) {
         for (int i = 0; i < 12; ++i)
           load(*s.bob, i);
         s.world.settle();
         s.exhaust(0);
       },
       [](Stage& s) {
         for (int i = 0; i < 10; ++i)
           load(*s.bob, i);
       }},
      {"load_media when a reader must catch up first", Bob::kLeader,
       [](Stage& s) {
         s.ann->socket.room = 0;
         for (int i = 0; i < 40 && !s.bob->socket.paused; ++i) {
           load(*s.bob, i);
           s.world.settle();
         }
         s.wait(6);
       },
       [](Stage& s) { s.victim().runDeadlines(); }, [](Stage& s) { s.ann->makeRoom(FakeSocket::kAll); }},
      {"request_leadership", Bob::kMember,
       [](Stage& s) {
         s.ann->drop();
         s.world.settle();
       },
       [](Stage& s) { s.bob->event("request_leadership", nullptr, 1); }},
      {"heartbeat", Bob::kMember, nothing, [](Stage& s) { s.bob->event("heartbeat", nullptr, 1); }},
      {"report_desync by POST", Bob::kNobody, memberByPost,
       [](Stage& s) {
         s.cat->event("report_desync", {{"clientPosition", 1.0}, {"expectedPosition", 2.0}}, 1);
       }},
      {"a session made by REST", Bob::kNobody, nothing,
       [](Stage& s) {
         s.victim().rest().createSession({"x", "X"}, {});
       }},
  });
}

TEST_CASE("a worker killed at any step of a sweep", "[server][faults]") {
  run({
      {"the end of a leader's grace", Bob::kMember,
       [](Stage& s) {
         s.ann->drop();
         s.world.settle();
         s.wait(2'001);
       },
       [](Stage& s) { s.victim().tick(); }},
      {"the end of a user's time", Bob::kMember,
       [](Stage& s) {
         WsClient* eve = s.member(kSecond, "eve");
         eve->drop();
         s.world.advance(2'500, 500);
         s.wait(5'900);
       },
       [](Stage& s) { s.victim().tick(); }},
      {"the end of sessions and of lost connections", Bob::kMember,
       [](Stage& s) {
         store::WakeSet wake;
         {
           store::SessionTransaction session(s.world.zone, "idle");
           session.create("idle", "user", s.world.env.time);
           session.commit(wake);
         }
         for (int i = 0; i < 40; ++i) {  // more than go at once
           store::SessionTransaction session(s.world.zone, "idle");
           session.find("idle");
           session.addUser("user" + std::to_string(i), "name", {}, session::Presence::kAway,
                           s.world.env.time.after(20'000));
           if (i == 0) session.setLeader("user0");
           session.commit(wake);
         }
         s.member(kSecond, "eve")->drop();
         s.world.settle();
         s.wait(12'001);
       },
       [](Stage& s) { s.victim().tick(); }},
  });
}

TEST_CASE("a worker killed at any step of a recovery", "[server][faults]") {
  run({
      {"the return to a lost connection", Bob::kNobody,
       [](Stage& s) {
         s.bob = s.member(kSecond, "bob");
         s.bob->drop();
         load(*s.ann, 1);
         s.dan = &s.socket(kVictim);
       },
       [](Stage& s) { s.dan->comeBack(*s.bob); }},
      {"the return after the grace, by POST", Bob::kNobody,
       [](Stage& s) {
         s.bob = s.member(kSecond, "bob");
         s.bob->drop();
         s.bobWasAway = true;
         s.world.advance(2'500, 500);
         s.cat = &s.polling(kThird);
         s.cat->slot = kVictim;
       },
       [](Stage& s) { s.cat->comeBack(*s.bob); }},
      {"the return before the loss is noticed", Bob::kNobody,
       [](Stage& s) {
         s.bob = s.member(kSecond, "bob");
         s.dan = &s.socket(kVictim);
       },
       [](Stage& s) { s.dan->comeBack(*s.bob); }},
      {"the return to what is gone", Bob::kNobody,
       [](Stage& s) {
         s.bob = s.member(kSecond, "bob");
         s.bob->leave();
         s.world.settle();
         s.member(kThird, "bob")->leave();
         s.world.settle();
         s.bob->drop();
         s.dan = &s.socket(kVictim);
       },
       [](Stage& s) {
         json auth = s.bob->credentials();
         auth["offset"] = "zz-zz";
         s.dan->packet("40" + auth.dump());
       }},
  });
}

TEST_CASE("a worker killed at any step of a handover", "[server][faults]") {
  // The worker in the second slot has offered bob's WebSocket to the victim, which is of a newer configuration.
  const auto offered = [](Stage& s) {
    s.world.stop(kVictim);
    s.bob = s.member(kSecond, "bob");
    s.world.reload({kVictim});
    s.world.held = {kVictim};
    s.world.retire(kSecond);
    s.world.settle();
    s.world.held = {};
    load(*s.ann, 1);
    REQUIRE(s.bob->socket.gift);
  };
  const auto read = [](Stage& s) { s.bob->socket.gift.reset(); };
  run({
      {"an offer", Bob::kMember, [](Stage& s) { s.world.reload({kLate}); }, [](Stage& s) { s.world.retire(kVictim); }},
      {"the taking of one", Bob::kNobody, offered, [](Stage& s) { s.bob->work(); }, read},
      {"the taking of one, with the letter read again", Bob::kNobody, offered, [](Stage& s) { s.bob->work(); }},
      {"the declining of one", Bob::kNobody, offered,
       [](Stage& s) {
         s.victim().reload().decline(s.bob->socket.gift->parcel);
         s.victim().flush();
       },
       read},
      {"the withdrawal of one", Bob::kMember,
       [](Stage& s) {
         s.world.reload({kLate});
         s.world.held = {kLate};
         s.world.retire(kVictim);
         s.wait(1'001);
         s.world.held = {};
       },
       [](Stage& s) { s.victim().runDeadlines(); }},
  });
}

TEST_CASE("a worker killed while it repairs what a killed one left", "[server][faults]") {
  const std::vector<Scenario> scenarios{
      {"joining by POST", Bob::kNobody,
       [](Stage& s) {
         s.cat = &s.polling(kThird);
         s.cat->packet("40");
         s.cat->poll();
         s.world.settle();
         s.cat->slot = kVictim;
       },
       [](Stage& s) { s.cat->join("room", "cat", 1); }},
      {"the loss of the leader", Bob::kLeader, nothing, [](Stage& s) { s.bob->drop(); }},
  };
  const std::uint64_t before = store::test::deaths;
  for (const Scenario& scenario : scenarios) {
    INFO(scenario.name);
    requireWholeAfterTwoDeaths(scenario, 12, 12);
  }
  WARN(store::test::deaths - before << " deaths");
}
