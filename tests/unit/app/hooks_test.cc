// The operator's rules: what they are asked and told, and what becomes of it.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "core/context/scripts.h"
#include "core/worker/status.h"
#include "tests/unit/worker/world.h"

using namespace mediasync;
using namespace mediasync::server;
using namespace mediasync::server::test;

namespace {

struct Asked {
  std::uint64_t number;
  Hook hook;
  json about;
};

class FakeScripts final : public Scripts {
 public:
  std::set<Hook> hooks;
  std::set<std::string> events;  // NAMESPACE ' ' NAME
  std::vector<Asked> asked;
  std::vector<std::pair<Hook, json>> told;
  std::map<std::uint64_t, Verdict> answers;
  std::set<std::uint64_t> forgotten;
  bool isFull = false;

  bool listens(Hook hook) const override { return hooks.contains(hook); }
  bool listensTo(std::string_view nsp, std::string_view event) const override {
    return events.contains(std::string(nsp).append(" ").append(event));
  }
  bool hasNamespace(std::string_view nsp) const override {
    return std::any_of(events.begin(), events.end(),
                       [&](const std::string& one) { return one.starts_with(std::string(nsp) + " "); });
  }
  std::uint64_t ask(Hook hook, std::string question) override {
    if (isFull) return 0;
    asked.push_back({++last_, hook, json::parse(question)});
    return last_;
  }
  std::optional<Verdict> takeAnswer(std::uint64_t question) override {
    const auto found = answers.find(question);
    return found == answers.end() ? std::nullopt : std::optional(found->second);
  }
  bool isAnswered(std::uint64_t question) const override { return answers.contains(question); }
  void forget(std::uint64_t question) override { forgotten.insert(question); }
  void tell(Hook hook, std::string notice) override { told.emplace_back(hook, json::parse(notice)); }

 private:
  std::uint64_t last_ = 0;
};

struct HookWorld : World {
  explicit HookWorld(std::initializer_list<Hook> hooks) {
    scripts.hooks = hooks;
    env.rules = &scripts;
    options.hooks = true;
  }
  // Answers what was asked last.
  void answer(const Verdict& verdict) {
    scripts.answers[scripts.asked.back().number] = verdict;
    for (std::uint16_t slot : {std::uint16_t{0}, std::uint16_t{1}})
      worker(slot).retries().scriptsAnswered();
    settle();
  }

  FakeScripts scripts;
  Options options;
};

Verdict denial() {
  return {Verdict::Kind::kDeny, "NO", "No", {}};
}

}  // namespace

