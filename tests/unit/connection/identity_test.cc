// Locations that say who their clients are: nobody takes another's place, by whichever way.
#include <catch2/catch.hpp>

#include "tests/unit/worker/world.h"

using namespace mediasync;
using namespace mediasync::server;
using namespace mediasync::server::test;

namespace {

Options known(std::string_view user) {
  Options options;
  options.user = std::string(user);
  return options;
}

}  // namespace

TEST_CASE("a userId other than one's own is refused, by either transport", "[server][identity]") {
  World world;
  const bool polling = GENERATE(false, true);
  std::unique_ptr<Client> ann;
  if (polling) {
    auto client = std::make_unique<PollClient>(world, 0, known("ann"));
    client->polls = true;
    ann = std::move(client);
  } else {
    ann = std::make_unique<WsClient>(world, 0, known("ann"));
  }
  ann->packet("40");
  ann->join("room", "bob", 1);
  world.settle();
  CHECK(ann->inbox.news() == Strings{"error FOREIGN_USER", "ack 1 FOREIGN_USER"});
  CHECK(world.zone.sessionCount() == 0);
  ann->join("room", "ann", 2);
  world.settle();
  CHECK(ann->inbox.news() == Strings{"session_joined ann", "ack 2 ok"});
  ann->join("room", "bob", 3);  // also not when joined already
  world.settle();
  CHECK(ann->inbox.news() == Strings{"error FOREIGN_USER", "ack 3 FOREIGN_USER"});
}

TEST_CASE("a sid is of use to its user alone", "[server][identity]") {
  World world;
  PollClient ann(world, 0, known("ann"));
  const Options other = GENERATE(known("bob"), Options{});
  FakePoll poll([](const engineio::Payload&) {});
  CHECK(world.worker(1).polls().poll(ann.sid, poll, other).outcome == Polls::PollOutcome::kRefused);
  FakePost post(ann.sid, "40", other, false);
  const auto result = world.worker(1).polls().post(post);
  REQUIRE(result);
  CHECK(result->error == engineio::Error::kUnknownSid);
  WsClient probe(world, 0, ann.sid, WsClient::Probe{}, other);
  CHECK_FALSE(probe.isOpen());
  ann.packet("40");  // and the connection is as it was
  ann.poll();
  CHECK(ann.inbox.all.back().rfind("40{", 0) == 0);
}

TEST_CASE("what one user gave up another cannot recover, whatever it knows", "[server][identity][recovery]") {
  World world;
  auto ann = std::make_unique<WsClient>(world, 0, known("ann"));
  seat(world, *ann, "room", "ann");
  const bool isLost = GENERATE(true, false);
  const json credentials = ann->credentials();
  if (isLost) ann->drop();
  WsClient thief(world, 1, GENERATE(known("bob"), Options{}));
  thief.comeBack(credentials);
  world.settle();
  CHECK(thief.inbox.pid != ann->inbox.pid);
  CHECK(thief.inbox.news().empty());
  WsClient again(world, 1, known("ann"));
  again.comeBack(credentials);
  world.settle();
  CHECK(again.hasRecovered(*ann));
}

TEST_CASE("a session is created for oneself", "[server][identity]") {
  World world;
  api::CreateSession request;
  request.creatorId = "bob";
  request.creatorName = "Bob";
  CHECK(world.worker(0).rest().createSession(request, known("ann")).status == 403);
  CHECK(world.zone.sessionCount() == 0);
  CHECK(world.worker(0).rest().createSession(request, known("bob")).status == 201);
}
