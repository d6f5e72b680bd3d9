// What one client does reaches all the others, on every worker and by every transport, once and in order.
#include <catch2/catch.hpp>

#include "tests/unit/worker/world.h"

using namespace mediasync;
using namespace mediasync::server;
using namespace mediasync::server::test;

TEST_CASE("members on both workers hear of joins, over WebSocket and polling", "[server][broadcast]") {
  World world;
  WsClient ann(world, 0), bob(world, 1);
  PollClient cat(world, 0), dan(world, 1);
  cat.polls = dan.polls = true;
  seat(world, ann, "room", "ann");
  CHECK(ann.inbox.news() == Strings{"session_joined ann"});
  seat(world, bob, "room", "bob");
  seat(world, cat, "room", "cat");
  seat(world, dan, "room", "dan");
  CHECK(ann.inbox.news() == Strings{"user_joined bob", "user_joined cat", "user_joined dan"});
  CHECK(bob.inbox.news() == Strings{"session_joined bob", "user_joined cat", "user_joined dan"});
  CHECK(cat.inbox.news() == Strings{"session_joined cat", "user_joined dan"});
  CHECK(dan.inbox.news() == Strings{"session_joined dan"});
  const json joined = dan.inbox.events("session_joined").at(0);
  CHECK(joined["isLeader"] == false);
  CHECK(joined["session"]["leaderId"] == "ann");
  CHECK(joined["session"]["userCount"] == 4);
  CHECK(joined["session"]["connectedCount"] == 4);
  CHECK(joined["session"]["users"].size() == 4);
}

TEST_CASE("a hundred commands arrive everywhere, once and in order, the leader included", "[server][broadcast]") {
  World world;
  WsClient ann(world, 0), bob(world, 1);
  PollClient cat(world, 0), dan(world, 1);
  cat.polls = dan.polls = true;
  dan.rota = {0, 1};  // every poll goes to another worker
  for (auto [client, name] :
       {std::pair<Client*, const char*>{&ann, "ann"}, {&bob, "bob"}, {&cat, "cat"}, {&dan, "dan"}}) {
    seat(world, *client, "room", name);
  }
  forgetNews(world);
  for (int i = 1; i <= 100; ++i) {
    ann.sync(i);
    if (i % 7 == 0) world.settle();
  }
  world.settle();
  const Strings want = numbered("sync", 1, 100);
  CHECK(ann.inbox.news() == want);
  CHECK(bob.inbox.news() == want);
  CHECK(cat.inbox.news() == want);
  CHECK(dan.inbox.news() == want);
}

TEST_CASE("sessions do not hear each other", "[server][broadcast]") {
  World world;
  WsClient ann(world, 0), bob(world, 0), cat(world, 1);
  seat(world, ann, "one", "ann");
  seat(world, bob, "two", "bob");
  seat(world, cat, "two", "cat");
  forgetNews(world);
  ann.sync(1);
  world.settle();
  CHECK(ann.inbox.news().size() == 1);
  CHECK(bob.inbox.news().empty());
  CHECK(cat.inbox.news().empty());
}

TEST_CASE("events of one batch are encoded once for all who share a format", "[server][broadcast]") {
  World world(1);
  std::vector<std::unique_ptr<WsClient>> clients;
  for (int i = 0; i < 20; ++i) {
    clients.push_back(std::make_unique<WsClient>(world, 0));
    seat(world, *clients.back(), "room", "user" + std::to_string(i));
  }
  const std::uint64_t before = world.worker(0).counters().encodings;
  clients[0]->sync(1);
  world.settle();
  CHECK(world.worker(0).counters().encodings == before + 1);
  for (auto& client : clients)
    CHECK(client->inbox.seen().back() == "sync 1");
}

TEST_CASE("each client gets timestamps in the unit of its own location", "[server][broadcast]") {
  World world;
  Options milliseconds;
  milliseconds.timestamps = api::TimestampUnit::kMilliseconds;
  WsClient ann(world, 0), bob(world, 0, milliseconds);
  PollClient cat(world, 1, milliseconds);
  cat.polls = true;
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  seat(world, cat, "room", "cat");
  ann.sync(1);
  world.settle();
  const double seconds = static_cast<double>(world.env.time.wall) / 1000;
  CHECK(ann.inbox.events("playback_sync").at(0)["timestamp"] == seconds);
  CHECK(bob.inbox.events("playback_sync").at(0)["timestamp"] == world.env.time.wall);
  CHECK(cat.inbox.events("playback_sync").at(0)["lastUpdateTime"] == world.env.time.wall);
}