TEST_CASE("a join waits for the answer, and what comes behind it waits, too", "[server][hooks]") {
  HookWorld world({Hook::kJoin});
  WsClient ann(world, 0, world.options);
  ann.packet("40");
  world.settle();
  ann.join("room", "ann", 1);
  ann.event("heartbeat", nullptr, 2);
  world.settle();
  CHECK(ann.inbox.events("session_joined").empty());
  CHECK(ann.inbox.events("heartbeat_ack").empty());
  REQUIRE(world.scripts.asked.size() == 1);
  CHECK(world.scripts.asked[0].about["data"]["userId"] == "ann");
  CHECK(world.scripts.asked[0].about["event"] == "join_session");
  world.advance(300);  // tried again, and not asked again
  CHECK(world.scripts.asked.size() == 1);
  SECTION("it is allowed") {
    world.answer({});
    CHECK(ann.inbox.events("session_joined").size() == 1);
  }
  SECTION("it is denied") {
    world.answer(denial());
    REQUIRE(ann.inbox.events("error").size() == 1);
    CHECK(ann.inbox.events("error")[0]["code"] == "NO");
    CHECK(ann.inbox.events("session_joined").empty());
  }
  SECTION("it is changed") {
    world.answer({Verdict::Kind::kAllow, {}, {}, R"({"sessionId":"room","userId":"ann","username":"Other"})"});
    REQUIRE(ann.inbox.events("session_joined").size() == 1);
    CHECK(ann.inbox.events("session_joined")[0]["session"]["users"][0]["username"] == "Other");
  }
  SECTION("it is changed into nonsense") {
    world.answer({Verdict::Kind::kAllow, {}, {}, "[1"});
    CHECK(ann.inbox.events("error")[0]["code"] == "INVALID_PAYLOAD");
  }
  SECTION("the scripts fail") {
    world.answer({Verdict::Kind::kFailed, {}, {}, {}});
    CHECK(ann.inbox.events("error")[0]["code"] == "HOOK_FAILED");
  }
  SECTION("there is no answer") {
    world.advance(2'500);
    CHECK(ann.inbox.events("error")[0]["code"] == "HOOK_FAILED");
    CHECK(world.scripts.forgotten == std::set<std::uint64_t>{1});
  }
  CHECK(ann.inbox.events("heartbeat_ack").size() == 1);
}

TEST_CASE("a command that nobody answers goes on where it may, a join never", "[server][hooks]") {
  HookWorld world({Hook::kCommand});
  world.options.hooksMayFail = GENERATE(true, false);
  WsClient ann(world, 0, world.options);
  ann.packet("40");
  world.settle();
  ann.join("room", "ann");
  world.settle();
  REQUIRE(ann.inbox.events("session_joined").size() == 1);
  ann.sync(7);
  world.advance(2'500);
  CHECK(ann.inbox.events("playback_sync").size() == (world.options.hooksMayFail ? 1 : 0));
  world.scripts.hooks.insert(Hook::kJoin);
  world.scripts.isFull = true;
  ann.join("room", "ann");
  world.settle();
  CHECK(ann.inbox.events("error").back()["code"] == "HOOK_FAILED");
}

TEST_CASE("a command that waits for scripts keeps nobody else of its session waiting", "[server][hooks]") {
  HookWorld world({Hook::kCommand});
  WsClient bob(world, 0), ann(world, 0, world.options);
  seat(world, bob, "room", "bob");
  seat(world, ann, "room", "ann");
  ann.sync(7);
  REQUIRE(world.scripts.asked.size() == 1);
  bob.event("request_leadership", nullptr);
  world.settle();
  REQUIRE(bob.inbox.events("error").size() == 1);
  CHECK(bob.inbox.events("error")[0]["code"] == "LEADER_ACTIVE");
}

TEST_CASE("nobody joins where scripts should be asked and have not come", "[server][hooks]") {
  World world;
  Options options;
  options.hooks = true;
  WsClient ann(world, 0, options);
  ann.packet("40");
  world.settle();
  CHECK(ann.inbox.socketId.empty());
}

TEST_CASE("a join is counted once however often it is tried", "[server][hooks]") {
  HookWorld world({Hook::kJoin});
  world.options.rates.joins = Rate{60, 1};  // one, and none for a second
  WsClient ann(world, 0, world.options);
  ann.packet("40");
  world.settle();
  ann.join("room", "ann");
  world.settle();
  world.advance(150);
  world.answer({});
  CHECK(ann.inbox.events("session_joined").size() == 1);
  ann.join("room", "ann");
  world.settle();
  world.answer({});
  REQUIRE(ann.inbox.events("error").size() == 1);
  CHECK(ann.inbox.events("error")[0]["code"] == "RATE_LIMITED");
}

TEST_CASE("a client that goes takes its question along", "[server][hooks]") {
  HookWorld world({Hook::kJoin});
  {
    WsClient ann(world, 0, world.options);
    ann.packet("40");
    world.settle();
    ann.join("room", "ann");
    world.settle();
    REQUIRE(world.scripts.asked.size() == 1);
    world.kill(0);
  }
  CHECK(world.scripts.forgotten == std::set<std::uint64_t>{1});
}

TEST_CASE("scripts are told what happens to sessions, each thing once", "[server][hooks]") {
  HookWorld world({Hook::kLeave, Hook::kSessionCreated, Hook::kLeadership, Hook::kDisconnect});
  world.worker(0).hooks().listenToNotices();
  world.worker(1).hooks().listenToNotices();
  WsClient ann(world, 0, world.options), bob(world, 1, world.options);
  ann.packet("40");
  bob.packet("40");
  world.settle();
  ann.join("room", "ann");
  world.settle();
  bob.join("room", "bob");
  world.settle();
  ann.leave();
  world.settle();
  using Told = std::vector<std::pair<Hook, json>>;
  CHECK(world.scripts.told == Told{{Hook::kSessionCreated, {{"sessionId", "room"}, {"userId", "ann"}}},
                                   {Hook::kLeave, {{"sessionId", "room"}, {"userId", "ann"}}},
                                   {Hook::kLeadership, {{"sessionId", "room"}, {"userId", "bob"}}}});
}

TEST_CASE("joins that scripts refuse count, too: they are asked no more often than anybody may join",
          "[server][hooks]") {
  HookWorld world({Hook::kJoin});
  world.options.rates.joins = {60, 3};
  WsClient ann(world, 0, world.options);
  ann.packet("40");
  world.settle();
  for (int i = 0; i < 5; ++i) {
    ann.join("room", "ann");
    world.settle();
    if (world.scripts.answers.size() < world.scripts.asked.size()) world.answer(denial());
  }
  CHECK(world.scripts.asked.size() == 3);
  const auto errors = ann.inbox.events("error");
  REQUIRE(errors.size() == 5);
  CHECK(errors[2]["code"] == "NO");
  CHECK(errors[3]["code"] == "RATE_LIMITED");
}

TEST_CASE("scripts follow what members are told", "[server][hooks]") {
  HookWorld world({Hook::kSessionEvent});
  world.worker(0).hooks().listenToNotices();
  world.worker(1).hooks().listenToNotices();
  WsClient ann(world, 0, world.options);
  ann.packet("40");
  world.settle();
  ann.join("room", "ann");
  world.settle();
  world.scripts.told.clear();
  ann.event("load_media", {{"mediaUrl", "https://films.example.org/f.mp4"}});
  world.settle();
  REQUIRE(!world.scripts.told.empty());
  const auto& [hook, about] = world.scripts.told.front();
  CHECK(hook == Hook::kSessionEvent);
  CHECK(about["sessionId"] == "room");
  CHECK(about["event"] == "media_loaded");
  CHECK(about["arguments"][0]["mediaUrl"] == "https://films.example.org/f.mp4");
  world.scripts.told.clear();
  ann.event("load_media", {{"mediaUrl", ""}});  // refused: nobody is told anything
  world.settle();
  CHECK(world.scripts.told.empty());
  world.scripts.hooks = {Hook::kLeave};
  world.worker(0).hooks().listenToNotices();
  ann.event("load_media", {{"mediaUrl", "https://films.example.org/g.mp4"}});
  world.settle();
  CHECK(world.scripts.told.empty());
}

TEST_CASE("an acknowledgement says what was asked, once", "[server][hooks]") {
  HookWorld world({Hook::kAnswer, Hook::kConnect});
  WsClient ann(world, 0, world.options);
  ann.packet("40");
  world.settle();
  const std::string connection = world.scripts.asked[0].about["socket"]["connection"];
  world.answer({});
  ann.inbox.packets();
  const json question{{"connection", connection}, {"event", "ready?"}, {"question", 7}};
  CHECK(json::parse(world.worker(1).scriptCalls().call("emit", question))["ok"] == true);
  world.settle();
  CHECK(ann.inbox.packets() == Strings{R"(4230064771072["ready?"])"});  // 7 << 32
  ann.packet(R"(4330064771073["not asked"])");
  world.settle();
  CHECK(world.scripts.told.empty());
  ann.packet(R"(4330064771072["yes",1])");
  ann.packet(R"(4330064771072["yes",2])");
  world.settle();
  REQUIRE(world.scripts.told.size() == 1);
  CHECK(world.scripts.told[0].second["question"] == 7);
  CHECK(world.scripts.told[0].second["arguments"] == json::array({"yes", 1}));
  json bad = question;
  bad["question"] = 1 << 20;
  CHECK(json::parse(world.worker(1).scriptCalls().call("emit", bad))["code"] == "INVALID_ARGUMENT");
}

TEST_CASE("scripts reach every connection, shard by shard", "[server][hooks]") {
  HookWorld world({});
  WsClient ann(world, 0, world.options);
  PollClient bob(world, 1, world.options);
  WsClient stranger(world, 1, world.options);  // has connected to no namespace
  ann.packet("40");
  seat(world, bob, "room", "bob");
  world.settle();
  ann.inbox.packets();
  std::size_t sent = 0;
  for (std::uint32_t shard = 0; shard < world.zone.shards(); ++shard) {
    const auto answer =
        json::parse(world.worker(0).scriptCalls().call("emit", {{"event", "notice"}, {"arguments", {"x"}}, {"shard", shard}}));
    REQUIRE(answer["ok"] == true);
    CHECK(answer["result"]["shards"] == world.zone.shards());
    sent += answer["result"]["sent"].get<std::size_t>();
  }
  world.settle();
  CHECK(sent == 2);
  CHECK(ann.inbox.packets() == Strings{R"(42["notice","x"])"});
  for (const json& shard : {json(world.zone.shards()), json(-1), json("0"), json(nullptr)})
    CHECK(json::parse(world.worker(0).scriptCalls().call("emit", {{"event", "notice"}, {"shard", shard}}))["ok"] == false);
}

TEST_CASE("scripts send no event at which clients end their connection", "[server][hooks]") {
  HookWorld world({});
  WsClient ann(world, 0, world.options);
  seat(world, ann, "room", "ann");
  forgetNews(world);
  for (const char* name :
       {"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"}) {
    CAPTURE(name);
    for (const json& to :
         {json{{"sessionId", "room"}}, json{{"sessionId", "room"}, {"userId", "ann"}}, json{{"shard", 0}}}) {
      json arguments = to;
      arguments["event"] = name;
      CHECK(json::parse(world.worker(1).scriptCalls().call("emit", arguments))["code"] == "INVALID_ARGUMENT");
    }
  }
  world.settle();
  CHECK(ann.inbox.news().empty());
}

TEST_CASE("an event of the scripts' own is answered by them", "[server][hooks]") {
  HookWorld world({Hook::kEvent});
  world.scripts.events = {"/ chat"};
  WsClient ann(world, 0, world.options);
  ann.packet("40");
  world.settle();
  ann.event("chat", "hello", 5);
  world.settle();
  REQUIRE(world.scripts.asked.size() == 1);
  CHECK(world.scripts.asked[0].about["arguments"] == json::array({"hello"}));
  CHECK(world.scripts.asked[0].about["acknowledge"] == true);
  ann.inbox.packets();
  SECTION("with values") {
    world.answer({Verdict::Kind::kAllow, {}, {}, R"([1,"two"])"});
    CHECK(ann.inbox.packets() == Strings{R"(435[1,"two"])"});
  }
  SECTION("with nothing") {
    world.answer({});
    CHECK(ann.inbox.packets() == Strings{"435[]"});
  }
  SECTION("with a refusal") {
    world.answer(denial());
    CHECK(ann.inbox.packets().size() == 2);
    CHECK(ann.inbox.events("error")[0]["code"] == "NO");
  }
}

TEST_CASE("an event with attachments waits whole for the scripts, also in the next process",
          "[server][hooks][binary]") {
  HookWorld world({Hook::kEvent});
  world.scripts.events = {"/ picture"};
  const std::string bytes("\0\xff\n", 3);
  WsClient ann(world, 0, world.options);
  ann.nextOptions = world.options;
  ann.packet("40");
  world.settle();
  ann.packet(R"(452-7["picture",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}])");
  ann.binary("first");
  world.settle();
  CHECK(world.scripts.asked.empty());
  ann.binary(bytes);
  ann.event("heartbeat", nullptr, 8);  // waits behind it
  world.settle();
  REQUIRE(world.scripts.asked.size() == 1);
  const json about = world.scripts.asked[0].about;
  CHECK(about["attachments"] == json::array({"Zmlyc3Q=", "AP8K"}));
  CHECK(about["arguments"][1]["num"] == 0);
  ann.inbox.packets();
  const Verdict bytesBack{
      Verdict::Kind::kAllow, {}, {}, R"({"values":[{"_placeholder":true,"num":0},3],"attachments":["AP8K"]})"};
  SECTION("it is answered with bytes") {
    world.answer(bytesBack);
    const Strings packets = ann.inbox.packets();
    REQUIRE(packets.size() >= 3);
    CHECK(packets[0] == R"(461-7[{"_placeholder":true,"num":0},3])");
    CHECK(packets[1] == "b" + bytes);
  }
  SECTION("after a reload it is asked about again, with all its bytes") {
    world.reload({2, 3});
    CHECK(world.retire(0));
    world.settle();
    world.stop(0);
    world.stop(1);
    world.advance(1'000);
    CHECK_FALSE(ann.closeCode);
    REQUIRE(world.scripts.asked.size() == 2);
    CHECK(world.scripts.asked[1].about == about);
    world.scripts.answers[world.scripts.asked.back().number] = bytesBack;
    world.worker(ann.slot()).retries().scriptsAnswered();
    world.settle();
    const Strings packets = ann.inbox.packets();
    REQUIRE(packets.size() >= 3);
    CHECK(packets[0] == R"(461-7[{"_placeholder":true,"num":0},3])");
    CHECK(packets[1] == "b" + bytes);
    CHECK(ann.inbox.events("heartbeat_ack").size() == 1);
  }
  SECTION("attachments that are none count as none") {
    const char* nothing = GENERATE(R"({"values":[]})", "{}", "1", R"("x")");
    CAPTURE(nothing);
    world.answer({Verdict::Kind::kAllow, {}, {}, nothing});
    CHECK(ann.inbox.packets().front() == "437[]");
  }
  SECTION("attachments that do not go with the values are an answer that failed") {
    const std::string broken = GENERATE(as<std::string>(), R"({"values":1,"attachments":[]})",
                                        R"({"values":[],"attachments":["?"]})", R"({"values":[],"attachments":"AP8K"})",
                                        R"({"values":[{"_placeholder":true,"num":1}],"attachments":["AP8K"]})",
                                        R"({"values":[],"attachments":["","","","","","","","","","",""]})", "[1",
                                        std::string(65, '[') + std::string(65, ']'));
    CAPTURE(broken);
    world.answer({Verdict::Kind::kAllow, {}, {}, broken});
    CHECK_FALSE(ann.closeCode);
    CHECK(ann.inbox.events("error").back()["code"] == "HOOK_FAILED");
  }
  SECTION("nobody takes attachments for an event that scripts do not have") {
    world.answer({});
    ann.packet(R"(451-["other",{"_placeholder":true,"num":0}])");
    ann.binary("skipped");
    world.settle();
    CHECK(ann.inbox.events("error").back()["code"] == "BINARY_UNSUPPORTED");
    CHECK(world.scripts.asked.size() == 1);
  }
  SECTION("a placeholder of nothing is a broken packet") {
    world.answer({});
    ann.packet(R"(451-["picture",{"_placeholder":true,"num":1}])");
    ann.binary("x");
    world.settle();
    CHECK(ann.closeCode);
    CHECK(world.scripts.asked.size() == 1);
  }
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("over polling attachments come in several POSTs, and what scripts send is not torn apart",
          "[server][hooks][binary]") {
  HookWorld world({Hook::kEvent, Hook::kAnswer});
  world.scripts.events = {"/ picture"};
  PollClient ann(world, 0, world.options);
  ann.polls = true;
  ann.rota = {0, 1};
  seat(world, ann, "room", "ann");
  ann.packet(R"(452-["picture",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}])");
  world.settle();
  ann.binary("first");
  world.settle();
  ann.binary("second");
  world.settle();
  REQUIRE(world.scripts.asked.size() == 1);
  CHECK(world.scripts.asked[0].about["attachments"] == json::array({"Zmlyc3Q=", "c2Vjb25k"}));
  world.answer({});
  ann.inbox.packets();
  const json connection = world.scripts.asked[0].about["socket"]["connection"];
  const json event{
      {"event", "e"}, {"arguments", json::parse(R"([{"_placeholder":true,"num":0}])")}, {"attachments", {"AP8K"}}};
  const auto emit = [&](json to) {
    to.update(event);
    return json::parse(world.worker(1).scriptCalls().call("emit", to));
  };
  CHECK(emit({{"connection", connection}})["result"] == 1);
  CHECK(emit({{"sessionId", "room"}})["result"] == 1);
  CHECK(emit({{"sessionId", "room"}, {"userId", "ann"}})["result"] == 1);
  world.settle();
  const std::string bytes("\0\xff\n", 3);
  const std::string text = R"(451-["e",{"_placeholder":true,"num":0}])";
  CHECK(ann.inbox.packets() == Strings{text, "b" + bytes, text, "b" + bytes, text, "b" + bytes});
  json many = event;
  many["attachments"] = json(11, "AP8K");
  many["connection"] = connection;
  CHECK(json::parse(world.worker(0).scriptCalls().call("emit", many))["code"] == "INVALID_ARGUMENT");
  many["attachments"] = {std::string(60'000, 'A')};
  CHECK(json::parse(world.worker(0).scriptCalls().call("emit", many))["code"] == "EVENT_TOO_LONG");
  many["attachments"] = {"AP8K"};
  many["arguments"] = json::parse(R"([{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}])");
  CHECK(json::parse(world.worker(0).scriptCalls().call("emit", many))["code"] == "INVALID_ARGUMENT");
  many["attachments"] = "AP8K";
  CHECK(json::parse(world.worker(0).scriptCalls().call("emit", many))["code"] == "INVALID_ARGUMENT");
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("bytes that are too many are refused, and skipped", "[server][hooks][binary]") {
  HookWorld world({Hook::kEvent});
  world.scripts.events = {"/ picture"};
  const bool polls = GENERATE(false, true);
  CAPTURE(polls);
  const std::string header = R"(452-["picture",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}])";
  const auto check = [&](auto& ann) {
    ann.packet("40");
    world.settle();
    for (const std::size_t size : {std::size_t{70'000}, std::size_t{100}}) {
      ann.packet(header);
      world.settle();
      ann.binary(std::string(size, 'x'));
      world.settle();
      ann.binary("second");
      world.settle();
    }
    world.answer({});
    ann.packet(R"(451-["picture",")" + std::string(70'000, 'x') + R"(",{"_placeholder":true,"num":0}])");
    world.settle();
    ann.binary("third");
    world.settle();
    CHECK(ann.inbox.events("error").size() == 2);
    CHECK(ann.inbox.events("error").back()["code"] == "BINARY_TOO_LONG");
    REQUIRE(world.scripts.asked.size() == 1);
    CHECK(world.scripts.asked[0].about["attachments"][1] == "c2Vjb25k");
  };
  if (polls) {
    PollClient ann(world, 0, world.options);
    ann.polls = true;
    check(ann);
  } else {
    WsClient ann(world, 0, world.options);
    check(ann);
    CHECK_FALSE(ann.closeCode);
  }
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("attachments that do not come for two heartbeats end the connection", "[server][hooks][binary]") {
  HookWorld world({Hook::kEvent});
  world.scripts.events = {"/ picture"};
  const bool polls = GENERATE(false, true);
  const bool goesOn = GENERATE(false, true);
  CAPTURE(polls, goesOn);
  const auto wait = [&](auto& ann, const auto& isGone) {
    ann.packet("40");
    world.settle();
    ann.packet(R"(453-["picture",{"_placeholder":true,"num":0}])");
    world.settle();
    world.advance(26'000);
    CHECK_FALSE(isGone());
    if (goesOn) ann.binary("next");
    world.settle();
    world.advance(26'000);
    CHECK(isGone() == !goesOn);
  };
  if (polls) {
    PollClient ann(world, 0, world.options);
    ann.polls = true;
    wait(ann, [&] { return world.zone.connectionCount() == 0; });
  } else {
    WsClient ann(world, 0, world.options);
    wait(ann, [&] { return ann.closeCode.has_value(); });
  }
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("who reads slowly is sent no more than it may leave unread, and loses nothing by it", "[server][hooks]") {
  HookWorld world({});
  WsClient ann(world, 0, world.options);
  seat(world, ann, "room", "ann");
  ann.inbox.packets();
  ann.makeRoom(0);
  json event{{"sessionId", "room"}, {"userId", "ann"}, {"event", "x"}, {"arguments", {std::string(20'000, 'x'), 0}}};
  json answer;
  int sent = 0;
  for (; sent < 100; ++sent) {
    event["arguments"][1] = sent;
    answer = json::parse(world.worker(1).scriptCalls().call("emit", event));
    if (answer["ok"] == false) break;
    world.settle();
  }
  CHECK(answer["code"] == "BACKLOGGED");
  CHECK(sent >= 4);
  CHECK(sent <= 8);
  ann.makeRoom(1 << 20);
  world.settle();
  const std::vector<json> events = ann.inbox.events("x");
  CHECK(events.size() == static_cast<std::size_t>(sent));
  CHECK_FALSE(ann.closeCode);
  event["arguments"] = json::array({"at last"});
  CHECK(json::parse(world.worker(1).scriptCalls().call("emit", event))["ok"] == true);
  world.settle();
  CHECK(ann.inbox.events("x").back() == "at last");
}

TEST_CASE("what does not fit beside what waits is not sent, and ends nobody", "[server][hooks]") {
  HookWorld world({});
  PollClient ann(world, 0, world.options);
  seat(world, ann, "room", "ann");
  ann.polls = true;
  world.settle();
  ann.polls = false;
  const json event{{"sessionId", "room"}, {"userId", "ann"}, {"event", "x"}, {"arguments", {std::string(32'700, 'x')}}};
  CHECK(json::parse(world.worker(0).scriptCalls().call("emit", event))["ok"] == true);
  // Nobody has collected it, and the bytes of both would fit, but not with what is kept of each.
  CHECK(json::parse(world.worker(1).scriptCalls().call("emit", event))["code"] == "BACKLOGGED");
  ann.polls = true;
  world.settle();
  CHECK(ann.inbox.events("x").size() == 1);
  CHECK(world.zone.connectionCount() == 1);
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("a client that collects nothing is refused more events, and can be kicked all the same", "[server][hooks]") {
  HookWorld world({});
  PollClient ann(world, 0, world.options);
  seat(world, ann, "room", "ann");
  const json event{{"sessionId", "room"}, {"userId", "ann"}, {"event", "x"}, {"arguments", {1}}};
  json answer;
  for (int i = 0; i < 200 && answer["ok"] != false; ++i)
    answer = json::parse(world.worker(0).scriptCalls().call("emit", event));
  CHECK(answer["code"] == "BACKLOGGED");
  const json user{{"sessionId", "room"}, {"userId", "ann"}};
  CHECK(json::parse(world.worker(0).scriptCalls().call("kick", user))["ok"] == true);
  CHECK(json::parse(world.worker(0).scriptCalls().call("kick", user))["code"] == "USER_NOT_FOUND");
}

TEST_CASE("a session that scripts have ended goes, whatever becomes of the worker that did it", "[server][hooks]") {
  HookWorld world({});
  WsClient ann(world, 0, world.options);
  world.settle();
  seat(world, ann, "room", "ann");
  {
    WsClient bob(world, 0, world.options);
    seat(world, bob, "old", "bob");
  }  // and is away: another session without connections
  world.settle();
  CHECK(json::parse(world.worker(1).scriptCalls().call("end_session", {{"sessionId", "room"}}))["ok"] == true);
  world.kill(1);
  SECTION("it goes") {
    world.advance(3'000);
    CHECK(world.zone.sessionCount() == 1);
  }
  SECTION("unless somebody joins before") {
    ann.join("room", "ann");
    world.advance(3'000);
    CHECK(world.zone.sessionCount() == 2);
  }
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("scripts emit, appoint, kick and end, from any worker", "[server][hooks]") {
  HookWorld world({});
  WsClient ann(world, 0, world.options), bob(world, 1, world.options);
  world.settle();
  seat(world, ann, "room", "ann");
  seat(world, bob, "room", "bob");
  const auto call = [&](std::string_view operation, const json& arguments) {
    const json answer = json::parse(world.worker(0).scriptCalls().call(operation, arguments));
    world.settle();
    return answer;
  };
  CHECK(call("emit", {{"sessionId", "room"}, {"event", "news"}, {"arguments", {1}}})["result"] == 2);
  CHECK(ann.inbox.events("news") == std::vector<json>{1});
  CHECK(bob.inbox.events("news") == std::vector<json>{1});
  CHECK(call("emit", {{"sessionId", "room"}, {"event", std::string(4000, 'x')}})["code"] == "EVENT_TOO_LONG");
  CHECK(call("emit", {{"sessionId", "room"}, {"userId", "bob"}, {"event", "psst"}})["result"] == 1);
  CHECK(call("set_leader", {{"sessionId", "room"}, {"userId", "bob"}})["ok"] == true);
  CHECK(ann.inbox.events("leadership_changed").back()["newLeaderId"] == "bob");
  CHECK(call("kick", {{"sessionId", "room"}, {"userId", "bob"}})["ok"] == true);
  CHECK(bob.inbox.events("error").back()["code"] == "KICKED");
  CHECK(call("kick", {{"sessionId", "room"}, {"userId", "bob"}})["code"] == "USER_NOT_FOUND");
  CHECK(call("end_session", {{"sessionId", "room"}})["ok"] == true);
  CHECK(ann.inbox.events("error").back()["code"] == "SESSION_CLOSED");
  world.advance(2'000);
  CHECK(world.zone.sessionCount() == 0);
  CHECK(call("nothing", json::object())["code"] == "UNKNOWN_OPERATION");
  CHECK(call("get", json::array())["code"] == "INVALID_ARGUMENT");
  CHECK(call("emit", {{"connection", "1-2-3-4"}, {"event", "x"}})["ok"] == false);
  CHECK(call("list", {{"limit", -1}})["ok"].is_boolean());
  REQUIRE_INVARIANTS(world.zone);
}

TEST_CASE("the time of questions is counted, of those that are given up as well", "[server][hooks][status]") {
  HookWorld world({Hook::kJoin});
  const auto times = [&] {
    for (const api::Distribution& one : statusOf(world.zone, "rooms", world.env.time).distributions) {
      if (one.name == "hook_seconds") return one;
    }
    return api::Distribution{};
  };
  WsClient ann(world, 0, world.options);
  ann.packet("40");
  world.settle();
  CHECK(times().count() == 0);
  ann.join("room", "ann");
  world.settle();
  world.env.microseconds += 700;
  world.answer({});
  CHECK(times().count() == 1);
  CHECK(times().sum == 700);
  ann.join("room", "ann");
  world.settle();
  world.advance(world.options.hookTimeout + 100);
  CHECK(times().count() == 2);
  CHECK(times().sum >= static_cast<std::uint64_t>(world.options.hookTimeout) * 1000);
}
