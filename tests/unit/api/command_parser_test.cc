#include "core/api/command_parser.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <limits>

using namespace mediasync;
using nlohmann::json;

namespace {

using Parsed = std::variant<session::Command, session::Refusal>;

const json kAbsent = "(absent)";

// What a field accepts, besides its own type.
struct Field {
  const char* event;
  const char* name;
  json::value_t type;
  bool required;
  session::Refusal refusal;
  std::size_t maxBytes = 0;
  bool mayBeEmpty = false;
};

constexpr auto kText = json::value_t::string;
constexpr auto kNumber = json::value_t::number_float;
constexpr auto kBoolean = json::value_t::boolean;

const Field kFields[] = {
    {"join_session", "sessionId", kText, true, session::kInvalidSessionId, 128},
    {"join_session", "userId", kText, true, session::kInvalidUserId, 128},
    {"join_session", "username", kText, true, session::kInvalidUsername, 256},
    {"join_session", "avatar", kText, false, session::kInvalidAvatar, 2048, true},
    {"sync_playback", "position", kNumber, true, session::kInvalidPosition},
    {"sync_playback", "isPlaying", kBoolean, true, session::kInvalidIsPlaying},
    {"sync_playback", "mediaUrl", kText, false, session::kInvalidMediaUrl, 2048, true},
    {"sync_playback", "mediaId", kText, false, session::kInvalidMediaId, 256, true},
    {"sync_playback", "playbackRate", kNumber, false, session::kInvalidPlaybackRate},
    {"load_media", "mediaUrl", kText, true, session::kInvalidMediaUrl, 2048},
    {"load_media", "mediaId", kText, false, session::kInvalidMediaId, 256, true},
    {"load_media", "mediaTitle", kText, false, session::kInvalidMediaTitle, 512, true},
    {"load_media", "mediaDuration", kNumber, false, session::kInvalidMediaDuration},
    {"report_desync", "reportedPosition", kNumber, true, session::kInvalidReport},
    {"report_desync", "reportedTime", kNumber, false, session::kInvalidReport},
};

json validData(const std::string& event) {
  if (event == "join_session") {
    return {{"sessionId", "s"}, {"userId", "u"}, {"username", "n"}, {"avatar", "a"}};
  }
  if (event == "sync_playback") {
    return {{"position", 1.5}, {"isPlaying", true}, {"mediaUrl", "m"}, {"mediaId", "i"}, {"playbackRate", 2}};
  }
  if (event == "load_media") {
    return {{"mediaUrl", "m"}, {"mediaId", "i"}, {"mediaTitle", "t"}, {"mediaDuration", 60}};
  }
  return {{"reportedPosition", 3}, {"reportedTime", 1640995200}};
}

// The same refusal comes of the event where its data is read without decoding.
void checkFlat(const json& args, const Parsed& parsed) {
  if (!args.is_array() || args.empty() || !args[0].is_string() || (args.size() > 1 && !args[1].is_object())) return;
  const std::string text = args.size() > 1 ? args[1].dump(-1, ' ', false, json::error_handler_t::replace) : "";
  FlatObject data;
  if (!text.empty() && (json::parse(text) != args[1] || !FlatJsonReader(text).takeObject(data))) return;
  const Parsed flat = api::parseCommand(args[0].get_ref<const std::string&>(), text.empty() ? nullptr : &data);
  REQUIRE(flat.index() == parsed.index());
  if (const auto* refusal = std::get_if<session::Refusal>(&parsed)) {
    CHECK(std::get<session::Refusal>(flat) == *refusal);
  } else {
    CHECK(std::get<session::Command>(flat).index() == std::get<session::Command>(parsed).index());
  }
}

session::Refusal refusalOf(const json& args) {
  const Parsed parsed = api::parseCommand(args);
  checkFlat(args, parsed);
  const auto* refusal = std::get_if<session::Refusal>(&parsed);
  return refusal != nullptr ? *refusal : session::Refusal{};
}

// What becomes of the event when one field of otherwise valid data is `value`.
session::Refusal refusalWith(const Field& field, const json& value) {
  json data = validData(field.event);
  data[field.name] = value;
  if (value == kAbsent) data.erase(field.name);
  return refusalOf({field.event, data});
}

// The command in `args`, which must outlive it.
template <typename C>
C commandOf(const json& args) {
  const Parsed parsed = api::parseCommand(args);
  REQUIRE(std::holds_alternative<session::Command>(parsed));
  const auto& command = std::get<session::Command>(parsed);
  REQUIRE(std::holds_alternative<C>(command));
  return std::get<C>(command);
}

bool isOfType(const json& value, json::value_t type) {
  return type == kNumber ? value.is_number() : value.type() == type;
}

}  // namespace