TEST_CASE("acknowledgements tell the outcome, over WebSocket and polling", "[server][broadcast]") {
  World world;
  WsClient ann(world, 0);
  PollClient bob(world, 1);
  bob.polls = true;
  ann.packet("40");
  bob.packet("40");
  world.settle();
  ann.join("room", "ann", 1);
  bob.join("room", "bob", 2);
  world.settle();
  ann.inbox.news();
  CHECK(bob.inbox.news() == Strings{"session_joined bob", "ack 2 ok"});
  ann.sync(5, 3);
  bob.sync(6, 4);
  bob.event("heartbeat", nullptr, 5);
  bob.event("report_desync", {{"reportedPosition", 1.5}}, 6);
  world.settle();
  const Strings annNews = ann.inbox.news();
  CHECK(only(annNews, "ack") == Strings{"ack 3 ok"});
  CHECK(only(annNews, "sync") == Strings{"sync 5"});
  const Strings bobNews = bob.inbox.news();
  CHECK(only(bobNews, "ack") == Strings{"ack 4 NOT_LEADER", "ack 5 ok", "ack 6 ok"});
  CHECK(only(bobNews, "error") == Strings{"error NOT_LEADER"});
  CHECK(only(bobNews, "desync_recovery").size() == 1);
}

TEST_CASE("report_desync answers the sender alone, with a fresh pair", "[server][broadcast]") {
  World world;
  WsClient ann(world, 0), bob(world, 1);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  ann.sync(10);
  forgetNews(world);
  world.advance(2'000, 2'000);
  bob.event("report_desync", {{"reportedPosition", 3.25}, {"reportedTime", 1640995200}});
  world.settle();
  CHECK(ann.inbox.news().empty());
  const json answer = bob.inbox.events("desync_recovery").at(0);
  CHECK(answer["authoritativeState"]["position"] == 12.0);
  CHECK(answer["authoritativeState"]["lastUpdateTime"] == static_cast<double>(world.env.time.wall) / 1000);
  CHECK(answer["reportedPosition"] == 3.25);
  CHECK(answer["reportedTime"] == 1640995200);
}

TEST_CASE("joining the same session again refreshes the user and tells nobody", "[server][broadcast]") {
  World world;
  WsClient ann(world, 0), bob(world, 1);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  forgetNews(world);
  bob.event("join_session", {{"sessionId", "room"}, {"userId", "bob"}, {"username", "Bobby"}, {"avatar", "pic"}});
  world.settle();
  CHECK(ann.inbox.news().empty());
  CHECK(bob.inbox.news() == Strings{"session_joined bob"});
  const json user = bob.inbox.events("session_joined").back()["session"]["users"][1];
  CHECK(user["username"] == "Bobby");
  CHECK(user["avatar"] == "pic");
}

