// An admin's hands: sessions end, users go, and people are told something.
#include <catch2/catch.hpp>

#include "core/api/admin.h"
#include "tests/unit/worker/world.h"

using namespace mediasync;
using namespace mediasync::server;
using namespace mediasync::server::test;
using Kind = api::AdminCommand::Kind;

namespace {

struct AdminWorld : World {
  RestReply ask(Kind kind, std::string session, std::string user = {}, std::string message = {}) {
    RestReply reply = worker(1).admin().administer(
        {kind, std::move(session), std::move(user), std::string(api::kMessageEvent), std::move(message)}, {});
    worker(1).flush();
    settle();
    return reply;
  }
};

std::string messageOf(const RestReply& reply) {
  return json::parse(reply.body)["message"];
}

}  // namespace

TEST_CASE("an admin ends a session", "[server][admin]") {
  AdminWorld world;
  WsClient ann(world, 0), bob(world, 1), eve(world, 0);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  seat(world, eve, "other", "eve");
  forgetNews(world);
  const RestReply reply = world.ask(Kind::kEndSession, "room");
  CHECK(reply.status == 200);
  CHECK(reply.body == R"({"success":true,"message":"Session ended"})");
  world.advance(3'000);  // the sweep takes it away
  CHECK(world.zone.sessionCount() == 1);
  CHECK(only(ann.inbox.seen(), "error") == Strings{"error SESSION_CLOSED"});
  CHECK(only(bob.inbox.seen(), "error") == Strings{"error SESSION_CLOSED"});
  CHECK(eve.inbox.news().empty());
  CHECK(world.ask(Kind::kEndSession, "room").status == 404);
  CHECK(messageOf(world.ask(Kind::kEndSession, "room")) == "Session not found");
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("an admin removes a user", "[server][admin]") {
  AdminWorld world;
  WsClient ann(world, 0), bob(world, 1);
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  forgetNews(world);
  CHECK(world.ask(Kind::kRemoveUser, "room", "ann").status == 200);
  CHECK(only(ann.inbox.seen(), "error") == Strings{"error KICKED"});
  CHECK(only(bob.inbox.news(), "user_left") == Strings{"user_left ann"});
  CHECK(world.ask(Kind::kRemoveUser, "room", "ann").status == 404);
  CHECK(messageOf(world.ask(Kind::kRemoveUser, "room", "ann")) == "There is no such user in the session");
  CHECK(messageOf(world.ask(Kind::kRemoveUser, "nowhere", "ann")) == "Session not found");
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("an admin tells everybody something, in a session or in none", "[server][admin]") {
  AdminWorld world;
  WsClient ann(world, 0), alone(world, 1);
  PollClient bob(world, 0);
  bob.polls = true;
  bob.packet("40");
  alone.packet("40");
  seat(world, ann, "room", "ann");
  world.settle();
  const RestReply reply = world.ask(Kind::kMessage, "", "", "Back at four");
  CHECK(reply.status == 200);
  CHECK(json::parse(reply.body) == json{{"success", true}, {"sent", 3}, {"complete", true}});
  for (Client* client : {static_cast<Client*>(&ann), static_cast<Client*>(&alone), static_cast<Client*>(&bob)}) {
    REQUIRE(client->inbox.events("server_message").size() == 1);
    CHECK(client->inbox.events("server_message")[0]["message"] == "Back at four");
    CHECK(client->inbox.events("server_message")[0]["timestamp"].is_number());
  }
}

TEST_CASE("an admin is told when a message has not reached everybody", "[server][admin]") {
  AdminWorld world;
  WsClient ann(world, 0);
  PollClient bob(world, 1);
  bob.polls = true;
  ann.packet("40");
  bob.packet("40");
  world.settle();
  bob.polls = false;  // collects nothing any more
  const std::string message(1'000, 'x');
  json answer = json::parse(world.ask(Kind::kMessage, "", "", message).body);
  CHECK(answer == json{{"success", true}, {"sent", 2}, {"complete", true}});
  for (int i = 0; i < 200 && answer["complete"] == true; ++i)
    answer = json::parse(world.ask(Kind::kMessage, "", "", message).body);
  CHECK(answer == json{{"success", true}, {"sent", 1}, {"complete", false}});
}

TEST_CASE("an admin tells the members of one session something", "[server][admin]") {
  AdminWorld world;
  WsClient ann(world, 0), eve(world, 1);
  seat(world, ann, "room", "ann");
  seat(world, eve, "other", "eve");
  const RestReply reply = world.ask(Kind::kMessage, "room", "", "Hello");
  CHECK(json::parse(reply.body) == json{{"success", true}, {"sent", 1}, {"complete", true}});
  CHECK(ann.inbox.events("server_message").size() == 1);
  CHECK(eve.inbox.events("server_message").empty());
  CHECK(world.ask(Kind::kMessage, "nowhere", "", "Hello").status == 404);
}
