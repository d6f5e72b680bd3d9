// What those who come into a large session are told of its users.
#include <catch2/catch.hpp>

#include "tests/unit/worker/world.h"

using namespace mediasync;
using namespace mediasync::server;
using namespace mediasync::server::test;

namespace {

json withoutTimes(json users) {
  for (json& user : users)
    user.erase("lastSeen");
  return users;
}

// As REST shows them, which reads the tables.
json usersOf(World& world) {
  return withoutTimes(json::parse(world.worker(0).rest().showSession("room", {}).body)["session"]["users"]);
}

json toldOf(Client& client, std::string_view event) {
  const json data = client.inbox.events(event).back();
  return withoutTimes(event == "session_joined" ? data["session"]["users"] : data["users"]);
}

}  // namespace

TEST_CASE("a newcomer to a large session is told of everybody, as they are", "[server][roster]") {
  World world(2);
  std::vector<std::unique_ptr<Client>> crowd;
  const auto come = [&](const std::string& id, bool polls) -> Client& {
    const auto slot = static_cast<std::uint16_t>(crowd.size() % 2);
    if (polls) {
      crowd.push_back(std::make_unique<PollClient>(world, slot));
      static_cast<PollClient&>(*crowd.back()).polls = true;
    } else {
      crowd.push_back(std::make_unique<WsClient>(world, slot));
    }
    seat(world, *crowd.back(), "room", id);
    return *crowd.back();
  };
  for (int i = 0; i < 2 * static_cast<int>(Roster::kLeastUsers); ++i) {
    Client& newcomer = come("u" + std::to_string(i), i % 3 == 0);
    CAPTURE(i);
    CHECK(toldOf(newcomer, "session_joined") == usersOf(world));
    CHECK(usersOf(world).size() == static_cast<std::size_t>(i) + 1);
  }
  const auto agrees = [&] {
    crowd[5]->event("request_session_state", nullptr);
    crowd[6]->event("request_session_state", nullptr);
    world.settle();
    CHECK(toldOf(*crowd[5], "session_state") == usersOf(world));
    CHECK(toldOf(*crowd[6], "session_state") == usersOf(world));
  };
  agrees();
  crowd[3]->event("join_session", {{"sessionId", "room"}, {"userId", "u3"}, {"username", "another"}, {"avatar", "a"}});
  agrees();
  CHECK(usersOf(world)[3]["username"] == "another");
  crowd[0]->leave();  // the leader
  agrees();
  static_cast<WsClient&>(*crowd[10]).drop();
  world.settle();
  agrees();
  world.advance(20'000, 1'000);  // given up
  agrees();
  for (const auto& user : usersOf(world)) {
    if (user["id"] == "u10") CHECK(user["isConnected"] == false);
  }
  Client& last = come("last", false);
  CHECK(toldOf(last, "session_joined") == usersOf(world));
}

TEST_CASE("a large session says when its users were last seen, not much later", "[server][roster]") {
  World world(1);
  std::vector<std::unique_ptr<WsClient>> crowd;
  for (std::uint32_t i = 0; i < Roster::kLeastUsers + 1; ++i) {
    crowd.push_back(std::make_unique<WsClient>(world, 0));
    seat(world, *crowd.back(), "room", "u" + std::to_string(i));
  }
  const auto lastSeen = [&](std::size_t user) {
    crowd[1]->event("request_session_state", nullptr);
    world.settle();
    return crowd[1]->inbox.events("session_state").back()["users"][user]["lastSeen"].get<double>();
  };
  const double before = lastSeen(2);
  world.advance(2'000);
  crowd[2]->event("heartbeat", nullptr);
  world.advance(1'100);
  CHECK(lastSeen(2) == before + 2);
  world.advance(20'000, 1'000);  // nobody comes: it is dropped, and made anew
  crowd[2]->event("heartbeat", nullptr);
  CHECK(lastSeen(2) > before + 20);
}
