#include "core/api/command_parser.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "core/api/text_rules.h"
#include "core/session/playback.h"

namespace mediasync::api {
namespace {

using nlohmann::json;
using session::Command;
using Parsed = std::variant<Command, session::Refusal>;

// The value of a field, or nullptr when it is absent or null.
const json* field(const json& data, std::string_view name) {
  const auto it = data.find(name);
  return it == data.end() || it->is_null() ? nullptr : &*it;
}

// The take functions return false when the value breaks its rule, and leave `out` unchanged then. A required
// value must be there; an optional one may be nullptr, which leaves `out` unchanged as well.

bool takeText(const json* value, std::size_t maxBytes, std::string_view& out) {
  const auto* text = value != nullptr ? value->get_ptr<const std::string*>() : nullptr;
  if (text == nullptr || !isText(*text, maxBytes)) return false;
  out = *text;
  return true;
}

bool takeRequiredText(const json* value, std::size_t maxBytes, std::string_view& out) {
  std::string_view text;
  if (!takeText(value, maxBytes, text) || text.empty()) return false;
  out = text;
  return true;
}

bool takeOptionalText(const json* value, std::size_t maxBytes, std::optional<std::string_view>& out) {
  if (value == nullptr) return true;
  std::string_view text;
  if (!takeText(value, maxBytes, text)) return false;
  out = text;
  return true;
}

bool takeSecret(const json* value, std::optional<std::string_view>& out) {
  return takeOptionalText(value, session::kMaxSecretBytes, out) && (!out || isSecret(*out));
}

bool takeNumber(const json* value, double& out) {
  if (value == nullptr || !value->is_number()) return false;
  const auto number = value->get<double>();
  if (!std::isfinite(number)) return false;
  out = number;
  return true;
}

bool takeOptionalNumber(const json* value, std::optional<double>& out) {
  if (value == nullptr) return true;
  double number = 0;
  if (!takeNumber(value, number)) return false;
  out = number;
  return true;
}

bool takeBoolean(const json* value, bool& out) {
  if (value == nullptr || !value->is_boolean()) return false;
  out = value->get<bool>();
  return true;
}

bool takePosition(const json* value, double& out) {
  return takeNumber(value, out) && out >= 0;
}

bool takePlaybackRate(const json* value, double& out) {
  if (value == nullptr) return true;
  return takeNumber(value, out) && out >= session::kMinPlaybackRate && out <= session::kMaxPlaybackRate;
}

bool takeDuration(const json* value, std::optional<double>& out) {
  return takeOptionalNumber(value, out) && (!out || *out >= 0);
}

// Epoch milliseconds. Times that no clock shows are moved to where one could.
bool takeTime(const json* value, TimestampUnit unit, std::optional<std::int64_t>& out) {
  constexpr double kLast = 1e15;
  std::optional<double> time;
  if (!takeOptionalNumber(value, time)) return false;
  if (!time) return true;
  const double ms = unit == TimestampUnit::kMilliseconds ? *time : *time * 1000;
  out = static_cast<std::int64_t>(std::llround(std::clamp(ms, -kLast, kLast)));
  return true;
}

Parsed parseJoinSession(const json& data, TimestampUnit) {
  using namespace session;
  JoinSession join;
  if (!takeRequiredText(field(data, "sessionId"), kMaxIdBytes, join.sessionId)) return kInvalidSessionId;
  if (!takeRequiredText(field(data, "userId"), kMaxIdBytes, join.userId)) return kInvalidUserId;
  if (!takeRequiredText(field(data, "username"), kMaxUsernameBytes, join.username)) return kInvalidUsername;
  if (!takeOptionalText(field(data, "avatar"), kMaxAvatarBytes, join.avatar)) return kInvalidAvatar;
  if (!takeSecret(field(data, "userSecret"), join.userSecret)) return kInvalidUserSecret;
  return Command(join);
}

Parsed parseSyncPlayback(const json& data, TimestampUnit unit) {
  using namespace session;
  SyncPlayback sync;
  if (!takePosition(field(data, "position"), sync.position)) return kInvalidPosition;
  if (!takeBoolean(field(data, "isPlaying"), sync.isPlaying)) return kInvalidIsPlaying;
  if (!takeOptionalText(field(data, "mediaUrl"), kMaxMediaUrlBytes, sync.mediaUrl)) return kInvalidMediaUrl;
  if (!takeOptionalText(field(data, "mediaId"), kMaxMediaIdBytes, sync.mediaId)) return kInvalidMediaId;
  if (!takePlaybackRate(field(data, "playbackRate"), sync.playbackRate)) return kInvalidPlaybackRate;
  if (!takeTime(field(data, "executeAt"), unit, sync.executeAt)) return kInvalidExecuteAt;
  return Command(sync);
}

Parsed parseLoadMedia(const json& data, TimestampUnit) {
  using namespace session;
  LoadMedia load;
  if (!takeRequiredText(field(data, "mediaUrl"), kMaxMediaUrlBytes, load.mediaUrl)) return kInvalidMediaUrl;
  if (!takeOptionalText(field(data, "mediaId"), kMaxMediaIdBytes, load.mediaId)) return kInvalidMediaId;
  if (!takeOptionalText(field(data, "mediaTitle"), kMaxMediaTitleBytes, load.mediaTitle)) {
    return kInvalidMediaTitle;
  }
  if (!takeDuration(field(data, "mediaDuration"), load.mediaDuration)) return kInvalidMediaDuration;
  return Command(load);
}

Parsed parseReportDesync(const json& data, TimestampUnit) {
  session::ReportDesync report;
  if (!takeNumber(field(data, "reportedPosition"), report.reportedPosition) ||
      !takeOptionalNumber(field(data, "reportedTime"), report.reportedTime)) {
    return session::kInvalidReport;
  }
  return Command(report);
}

Parsed parseReportBuffering(const json& data, TimestampUnit) {
  session::ReportBuffering report;
  if (!takeBoolean(field(data, "isBuffering"), report.isBuffering)) return session::kInvalidIsBuffering;
  return Command(report);
}

// A heartbeat is never refused: a probe that is none is ignored.
Parsed parseHeartbeat(const json& args, TimestampUnit) {
  session::Heartbeat heartbeat;
  if (args.size() < 2 || !args[1].is_object()) return Command(heartbeat);
  if (!takeOptionalNumber(field(args[1], "probe"), heartbeat.probe)) heartbeat.probe.reset();
  return Command(heartbeat);
}

template <typename Bare>
Parsed parseBare(const json&, TimestampUnit) {
  return Command(Bare{});
}

struct EventRule {
  std::string_view name;
  bool needsData;
  Parsed (*parse)(const json& data, TimestampUnit unit);
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

const EventRule* findRule(const json& args) {
  if (!args.is_array() || args.empty()) return nullptr;
  const auto* name = args[0].get_ptr<const std::string*>();
  if (name == nullptr) return nullptr;
  for (const EventRule& rule : kEventRules) {
    if (rule.name == *name) return &rule;
  }
  return nullptr;
}

}  // namespace

Parsed parseCommand(const json& args, TimestampUnit unit) {
  const EventRule* rule = findRule(args);
  if (rule == nullptr) return session::kUnknownEvent;
  if (!rule->needsData) return rule->parse(args, unit);
  if (args.size() < 2 || !args[1].is_object()) return session::kInvalidPayload;
  return rule->parse(args[1], unit);
}

}  // namespace mediasync::api
