// Locations that bind users to secrets: nobody takes another's seat, by whichever way, while its own client always
// comes back.
#include <catch2/catch.hpp>

#include "core/connection/secret_cookie.h"
#include "tests/unit/worker/world.h"

using namespace mediasync;
using namespace mediasync::server;
using namespace mediasync::server::test;

namespace {

Options bound() {
  Options options;
  options.asksSecret = true;
  return options;
}

// A browser: what it shows is its cookie.
std::unique_ptr<WsClient> browser(World& world, std::uint16_t slot, std::string_view cookie) {
  return std::make_unique<WsClient>(world, slot, bound(), Agreement{}, Newcomer{cookie});
}

void joinWith(Client& client, std::string_view user, std::string_view secret, int ack) {
  client.event("join_session", {{"sessionId", "room"}, {"userId", user}, {"username", "name"}, {"userSecret", secret}},
               ack);
}

std::string acked(World& world, Client& client) {
  world.settle();
  const Strings acks = only(client.inbox.news(), "ack");
  return acks.empty() ? "" : acks.back();
}

}  // namespace

TEST_CASE("a user whom one client has made is no other's, by whichever transport", "[server][secret]") {
  World world;
  const auto ann = browser(world, 0, "cookie of ann");
  seat(world, *ann, "room", "ann");
  forgetNews(world);
  const bool polling = GENERATE(false, true);
  const std::string_view cookie = GENERATE("cookie of eve", "");  // none: she has one that nobody knows
  std::unique_ptr<Client> eve;
  if (polling) {
    auto client = std::make_unique<PollClient>(world, 1, bound(), engineio::Protocol{}, Newcomer{cookie});
    client->polls = true;
    eve = std::move(client);
  } else {
    eve = browser(world, 1, cookie);
  }
  eve->packet("40");
  const std::string away = GENERATE("present", "in grace", "away");
  if (away != "present") ann->drop();
  if (away == "away") world.advance(6'000);
  eve->join("room", "ann", 1);
  CHECK(acked(world, *eve) == "ack 1 FOREIGN_USER");
  joinWith(*eve, "ann", "a guess at it", 2);
  CHECK(acked(world, *eve) == "ack 2 FOREIGN_USER");
  eve->join("room", "eve", 3);
  CHECK(acked(world, *eve) == "ack 3 ok");
  eve->join("room", "ann", 4);
  CHECK(acked(world, *eve) == "ack 4 ALREADY_IN_SESSION");
  eve->event("request_leadership", nullptr, 5);
  CHECK(acked(world, *eve) == (away == "present" ? "ack 5 LEADER_ACTIVE" : "ack 5 ok"));
  const auto second = browser(world, 1, "cookie of ann");  // her other tab, or her return
  second->packet("40");
  second->join("room", "ann", 6);
  CHECK(acked(world, *second) == "ack 6 ok");
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("a secret comes with the join, with CONNECT, or as a cookie: the nearest counts", "[server][secret]") {
  World world;
  const auto first = browser(world, 0, "a cookie");
  const std::string how = GENERATE("join", "CONNECT", "cookie");
  CAPTURE(how);
  first->packet(how == "CONNECT" ? R"(40{"userSecret":"of CONNECT"})" : "40");
  if (how == "join") {
    joinWith(*first, "ann", "of the join", 1);
  } else {
    first->join("room", "ann", 1);
  }
  CHECK(acked(world, *first) == "ack 1 ok");

  const auto opens = [&](std::string_view cookie, const std::string& connect, const std::string& secret) {
    const auto client = browser(world, 1, cookie);
    client->packet(connect);
    if (secret.empty()) {
      client->join("room", "ann", 1);
    } else {
      joinWith(*client, "ann", secret, 1);
    }
    return acked(world, *client) == "ack 1 ok";
  };
  CHECK(opens("a cookie", "40", "") == (how == "cookie"));
  CHECK(opens("another", R"(40{"userSecret":"of CONNECT"})", "") == (how == "CONNECT"));
  CHECK(opens("another", "40", "of the join") == (how == "join"));
  CHECK_FALSE(opens("a cookie", R"(40{"userSecret":"of CONNECT"})", "another one"));
  CHECK(opens("a cookie", "40", "of CONNECT") == (how == "CONNECT"));  // they are of one kind
}

TEST_CASE("CONNECT refuses what is no secret, and the tables have none as it is", "[server][secret]") {
  World world;
  const auto ann = browser(world, 0, "a cookie");
  for (const char* secret : {R"("short")", "5", "{}", R"("12345678\u0001")"}) {
    ann->packet(std::string(R"(40{"userSecret":)") + secret + "}");
    world.settle();
    CHECK(ann->inbox.packets().back().find("INVALID_USER_SECRET") != std::string::npos);
  }
  ann->packet(R"(40{"userSecret":"a secret word","team":"red"})");
  world.settle();
  CHECK_FALSE(ann->inbox.pid.empty());
  joinWith(*ann, "ann", "another secret word", 1);
  CHECK(acked(world, *ann) == "ack 1 ok");
  const std::span<std::byte> memory = world.memory.span();
  const std::string_view tables(reinterpret_cast<const char*>(memory.data()), memory.size());
  CHECK(tables.find(R"("team":"red")") != std::string_view::npos);
  CHECK(tables.find("secret word") == std::string_view::npos);
  CHECK(tables.find("a cookie") == std::string_view::npos);
}

TEST_CASE("a pid is of use to who shows the secret of its connection", "[server][secret][recovery]") {
  World world;
  const bool byConnect = GENERATE(false, true);
  const std::string connect = byConnect ? R"({"userSecret":"a secret word"})" : "{}";
  const auto ann = browser(world, 0, "cookie of ann");
  ann->packet("40" + connect);
  world.settle();
  ann->join("room", "ann");
  world.settle();
  json stolen = ann->credentials();
  const bool isLost = GENERATE(true, false);
  if (isLost) ann->drop();
  WsClient elsewhere(world, 1, Options{});  // a location that asks for nothing
  elsewhere.comeBack(stolen);
  const auto eve = browser(world, 1, "cookie of eve");
  eve->comeBack(stolen);
  json guess = stolen;
  guess["userSecret"] = "another word";
  const auto mallory = browser(world, 1, "cookie of mallory");
  mallory->comeBack(guess);
  world.settle();
  for (Client* thief : std::initializer_list<Client*>{&elsewhere, eve.get(), mallory.get()}) {
    CHECK_FALSE(thief->hasRecovered(*ann));
    CHECK(thief->inbox.news().empty());
  }
  json own = stolen;
  if (byConnect) own["userSecret"] = "a secret word";
  const auto again = browser(world, 1, byConnect ? "a new cookie" : "cookie of ann");
  again->comeBack(own);
  world.settle();
  CHECK(again->hasRecovered(*ann));
  again->drop();  // and once more
  const auto third = browser(world, 0, byConnect ? "" : "cookie of ann");
  json last = again->credentials();
  if (byConnect) last["userSecret"] = "a secret word";
  third->comeBack(last);
  world.settle();
  CHECK(third->hasRecovered(*ann));
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("who recovered shows what it had, also when it joins anew", "[server][secret][recovery]") {
  World world;
  const auto ann = browser(world, 0, "cookie of ann");
  seat(world, *ann, "room", "ann");
  const json credentials = ann->credentials();
  ann->drop();
  const auto again = browser(world, 1, "cookie of ann");
  again->comeBack(credentials);
  world.settle();
  again->leave();
  again->join("other", "ann", 1);
  CHECK(acked(world, *again) == "ack 1 ok");
  const auto eve = browser(world, 1, "cookie of eve");
  eve->packet("40");
  eve->join("other", "ann", 2);
  CHECK(acked(world, *eve) == "ack 2 FOREIGN_USER");
}

TEST_CASE("a session made over REST waits for its creator", "[server][secret]") {
  World world;
  api::CreateSession request;
  request.creatorId = "ann";
  request.creatorName = "Ann";
  const std::string how = GENERATE("creatorSecret", "cookie", "nothing");
  CAPTURE(how);
  if (how == "creatorSecret") request.creatorSecret = "a secret word";
  const RestReply reply =
      world.worker(0).rest().createSession(request, bound(), {how == "cookie" ? "cookie of ann" : std::string_view()});
  REQUIRE(reply.status == 201);
  CHECK(reply.body.find("secret") == std::string::npos);
  const std::string room = json::parse(reply.body)["sessionId"];
  const auto eve = browser(world, 1, "cookie of eve"), ann = browser(world, 1, "cookie of ann");
  eve->packet("40");
  ann->packet(how == "creatorSecret" ? R"(40{"userSecret":"a secret word"})" : "40");
  if (how == "nothing") {  // then whoever comes first is it
    ann->join(room, "ann", 1);
    CHECK(acked(world, *ann) == "ack 1 ok");
  }
  eve->join(room, "ann", 2);
  CHECK(acked(world, *eve) == "ack 2 FOREIGN_USER");
  if (how == "nothing") return;
  ann->join(room, "ann", 3);
  CHECK(acked(world, *ann) == "ack 3 ok");
}

TEST_CASE("a name is free again when its user is gone", "[server][secret]") {
  store::ZoneSettings settings;
  settings.userTimeout = 60'000;
  World world(2, settings);
  const auto bob = browser(world, 0, "cookie of bob"), ann = browser(world, 0, "cookie of ann");
  seat(world, *bob, "room", "bob");
  seat(world, *ann, "room", "ann");
  const bool leaves = GENERATE(false, true);
  if (leaves) {
    ann->leave();
  } else {
    ann->drop();
    world.advance(70'000, 500);
  }
  world.settle();
  const auto other = browser(world, 1, "cookie of another");
  other->packet("40");
  other->join("room", "ann", 1);
  CHECK(acked(world, *other) == "ack 1 ok");
}

TEST_CASE("where nothing is asked for, nobody is bound, and nobody kept out", "[server][secret]") {
  World world;
  WsClient open(world, 0), other(world, 1);
  open.packet(R"(40{"userSecret":5})");
  joinWith(open, "ann", "a secret word", 1);
  CHECK(acked(world, open) == "ack 1 ok");
  other.packet("40");
  other.join("room", "ann", 2);
  CHECK(acked(world, other) == "ack 2 ok");
  const auto first = browser(world, 1, "first to show one");
  first->packet("40");
  first->join("room", "ann", 3);
  CHECK(acked(world, *first) == "ack 3 ok");
  const auto second = browser(world, 1, "another");
  second->packet("40");
  second->join("room", "ann", 4);
  CHECK(acked(world, *second) == "ack 4 FOREIGN_USER");
}

TEST_CASE("a sid is of use only where secrets are asked for as where it was given", "[server][secret]") {
  World world;
  const bool wasAsked = GENERATE(false, true);
  PollClient ann(world, 0, wasAsked ? bound() : Options{}, {}, {"cookie of ann"});
  FakePoll poll([](const engineio::Payload&) {});
  const Options other = wasAsked ? Options{} : bound();
  CHECK(world.worker(1).polls().poll(ann.sid, poll, other).outcome == Polls::PollOutcome::kRefused);
  WsClient probe(world, 0, ann.sid, WsClient::Probe{}, other);
  CHECK_FALSE(probe.isOpen());
}

TEST_CASE("a WebSocket that is handed over keeps its secret, where secrets are still asked for",
          "[server][secret][handover]") {
  World world;
  const bool isAsked = GENERATE(false, true);
  const auto ann = browser(world, 0, "cookie of ann");
  seat(world, *ann, "room", "ann");
  ann->nextOptions = isAsked ? bound() : Options{};
  world.reload({2, 3});
  for (int round = 0; round < 100 && world.retire(0); ++round) {
    world.settle();
    world.advance(10, 10);
  }
  world.stop(0);
  world.settle();
  CHECK(ann->closeCode.has_value() == !isAsked);
  if (!isAsked) return;
  ann->leave();
  ann->join("other", "ann", 1);
  CHECK(acked(world, *ann) == "ack 1 ok");
  const auto eve = browser(world, 2, "cookie of eve"), tab = browser(world, 3, "cookie of ann");
  eve->packet("40");
  eve->join("other", "ann", 2);
  CHECK(acked(world, *eve) == "ack 2 FOREIGN_USER");
  tab->packet("40");
  tab->join("other", "ann", 3);
  CHECK(acked(world, *tab) == "ack 3 ok");
}

TEST_CASE("clients of Engine.IO 3 are bound by their cookie, or what they give with the join", "[server][secret]") {
  World world;
  Agreement old;
  old.protocol.revision = engineio::Revision::kV3;
  WsClient ann(world, 0, bound(), old, {"cookie of ann"}), eve(world, 1, bound(), old, {"cookie of eve"});
  const bool gives = GENERATE(false, true);
  const auto join = [&](Client& client, int ack) {
    if (gives) return joinWith(client, "ann", "a secret word", ack);
    client.join("room", "ann", ack);
  };
  join(ann, 1);
  CHECK(acked(world, ann) == "ack 1 ok");
  eve.join("room", "ann", 2);
  CHECK(acked(world, eve) == "ack 2 FOREIGN_USER");
  ann.drop();
  WsClient again(world, 1, bound(), old, {gives ? "another" : "cookie of ann"});
  join(again, 3);
  CHECK(acked(world, again) == "ack 3 ok");
}

TEST_CASE("where NGINX knows its users, secrets are not asked for", "[server][secret][identity]") {
  World world;
  const auto ann = browser(world, 0, "cookie of ann");
  seat(world, *ann, "room", "ann");
  Options known;
  known.user = "ann";
  WsClient other(world, 1, known);
  other.packet("40");
  other.join("room", "ann", 1);
  CHECK(acked(world, other) == "ack 1 ok");
}

TEST_CASE("the secret is found among the cookies, when it is one that was given", "[server][secret]") {
  const std::string id = store::idText(store::RandomId{1, 2, 3});
  CHECK(secretIn("s=" + id, "s") == id);
  CHECK(secretIn("a=1; s=" + id + "; b=2", "s") == id);
  CHECK(secretIn("s=x; s=" + id, "s") == id);
  CHECK(secretIn("ss=" + id + ";s=" + id, "s") == id);
  for (const std::string& cookies : {std::string(), std::string("s"), std::string("s="), "s=" + id + "x", "S=" + id,
                                     "xs=" + id, "s =" + id, "s=\"" + id + "\"", std::string(";;; ;"), id}) {
    INFO(cookies);
    CHECK(secretIn(cookies, "s").empty());
  }
  CHECK(secretCookie("s", id, false) == "s=" + id + "; Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax");
  CHECK(secretCookie("s", id, true) == "s=" + id + "; Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax; Secure");
}
