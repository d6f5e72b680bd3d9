#include "core/api/command_parser.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "core/api/problem.h"
#include "core/api/text_rules.h"
#include "core/session/playback.h"

namespace mediasync::api {
namespace {

using nlohmann::json;
using session::Command;
using Parsed = std::variant<Command, session::Refusal>;

// What came with an event, as JSON or as it was read where it stood.
class Data {
 public:
  explicit Data(const json& object) : json_(&object) {}
  explicit Data(const FlatObject& object) : flat_(&object) {}

  // A field that is absent counts as null. nullopt: it is an array, an object or binary.
  std::optional<JsonScalar> operator[](std::string_view name) const {
    if (flat_ != nullptr) {
      const JsonScalar* value = flat_->find(name);
      return value != nullptr ? *value : JsonScalar{};
    }
    const auto it = json_->find(name);
    return it == json_->end() ? JsonScalar{} : scalarOf(*it);
  }

 private:
  static std::optional<JsonScalar> scalarOf(const json& value) {
    using Kind = JsonScalar::Kind;
    if (value.is_null()) return JsonScalar{};
    if (value.is_boolean()) return JsonScalar{Kind::kBoolean, value.get<bool>(), 0, {}};
    if (value.is_number()) return JsonScalar{Kind::kNumber, false, value.get<double>(), {}};
    if (value.is_string()) return JsonScalar{Kind::kText, false, 0, value.get_ref<const std::string&>()};
    return std::nullopt;
  }

