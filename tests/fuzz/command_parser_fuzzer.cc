// Events of clients. A command holds exactly what the event said and keeps the limits of the API; whatever is refused
// breaks a rule, and the refusal can be sent.
//
// Input: a byte for the event's name, then its data as JSON; with any other byte than '0' to '8' the whole array.
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/api/acks.h"
#include "core/api/command_parser.h"
#include "core/api/events.h"
#include "core/api/text_rules.h"
#include "core/base/json_text.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/require.h"

using namespace mediasync;
using nlohmann::json;

namespace {

constexpr std::size_t kMaxDepth = 64;
constexpr std::array kNames{"join_session",    "leave_session",      "sync_playback", "load_media",
                            "heartbeat",       "request_leadership", "report_desync", "request_session_state",
                            "report_buffering"};

bool isAbsent(const json& data, const char* name) {
  return !data.contains(name) || data[name].is_null();
}

// Whether the field is a text within its limit; an absent one is when it may be.
bool isText(const json& data, const char* name, std::size_t maxBytes, bool required) {
  if (isAbsent(data, name)) return !required;
  if (!data[name].is_string()) return false;
  const std::string text = data[name];
  return api::isText(text, maxBytes) && !(required && text.empty());
}

bool isNumber(const json& data, const char* name, bool required, double least, double most) {
  if (isAbsent(data, name)) return !required;
  if (!data[name].is_number()) return false;
  const double number = data[name];
  return std::isfinite(number) && number >= least && number <= most;
}

constexpr double kMost = std::numeric_limits<double>::max();

// What the API document asks of each event, in other words than the parser's.
bool isMediaId(const json& data) {
  const bool isUrl = !isAbsent(data, "mediaId") && !isAbsent(data, "mediaUrl") && data["mediaId"] == data["mediaUrl"];
  return isText(data, "mediaId", isUrl ? 2048 : 256, false);
}

bool isRight(const std::string& name, const json& data) {
  if (name == "join_session") {
    return isText(data, "sessionId", 128, true) && isText(data, "userId", 128, true) &&
           isText(data, "username", 256, true) && isText(data, "avatar", 2048, false);
  }
  if (name == "sync_playback") {
    return isNumber(data, "position", true, 0, kMost) && !isAbsent(data, "isPlaying") &&
           data["isPlaying"].is_boolean() && isText(data, "mediaUrl", 2048, false) && isMediaId(data) &&
           isNumber(data, "playbackRate", false, 0.0625, 16);
  }
  if (name == "load_media") {
    return isText(data, "mediaUrl", 2048, true) && isMediaId(data) && isText(data, "mediaTitle", 512, false) &&
           isNumber(data, "mediaDuration", false, 0, kMost);
  }
  if (name == "report_buffering") {
    const std::vector<json> problems{nullptr, "network", "missing", "unsupported"};
    return !isAbsent(data, "isBuffering") && data["isBuffering"].is_boolean() &&
           std::find(problems.begin(), problems.end(), data.value("problem", json())) != problems.end();
  }
  if (name == "report_buffering") {
    const std::vector<json> problems{nullptr, "network", "missing", "unsupported"};
    return !isAbsent(data, "isBuffering") && data["isBuffering"].is_boolean() &&
           std::find(problems.begin(), problems.end(), data.value("problem", json())) != problems.end();
  }
  return isNumber(data, "reportedPosition", true, -kMost, kMost) &&
         isNumber(data, "reportedTime", false, -kMost, kMost);
}

bool isBare(const std::string& name) {
  return name == "leave_session" || name == "heartbeat" || name == "request_leadership" ||
         name == "request_session_state";
}

bool shouldBeTaken(const json& args) {
  if (!args.is_array() || args.empty() || !args[0].is_string()) return false;
  const std::string name = args[0];
  if (isBare(name)) return true;
  if (std::find(kNames.begin(), kNames.end(), name) == kNames.end()) return false;
  return args.size() > 1 && args[1].is_object() && isRight(name, args[1]);
}

void expectText(const std::optional<std::string_view>& text, const json& data, const char* name) {
  FUZZ_REQUIRE(text.has_value() != isAbsent(data, name));
  if (text) FUZZ_REQUIRE(*text == data[name].get<std::string>());
}
void expectNumber(const std::optional<double>& number, const json& data, const char* name) {
  FUZZ_REQUIRE(number.has_value() != isAbsent(data, name));
  if (number) FUZZ_REQUIRE(*number == data[name].get<double>());
}

struct Check {
  const json& args;
  const json& data() const { return args[1]; }