TEST_CASE("a second tab is no second user, and the user is there until its last tab goes", "[server][broadcast]") {
  World world;
  WsClient ann(world, 0), tab1(world, 0), tab2(world, 1);
  seat(world, ann, "room", "ann");
  seat(world, tab1, "room", "bob");
  forgetNews(world);
  seat(world, tab2, "room", "bob");
  CHECK(ann.inbox.news().empty());
  CHECK(tab2.inbox.events("session_joined").at(0)["session"]["userCount"] == 2);
  tab1.drop();
  world.advance(6'000);
  CHECK(ann.inbox.news().empty());
  tab2.drop();
  world.advance(6'000);
  CHECK(ann.inbox.news() == Strings{"user_left bob"});
}

TEST_CASE("when a user leaves, its other tabs are out of the session too, on any worker and transport",
          "[server][broadcast]") {
  World world;
  WsClient ann(world, 0), tab1(world, 0), tab2(world, 0), tab3(world, 1);
  PollClient tab4(world, 1);
  tab4.polls = true;
  seat(world, ann, "room", "ann");
  for (Client* tab : {static_cast<Client*>(&tab1), static_cast<Client*>(&tab2), static_cast<Client*>(&tab3),
                      static_cast<Client*>(&tab4)}) {
    seat(world, *tab, "room", "bob");
  }
  forgetNews(world);
  tab1.leave(1);
  world.settle();
  CHECK(ann.inbox.news() == Strings{"user_left bob"});
  CHECK(only(tab1.inbox.news(), "ack") == Strings{"ack 1 ok"});
  CHECK(tab2.inbox.news() == Strings{"user_left bob"});
  CHECK(tab3.inbox.news() == Strings{"user_left bob"});
  CHECK(tab4.inbox.news() == Strings{"user_left bob"});
  ann.sync(1);
  world.settle();
  CHECK(ann.inbox.news() == Strings{"sync 1"});
  for (Client* tab : {static_cast<Client*>(&tab2), static_cast<Client*>(&tab3), static_cast<Client*>(&tab4)}) {
    CHECK(tab->inbox.news().empty());
    tab->event("request_session_state", nullptr);
    world.settle();
    CHECK(tab->inbox.news() == Strings{"error NOT_IN_SESSION"});
    tab->join("hall", "bob");  // free to go elsewhere
    world.settle();
    CHECK(only(tab->inbox.news(), "session_joined").size() == 1);
  }
  CHECK(world.zone.membershipCount() == 4);
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("leaving moves leadership at once, and the leaver hears nothing more", "[server][broadcast]") {
  World world;
  WsClient ann(world, 0), bob(world, 1), cat(world, 0);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  seat(world, cat, "room", "cat");
  forgetNews(world);
  ann.leave();
  world.settle();
  CHECK(bob.inbox.news() == Strings{"user_left ann", "leader bob"});
  CHECK(cat.inbox.news() == Strings{"user_left ann", "leader bob"});
  CHECK(ann.inbox.news().empty());
  bob.sync(3);
  world.settle();
  CHECK(cat.inbox.news() == Strings{"sync 3"});
  CHECK(ann.inbox.news().empty());
}

TEST_CASE("a lost connection shows at once, is told after the grace, and leadership moves then",
          "[server][broadcast]") {
  World world;
  WsClient ann(world, 0), bob(world, 1);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  forgetNews(world);
  const int how = GENERATE(0, 1, 2, 3);
  CAPTURE(how);
  if (how == 0) ann.drop();
  if (how == 1) ann.packet("41");                                      // the client's disconnect()
  if (how == 2) ann.packet("1");                                       // an Engine.IO close
  if (how == 3) ann.send(clientFrame(std::string("\x03\xe8", 2), 8));  // a close frame
  world.settle();
  bob.event("request_session_state", nullptr);
  world.settle();
  CHECK(bob.inbox.news() == Strings{"session_state"});
  const json state = bob.inbox.events("session_state").back();
  CHECK(state["users"][0]["isConnected"] == false);
  CHECK(state["connectedCount"] == 1);
  CHECK(state["userCount"] == 2);
  world.advance(4'800);
  CHECK(bob.inbox.news().empty());
  world.advance(400);
  CHECK(bob.inbox.news() == Strings{"user_left ann", "leader bob"});
  bob.event("request_session_state", nullptr);
  world.settle();
  CHECK(bob.inbox.events("session_state").back()["userCount"] == 2);  // still listed
}

TEST_CASE("back within the grace nobody noticed; back later is a user_joined as a follower", "[server][broadcast]") {
  World world;
  auto ann = std::make_unique<WsClient>(world, 0);
  WsClient bob(world, 1);
  seat(world, *ann, "room", "ann");
  seat(world, bob, "room", "bob");
  forgetNews(world);
  ann = nullptr;
  world.advance(4'000);
  WsClient again(world, 1);
  seat(world, again, "room", "ann");
  CHECK(again.inbox.events("session_joined").at(0)["isLeader"] == true);
  world.advance(10'000);
  CHECK(bob.inbox.news().empty());
  again.drop();
  world.advance(6'000);
  CHECK(bob.inbox.news() == Strings{"user_left ann", "leader bob"});
  WsClient late(world, 0);
  seat(world, late, "room", "ann");
  CHECK(late.inbox.events("session_joined").at(0)["isLeader"] == false);
  CHECK(bob.inbox.news() == Strings{"user_joined ann"});
}

TEST_CASE("a user who is given up is removed after the longer timeout", "[server][broadcast]") {
  store::ZoneSettings settings;
  settings.userTimeout = 60'000;
  World world(2, settings);
  WsClient ann(world, 0), bob(world, 1);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  forgetNews(world);
  bob.drop();
  world.advance(64'000, 500);
  CHECK(world.zone.userCount() == 2);
  world.advance(2'000, 500);
  CHECK(world.zone.userCount() == 1);
  CHECK(ann.inbox.news() == Strings{"user_left bob"});
}

TEST_CASE("after DISCONNECT a client may connect anew, with another id", "[server][broadcast]") {
  World world;
  WsClient client(world, 0);
  seat(world, client, "room", "ann");
  const std::string first = client.inbox.all.at(1);
  client.packet("41");
  client.packet("40");
  CHECK(client.inbox.all.back().rfind("40{", 0) == 0);
  CHECK(client.inbox.all.back() != first);
  client.join("other", "ann");
  CHECK(client.inbox.seen().back() == "session_joined ann");
}

TEST_CASE("a session made over REST lists its creator, who leads when it comes", "[server][broadcast]") {
  World world;
  const RestReply created = world.worker(0).rest().createSession({"ann", "Ann"}, {});
  CHECK(created.status == 201);
  const std::string id = json::parse(created.body)["sessionId"];
  CHECK(created.location == "/" + id);
  const RestReply shown = world.worker(1).rest().showSession(id, {});
  const json session = json::parse(shown.body)["session"];
  CHECK(session["leaderId"] == "ann");
  CHECK(session["users"][0]["username"] == "Ann");
  CHECK(session["users"][0]["isConnected"] == false);
  CHECK(world.worker(1).rest().showSession("nobody", {}).status == 404);
  WsClient ann(world, 1);
  seat(world, ann, id, "ann");
  CHECK(ann.inbox.events("session_joined").at(0)["isLeader"] == true);
  const json list = json::parse(world.worker(0).rest().listSessions({}, {}).body);
  CHECK(list["totalSessions"] == 1);
  CHECK(list["sessions"][0]["sessionId"] == id);
}

TEST_CASE("the list of sessions in pieces has each session once", "[server][rest]") {
  World world;
  std::vector<std::unique_ptr<WsClient>> clients;
  for (int i = 0; i < 17; ++i) {
    clients.push_back(std::make_unique<WsClient>(world, 0));
    seat(world, *clients.back(), "room " + std::to_string(i), "user");
  }
  api::ListQuery query;
  query.limit = GENERATE(1u, 2u, 16u, 17u, 18u);
  std::set<std::string> seen;
  std::size_t listed = 0;
  for (bool more = true; more;) {
    const json list = json::parse(world.worker(1).rest().listSessions(query, {}).body);
    REQUIRE(list["sessions"].size() <= query.limit);
    CHECK(list["totalSessions"] == 17);
    for (const json& session : list["sessions"])
      seen.insert(session["sessionId"].get<std::string>());
    listed += list["sessions"].size();
    more = list.contains("next");
    if (more)
      query = std::get<api::ListQuery>(
          api::parseList("after=" + list["next"].get<std::string>() + "&limit=" + std::to_string(query.limit)));
  }
  CHECK(seen.size() == 17);
  CHECK(listed == 17);
  std::string whole;
  for (SessionPieces pieces(world.worker(1).rest(), api::TimestampUnit::kSeconds); !pieces.isDone();)
    whole += pieces.next();
  CHECK(json::parse(whole)["sessions"].size() == 17);
  CHECK(json::parse(whole)["totalSessions"] == 17);
}

TEST_CASE("a place in the list of sessions outlives the session that it was made at", "[server][rest]") {
  World world;
  std::vector<std::unique_ptr<WsClient>> clients;
  for (int i = 0; i < 40; ++i) {
    clients.push_back(std::make_unique<WsClient>(world, 0));
    seat(world, *clients.back(), "room " + std::to_string(i), "user");
  }
  std::set<std::string> seen;
  std::size_t listed = 0;
  api::ListQuery query;
  query.limit = 1;
  for (bool more = true; more;) {
    const json list = json::parse(world.worker(1).rest().listSessions(query, {}).body);
    for (const json& session : list["sessions"]) {
      const std::string id = session["sessionId"];
      seen.insert(id);
      ++listed;
      world.worker(0).scriptCalls().call("end_session", {{"sessionId", id}});
      world.settle();
    }
    more = list.contains("next");
    if (more) query.after = *api::parseListPlace(list["next"].get<std::string>());
  }
  CHECK(seen.size() == 40);
  CHECK(listed == 40);
}

TEST_CASE("a large room is told of comings and goings together, and of playback at once", "[server][broadcast]") {
  World world(2, {}, 16 << 20);
  std::vector<std::unique_ptr<WsClient>> crowd;
  const auto come = [&](std::uint16_t slot) -> WsClient& {
    crowd.push_back(std::make_unique<WsClient>(world, slot));
    seat(world, *crowd.back(), "room", "u" + std::to_string(crowd.size()));
    return *crowd.back();
  };
  for (int i = 0; i < 150; ++i)
    come(0);
  world.advance(100);
  forgetNews(world);
  WsClient& leader = *crowd[0];
  come(1);
  CHECK(leader.inbox.news() == Strings{"user_joined u151"});  // nobody has been told for a while: at once
  come(1);
  come(1);
  CHECK(leader.inbox.news().empty());
  const std::size_t writes = leader.socket.writes;
  world.advance(10, 1);
  CHECK(leader.inbox.news() == Strings{"user_joined u152", "user_joined u153"});
  CHECK(leader.socket.writes == writes + 1);
  come(1);
  leader.sync(7);
  world.settle();
  CHECK(crowd[1]->inbox.news() ==
        Strings{"user_joined u151", "user_joined u152", "user_joined u153", "user_joined u154", "sync 7"});
  come(0);
  world.stop(0);  // what waits is told before
  CHECK(crowd[1]->inbox.news() == Strings{"user_joined u155"});
}