  const json* json_ = nullptr;
  const FlatObject* flat_ = nullptr;
};

using Value = std::optional<JsonScalar>;

bool is(const Value& value, JsonScalar::Kind kind) {
  return value && value->kind == kind;
}

bool isAbsent(const Value& value) {
  return is(value, JsonScalar::Kind::kNull);
}

// The take functions return false when the value breaks its rule, and leave `out` unchanged then. A required
// value must be there; an optional one may be absent, which leaves `out` unchanged as well.

bool takeText(const Value& value, std::size_t maxBytes, std::string_view& out) {
  if (!is(value, JsonScalar::Kind::kText) || !isText(value->text, maxBytes)) return false;
  out = value->text;
  return true;
}

bool takeRequiredText(const Value& value, std::size_t maxBytes, std::string_view& out) {
  std::string_view text;
  if (!takeText(value, maxBytes, text) || text.empty()) return false;
  out = text;
  return true;
}

bool takeOptionalText(const Value& value, std::size_t maxBytes, std::optional<std::string_view>& out) {
  if (isAbsent(value)) return true;
  std::string_view text;
  if (!takeText(value, maxBytes, text)) return false;
  out = text;
  return true;
}

bool takeSecret(const Value& value, std::optional<std::string_view>& out) {
  return takeOptionalText(value, session::kMaxSecretBytes, out) && (!out || isSecret(*out));
}

// A client sends back what it was told: a URL that stands in the place of an id may be longer than an id.
bool takeMediaId(const Value& value, std::optional<std::string_view> url, std::optional<std::string_view>& out) {
  const bool isUrl = url && is(value, JsonScalar::Kind::kText) && value->text == *url;
  return takeOptionalText(value, isUrl ? session::kMaxMediaUrlBytes : session::kMaxMediaIdBytes, out);
}

bool takeNumber(const Value& value, double& out) {
  if (!is(value, JsonScalar::Kind::kNumber) || !std::isfinite(value->number)) return false;
  out = value->number;
  return true;
}

bool takeOptionalNumber(const Value& value, std::optional<double>& out) {
  if (isAbsent(value)) return true;
  double number = 0;
  if (!takeNumber(value, number)) return false;
  out = number;
  return true;
}

bool takeBoolean(const Value& value, bool& out) {
  if (!is(value, JsonScalar::Kind::kBoolean)) return false;
  out = value->boolean;
  return true;
}

bool takeProblem(const Value& value, session::Problem& out) {
  if (isAbsent(value)) return true;
  const std::optional<session::Problem> problem =
      is(value, JsonScalar::Kind::kText) ? problemOf(value->text) : std::nullopt;
  if (problem) out = *problem;
  return problem.has_value();
}

bool takePosition(const Value& value, double& out) {
  return takeNumber(value, out) && out >= 0;
}

bool takePlaybackRate(const Value& value, double& out) {
  if (isAbsent(value)) return true;
  return takeNumber(value, out) && out >= session::kMinPlaybackRate && out <= session::kMaxPlaybackRate;
}

bool takeDuration(const Value& value, std::optional<double>& out) {
  return takeOptionalNumber(value, out) && (!out || *out >= 0);
}

// Epoch milliseconds. Times that no clock shows are moved to where one could.
bool takeTime(const Value& value, TimestampUnit unit, std::optional<std::int64_t>& out) {
  constexpr double kLast = 1e15;
  std::optional<double> time;
  if (!takeOptionalNumber(value, time)) return false;
  if (!time) return true;
  const double ms = unit == TimestampUnit::kMilliseconds ? *time : *time * 1000;
  out = static_cast<std::int64_t>(std::llround(std::clamp(ms, -kLast, kLast)));
  return true;
}

Parsed parseJoinSession(const Data& data, TimestampUnit) {
  using namespace session;
  JoinSession join;
  if (!takeRequiredText(data["sessionId"], kMaxIdBytes, join.sessionId)) return kInvalidSessionId;
  if (!takeRequiredText(data["userId"], kMaxIdBytes, join.userId)) return kInvalidUserId;
  if (!takeRequiredText(data["username"], kMaxUsernameBytes, join.username)) return kInvalidUsername;
  if (!takeOptionalText(data["avatar"], kMaxAvatarBytes, join.avatar)) return kInvalidAvatar;
  if (!takeSecret(data["userSecret"], join.userSecret)) return kInvalidUserSecret;
  return Command(join);
}

Parsed parseSyncPlayback(const Data& data, TimestampUnit unit) {
  using namespace session;
  SyncPlayback sync;
  if (!takePosition(data["position"], sync.position)) return kInvalidPosition;
  if (!takeBoolean(data["isPlaying"], sync.isPlaying)) return kInvalidIsPlaying;
  if (!takeOptionalText(data["mediaUrl"], kMaxMediaUrlBytes, sync.mediaUrl)) return kInvalidMediaUrl;
  if (!takeMediaId(data["mediaId"], sync.mediaUrl, sync.mediaId)) return kInvalidMediaId;
  if (!takePlaybackRate(data["playbackRate"], sync.playbackRate)) return kInvalidPlaybackRate;
  if (!takeTime(data["executeAt"], unit, sync.executeAt)) return kInvalidExecuteAt;
  return Command(sync);
}

Parsed parseLoadMedia(const Data& data, TimestampUnit) {
  using namespace session;
  LoadMedia load;
  if (!takeRequiredText(data["mediaUrl"], kMaxMediaUrlBytes, load.mediaUrl)) return kInvalidMediaUrl;
  if (!takeMediaId(data["mediaId"], load.mediaUrl, load.mediaId)) return kInvalidMediaId;
  if (!takeOptionalText(data["mediaTitle"], kMaxMediaTitleBytes, load.mediaTitle)) {
    return kInvalidMediaTitle;
  }
  if (!takeDuration(data["mediaDuration"], load.mediaDuration)) return kInvalidMediaDuration;
  return Command(load);
}

Parsed parseReportDesync(const Data& data, TimestampUnit) {
  session::ReportDesync report;
  if (!takeNumber(data["reportedPosition"], report.reportedPosition) ||
      !takeOptionalNumber(data["reportedTime"], report.reportedTime)) {
    return session::kInvalidReport;
  }
  return Command(report);
}

Parsed parseReportBuffering(const Data& data, TimestampUnit) {
  session::ReportBuffering report;
  if (!takeBoolean(data["isBuffering"], report.stall.isBuffering)) return session::kInvalidIsBuffering;
  if (!takeProblem(data["problem"], report.stall.problem)) return session::kInvalidProblem;
  return Command(report);
}

// A heartbeat is never refused: a probe that is none is ignored.
Parsed parseHeartbeat(const Data& data, TimestampUnit) {
  session::Heartbeat heartbeat;
  if (!takeOptionalNumber(data["probe"], heartbeat.probe)) heartbeat.probe.reset();
  return Command(heartbeat);
}

template <typename Bare>
Parsed parseBare(const Data&, TimestampUnit) {
  return Command(Bare{});
}

struct EventRule {
  std::string_view name;
  bool needsData;
  Parsed (*parse)(const Data& data, TimestampUnit unit);
};

constexpr EventRule kEventRules[] = {
    {"sync_playback", true, parseSyncPlayback},
    {"heartbeat", false, parseHeartbeat},
    {"report_desync", true, parseReportDesync},
    {"join_session", true, parseJoinSession},
    {"leave_session", false, parseBare<session::LeaveSession>},
    {"load_media", true, parseLoadMedia},
    {"request_leadership", false, parseBare<session::RequestLeadership>},
    {"report_buffering", true, parseReportBuffering},
    {"request_session_state", false, parseBare<session::RequestSessionState>},
};

const FlatObject kNothing;

const EventRule* findRule(std::string_view name) {
  const auto* rule = std::find_if(std::begin(kEventRules), std::end(kEventRules),
                                  [name](const EventRule& one) { return one.name == name; });
  return rule == std::end(kEventRules) ? nullptr : rule;
}

Parsed parseCommand(std::string_view event, Data data, bool hasData, TimestampUnit unit) {
  const EventRule* rule = findRule(event);
  if (rule == nullptr) return session::kUnknownEvent;
  if (!hasData && rule->needsData) return session::kInvalidPayload;
  return rule->parse(data, unit);
}

}  // namespace

std::string_view eventName(const json& args) {
  if (!args.is_array() || args.empty() || !args[0].is_string()) return {};
  return args[0].get_ref<const std::string&>();
}

Parsed parseCommand(const json& args, TimestampUnit unit) {
  const std::string_view name = eventName(args);
  const bool hasData = !name.empty() && args.size() > 1 && args[1].is_object();
  return parseCommand(name, hasData ? Data(args[1]) : Data(kNothing), hasData, unit);
}

Parsed parseCommand(std::string_view event, const FlatObject* data, TimestampUnit unit) {
  return parseCommand(event, Data(data != nullptr ? *data : kNothing), data != nullptr, unit);
}

}  // namespace mediasync::api