TEST_CASE("each field of each event refuses every other type", "[api]") {
  const json values[] = {true,
                         false,
                         5,
                         -7,
                         1.5,
                         "12.5",
                         "true",
                         "x",
                         json::array(),
                         json::array({1}),
                         json::object(),
                         {{"a", 1}},
                         json::binary({1, 2})};
  for (const Field& field : kFields) {
    for (const json& value : values) {
      if (isOfType(value, field.type)) continue;
      INFO(field.event << "." << field.name << " = " << value);
      CHECK(refusalWith(field, value) == field.refusal);
    }
  }
}

TEST_CASE("required fields must be there, optional ones may be absent or null", "[api]") {
  for (const Field& field : kFields) {
    const session::Refusal expected = field.required ? field.refusal : session::Refusal{};
    INFO(field.event << "." << field.name);
    CHECK(refusalWith(field, nullptr) == expected);
    CHECK(refusalWith(field, kAbsent) == expected);
  }
}

TEST_CASE("texts keep their limits and hold no control characters", "[api]") {
  for (const Field& field : kFields) {
    if (field.type != kText) continue;
    INFO(field.event << "." << field.name);
    CHECK_FALSE(refusalWith(field, std::string(field.maxBytes, 'x')));
    CHECK(refusalWith(field, std::string(field.maxBytes + 1, 'x')) == field.refusal);
    CHECK(refusalWith(field, "") == (field.mayBeEmpty ? session::Refusal{} : field.refusal));
    CHECK_FALSE(refusalWith(field, "\"quoted\" \\ Zoë 🎬"));
    for (const char* text : {"a\nb", "\t", "\x1b[0m", "\x7f", "\u0085"})
      CHECK(refusalWith(field, text) == field.refusal);
    CHECK(refusalWith(field, std::string("a\0b", 3)) == field.refusal);
    CHECK(refusalWith(field, "\xC3\x28") == field.refusal);
  }
}

TEST_CASE("numbers keep their ranges", "[api]") {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  for (const Field& field : kFields) {
    if (field.type != kNumber) continue;
    INFO(field.event << "." << field.name);
    for (const double value : {kInfinity, -kInfinity, std::numeric_limits<double>::quiet_NaN()}) {
      CHECK(refusalWith(field, value) == field.refusal);
    }
    const bool mayBeNegative = field.refusal == session::kInvalidReport;
    CHECK(refusalWith(field, -0.001) == (mayBeNegative ? session::Refusal{} : field.refusal));
  }
  const Field& rate = kFields[8];
  for (const double value : {0.0625, 1.0, 16.0})
    CHECK_FALSE(refusalWith(rate, value));
  for (const double value : {0.0, 0.0624, 16.001, -1.0})
    CHECK(refusalWith(rate, value) == rate.refusal);
}

TEST_CASE("data that is not an object is refused where an object is needed", "[api]") {
  for (const char* event : {"join_session", "sync_playback", "load_media", "report_desync"}) {
    INFO(event);
    CHECK(refusalOf(json::array({event})) == session::kInvalidPayload);
    for (const json& data : {json(nullptr), json(5), json("x"), json::array({1}), json(true), json::binary({1})}) {
      CHECK(refusalOf(json::array({event, data})) == session::kInvalidPayload);
    }
  }
}