  void operator()(const session::JoinSession& join) const {
    FUZZ_REQUIRE(args[0] == "join_session");
    expectText(join.sessionId, data(), "sessionId");
    expectText(join.userId, data(), "userId");
    expectText(join.username, data(), "username");
    expectText(join.avatar, data(), "avatar");
  }
  void operator()(const session::SyncPlayback& sync) const {
    FUZZ_REQUIRE(args[0] == "sync_playback");
    expectNumber(sync.position, data(), "position");
    FUZZ_REQUIRE(sync.isPlaying == data()["isPlaying"].get<bool>());
    expectText(sync.mediaUrl, data(), "mediaUrl");
    expectText(sync.mediaId, data(), "mediaId");
    FUZZ_REQUIRE(sync.playbackRate == (isAbsent(data(), "playbackRate") ? 1.0 : data()["playbackRate"].get<double>()));
    FUZZ_REQUIRE(sync.executeAt.has_value() == !isAbsent(data(), "executeAt"));
  }
  void operator()(const session::LoadMedia& load) const {
    FUZZ_REQUIRE(args[0] == "load_media");
    expectText(load.mediaUrl, data(), "mediaUrl");
    expectText(load.mediaId, data(), "mediaId");
    expectText(load.mediaTitle, data(), "mediaTitle");
    expectNumber(load.mediaDuration, data(), "mediaDuration");
  }
  void operator()(const session::ReportDesync& report) const {
    FUZZ_REQUIRE(args[0] == "report_desync");
    expectNumber(report.reportedPosition, data(), "reportedPosition");
    expectNumber(report.reportedTime, data(), "reportedTime");
    std::string out;
    api::appendDesyncRecovery(out, {}, 0, report, api::TimestampUnit::kSeconds);
    FUZZ_REQUIRE(json::parse(out)[0] == "desync_recovery");
  }
  void operator()(const session::LeaveSession&) const { FUZZ_REQUIRE(args[0] == "leave_session"); }
  void operator()(const session::Heartbeat& heartbeat) const {
    FUZZ_REQUIRE(args[0] == "heartbeat");
    if (heartbeat.probe) FUZZ_REQUIRE(*heartbeat.probe == data()["probe"].get<double>());
  }
  void operator()(const session::ReportBuffering& report) const {
    FUZZ_REQUIRE(args[0] == "report_buffering");
    FUZZ_REQUIRE(report.stall.isBuffering == data()["isBuffering"].get<bool>());
    FUZZ_REQUIRE((report.stall.problem == session::Problem::kNone) == isAbsent(data(), "problem"));
  }
  void operator()(const session::RequestLeadership&) const { FUZZ_REQUIRE(args[0] == "request_leadership"); }
  void operator()(const session::RequestSessionState&) const { FUZZ_REQUIRE(args[0] == "request_session_state"); }
};

void checkRefusal(const session::Refusal& refusal, const json& args) {
  FUZZ_REQUIRE(refusal && !refusal.message.empty());
  const bool isNamed = args.is_array() && !args.empty() && args[0].is_string();
  std::string out, ack;
  api::appendError(out, refusal, isNamed ? args[0].get<std::string>() : "");
  api::appendAckRefused(ack, refusal);
  FUZZ_REQUIRE(json::parse(out)[1]["code"] == refusal.code && json::parse(ack)[0]["code"] == refusal.code);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const auto which = static_cast<std::size_t>(static_cast<std::uint8_t>(input.byte() - '0'));
  auto args = parseJson(input.rest(), kMaxDepth);
  if (!args) return 0;
  if (which < kNames.size()) args = json::array({kNames[which], std::move(*args)});
  const auto parsed = api::parseCommand(*args);
  const auto* command = std::get_if<session::Command>(&parsed);
  FUZZ_REQUIRE((command != nullptr) == shouldBeTaken(*args));
  if (command != nullptr) {
    std::visit(Check{*args}, *command);
  } else {
    checkRefusal(std::get<session::Refusal>(parsed), *args);
  }
  return 0;
}