TEST_CASE("events without data take any and ignore it", "[api]") {
  for (const json& data : {json(nullptr), json(5), json("x"), json::array({1}), json({{"a", 1}})}) {
    commandOf<session::LeaveSession>(json::array({"leave_session", data}));
    commandOf<session::RequestLeadership>(json::array({"request_leadership", data, data}));
    commandOf<session::Heartbeat>(json::array({"heartbeat", data}));
    commandOf<session::RequestSessionState>(json::array({"request_session_state", data}));
  }
  commandOf<session::Heartbeat>(json::array({"heartbeat"}));
}

TEST_CASE("anything else is an unknown event", "[api]") {
  for (const json& args : {json::array({"nope"}), json::array({""}), json::array({"Heartbeat"}), json::array(),
                           json::array({5, json::object()}), json::array({nullptr}), json::object(), json(nullptr),
                           json("heartbeat"), json(), json::array({"session_joined", json::object()})}) {
    INFO(args);
    CHECK(refusalOf(args) == session::kUnknownEvent);
  }
}

TEST_CASE("join_session", "[api]") {
  const json args = json::parse(
      R"(["join_session",{"sessionId":"my-session-id","userId":"user-123","username":"Alice","avatar":"https://e/a.jpg","x":[1]},7])");
  const auto join = commandOf<session::JoinSession>(args);
  CHECK(join.sessionId == "my-session-id");
  CHECK(join.userId == "user-123");
  CHECK(join.username == "Alice");
  CHECK(join.avatar == "https://e/a.jpg");
  CHECK(join.sessionId.data() == args[1]["sessionId"].get_ref<const std::string&>().data());
}

TEST_CASE("userSecret may be left out, and has 8 to 128 bytes", "[api]") {
  const Field field{"join_session", "userSecret", kText, false, session::kInvalidUserSecret};
  for (const json& value : {json(kAbsent), json(nullptr), json(std::string(8, 'x')), json(std::string(128, 'x'))}) {
    CHECK_FALSE(refusalWith(field, value));
  }
  for (const json& value : {json(""), json(std::string(7, 'x')), json(std::string(129, 'x')), json("a\nbcdefgh"),
                            json(123456789), json(true), json::array({"12345678"}), json::object()}) {
    INFO(value);
    CHECK(refusalWith(field, value) == session::kInvalidUserSecret);
  }
  const json args = json::parse(
      R"(["join_session",{"sessionId":"s","userId":"u","username":"n","userSecret":"a secret of some length"}])");
  CHECK(commandOf<session::JoinSession>(args).userSecret == "a secret of some length");
}

TEST_CASE("join_session without avatar", "[api]") {
  const json args = json::parse(R"(["join_session",{"sessionId":"s","userId":"u","username":"n","avatar":null}])");
  CHECK_FALSE(commandOf<session::JoinSession>(args).avatar);
}

TEST_CASE("sync_playback keeps what it was given", "[api]") {
  const json args = json::parse(
      R"(["sync_playback",{"position":123.45,"isPlaying":true,"mediaUrl":"https://e/v.mp4","mediaId":"m","playbackRate":1.5}])");
  const auto sync = commandOf<session::SyncPlayback>(args);
  CHECK(sync.position == 123.45);
  CHECK(sync.isPlaying);
  CHECK(sync.mediaUrl == "https://e/v.mp4");
  CHECK(sync.mediaId == "m");
  CHECK(sync.playbackRate == 1.5);
}

TEST_CASE("sync_playback: absent media keeps the current one, absent rate is 1", "[api]") {
  for (const char* text : {R"(["sync_playback",{"position":0,"isPlaying":false}])",
                           R"(["sync_playback",{"position":0,"isPlaying":false,"mediaUrl":null,"mediaId":null}])"}) {
    const json args = json::parse(text);
    const auto sync = commandOf<session::SyncPlayback>(args);
    CHECK(sync.position == 0);
    CHECK_FALSE(sync.isPlaying);
    CHECK_FALSE(sync.mediaUrl);
    CHECK_FALSE(sync.mediaId);
    CHECK(sync.playbackRate == 1.0);
  }
}

TEST_CASE("sync_playback: executeAt is in the unit of the location", "[api]") {
  const auto at = [](const char* time, api::TimestampUnit unit) {
    const json args =
        json::parse(std::string(R"(["sync_playback",{"position":0,"isPlaying":true,"executeAt":)") + time + "}]");
    const auto parsed = api::parseCommand(args, unit);
    return std::get<session::SyncPlayback>(std::get<session::Command>(parsed)).executeAt;
  };
  CHECK(at("1640995200.1234", api::TimestampUnit::kSeconds) == 1640995200123);
  CHECK(at("1640995200123", api::TimestampUnit::kMilliseconds) == 1640995200123);
  CHECK(at("null", api::TimestampUnit::kSeconds) == std::nullopt);
  CHECK(at("-1e300", api::TimestampUnit::kSeconds) == -1'000'000'000'000'000);
  CHECK(at("1e300", api::TimestampUnit::kMilliseconds) == 1'000'000'000'000'000);
  CHECK(refusalOf(json::parse(R"(["sync_playback",{"position":0,"isPlaying":true,"executeAt":"1"}])")) ==
        session::kInvalidExecuteAt);
}

TEST_CASE("heartbeat: a probe is a number, and anything else is ignored", "[api]") {
  const json probe = json::parse(R"(["heartbeat",{"probe":17}])");
  CHECK(commandOf<session::Heartbeat>(probe).probe == 17.0);
  for (const char* text : {R"(["heartbeat"])", R"(["heartbeat",null])", R"(["heartbeat",[1]])", R"(["heartbeat",{}])",
                           R"(["heartbeat",{"probe":"1"}])", R"(["heartbeat",{"probe":null}])", R"(["heartbeat",5])"}) {
    const json args = json::parse(text);
    CHECK_FALSE(commandOf<session::Heartbeat>(args).probe);
  }
}

TEST_CASE("a flat event holds what a decoded one does", "[api]") {
  FlatObject data;
  const auto read = [&data](const char* event, std::string_view text, api::TimestampUnit unit) {
    REQUIRE(FlatJsonReader(text).takeObject(data));
    return std::get<session::Command>(api::parseCommand(event, &data, unit));
  };
  const auto sync = std::get<session::SyncPlayback>(read(
      "sync_playback", R"({"position":1.5,"isPlaying":true,"mediaId":"m","playbackRate":2,"executeAt":1640995200})",
      api::TimestampUnit::kSeconds));
  CHECK(sync.position == 1.5);
  CHECK(sync.isPlaying);
  CHECK_FALSE(sync.mediaUrl);
  CHECK(sync.mediaId == "m");
  CHECK(sync.playbackRate == 2);
  CHECK(sync.executeAt == 1640995200000);
  const auto join = std::get<session::JoinSession>(read(
      "join_session", R"({"sessionId":"s","userId":"u","username":"n","avatar":null})", api::TimestampUnit::kSeconds));
  CHECK(join.sessionId == "s");
  CHECK(join.userId == "u");
  CHECK(join.username == "n");
  CHECK_FALSE(join.avatar);
  CHECK(std::get<session::Heartbeat>(read("heartbeat", R"({"probe":17})", api::TimestampUnit::kSeconds)).probe == 17.0);
  CHECK(
      std::holds_alternative<session::Heartbeat>(std::get<session::Command>(api::parseCommand("heartbeat", nullptr))));
  CHECK(std::get<session::Refusal>(api::parseCommand("sync_playback", nullptr)) == session::kInvalidPayload);
  CHECK(std::get<session::Refusal>(api::parseCommand("no_such_event", nullptr)) == session::kUnknownEvent);
}

TEST_CASE("report_buffering", "[api]") {
  const json yes = json::parse(R"(["report_buffering",{"isBuffering":true}])");
  CHECK(commandOf<session::ReportBuffering>(yes).stall == session::Stall{true});
  const json no = json::parse(R"(["report_buffering",{"isBuffering":false}])");
  CHECK(commandOf<session::ReportBuffering>(no).stall == session::Stall{});
  using session::Problem;
  const auto problemIn = [](const char* problem) {
    return json::array({"report_buffering", {{"isBuffering", true}, {"problem", json::parse(problem)}}});
  };
  CHECK(commandOf<session::ReportBuffering>(problemIn("\"network\"")).stall.problem == Problem::kNetwork);
  CHECK(commandOf<session::ReportBuffering>(problemIn("\"missing\"")).stall.problem == Problem::kMissing);
  CHECK(commandOf<session::ReportBuffering>(problemIn("\"unsupported\"")).stall.problem == Problem::kUnsupported);
  CHECK(commandOf<session::ReportBuffering>(problemIn("null")).stall.problem == Problem::kNone);
  for (const char* bad : {"\"Network\"", "\"\"", "\"none\"", "0", "true", "[]", "{}"})
    CHECK(refusalOf(problemIn(bad)) == session::kInvalidProblem);
  CHECK(refusalOf(json::parse(R"(["report_buffering",{}])")) == session::kInvalidIsBuffering);
  CHECK(refusalOf(json::parse(R"(["report_buffering",{"isBuffering":1}])")) == session::kInvalidIsBuffering);
  CHECK(refusalOf(json::parse(R"(["report_buffering"])")) == session::kInvalidPayload);
}

TEST_CASE("load_media", "[api]") {
  const json args = json::parse(
      R"(["load_media",{"mediaUrl":"https://e/v.mp4","mediaId":"m","mediaTitle":"T","mediaDuration":3600}])");
  const auto load = commandOf<session::LoadMedia>(args);
  CHECK(load.mediaUrl == "https://e/v.mp4");
  CHECK(load.mediaId == "m");
  CHECK(load.mediaTitle == "T");
  CHECK(load.mediaDuration == 3600.0);
  const json bare = json::parse(R"(["load_media",{"mediaUrl":"v"}])");
  const auto least = commandOf<session::LoadMedia>(bare);
  CHECK_FALSE(least.mediaId);
  CHECK_FALSE(least.mediaTitle);
  CHECK_FALSE(least.mediaDuration);
}

TEST_CASE("report_desync", "[api]") {
  const json args = json::parse(R"(["report_desync",{"reportedPosition":123.45,"reportedTime":1640995200}])");
  const auto report = commandOf<session::ReportDesync>(args);
  CHECK(report.reportedPosition == 123.45);
  CHECK(report.reportedTime == 1640995200.0);
  const json bare = json::parse(R"(["report_desync",{"reportedPosition":-2}])");
  CHECK_FALSE(commandOf<session::ReportDesync>(bare).reportedTime);
}

TEST_CASE("the first broken field in documented order is named", "[api]") {
  CHECK(refusalOf(json::parse(R"(["join_session",{}])")) == session::kInvalidSessionId);
  CHECK(refusalOf(json::parse(R"(["sync_playback",{"isPlaying":1,"position":"1"}])")) == session::kInvalidPosition);
  CHECK(refusalOf(json::parse(R"(["load_media",{"mediaId":1}])")) == session::kInvalidMediaUrl);
}

TEST_CASE("a mediaId may be as long as the mediaUrl that it repeats", "[api]") {
  const std::string url = "https://films.example.org/" + std::string(1000, 'x');
  const json load = {"load_media", {{"mediaUrl", url}, {"mediaId", url}}};
  CHECK(commandOf<session::LoadMedia>(load).mediaId == url);
  const json sync = {"sync_playback", {{"position", 1}, {"isPlaying", true}, {"mediaUrl", url}, {"mediaId", url}}};
  CHECK(commandOf<session::SyncPlayback>(sync).mediaId == url);
  CHECK(refusalOf({"load_media", {{"mediaUrl", url}, {"mediaId", url + "x"}}}) == session::kInvalidMediaId);
  CHECK(refusalOf({"sync_playback", {{"position", 1}, {"isPlaying", true}, {"mediaId", url}}}) == session::kInvalidMediaId);
}
