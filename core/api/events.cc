#include "core/api/events.h"

#include <variant>

#include "core/api/problem.h"
#include "core/api/session_json.h"
#include "core/api/text_rules.h"

namespace mediasync::api {
namespace {

JsonWriter beginEvent(std::string& out, std::string_view name) {
  JsonWriter json(out);
  json.beginArray().string(name).beginObject();
  return json;
}

void endEvent(JsonWriter& json) {
  json.endObject().endArray();
}

void writeTimestampField(JsonWriter& json, std::int64_t epochMs, TimestampUnit unit) {
  json.key("timestamp");
  writeTimestamp(json, epochMs, unit);
}

struct BodyWriter {
  std::string& out;
  std::int64_t at;
  TimestampUnit unit;

  void operator()(const session::UserJoined& joined) const {
    JsonWriter json = beginEvent(out, "user_joined");
    json.key("userId").string(joined.userId);
    json.key("username").string(joined.username);
    json.key("avatar").stringOrNull(joined.avatar);
    writeTimestampField(json, at, unit);
    endEvent(json);
  }

  void operator()(const session::UserLeft& left) const {
    JsonWriter json = beginEvent(out, "user_left");
    json.key("userId").string(left.userId);
    json.key("username").string(left.username);
    writeTimestampField(json, at, unit);
    endEvent(json);
  }

  void operator()(const session::PlaybackSync& sync) const {
    JsonWriter json = beginEvent(out, "playback_sync");
    writePlaybackFields(json, sync.state, unit);
    writeTimestampField(json, at, unit);
    json.key("leaderId").string(sync.leaderId);
    if (sync.state.lastUpdateTime > at) {
      json.key("executeAt");
      writeTimestamp(json, sync.state.lastUpdateTime, unit);
    }
    endEvent(json);
  }

  void operator()(const session::MediaLoaded& loaded) const {
    JsonWriter json = beginEvent(out, "media_loaded");
    writeMediaFields(json, loaded.mediaUrl, loaded.mediaId, loaded.mediaTitle, loaded.mediaDuration);
    writeTimestampField(json, at, unit);
    json.key("loadedBy").string(loaded.loadedBy);
    endEvent(json);
  }

  void operator()(const session::LeadershipChanged& changed) const {
    JsonWriter json = beginEvent(out, "leadership_changed");
    json.key("newLeaderId").string(changed.newLeaderId);
    json.key("newLeaderName").string(changed.newLeaderName);
    writeTimestampField(json, at, unit);
    endEvent(json);
  }

  void operator()(const session::CustomEvent& custom) const { out.append(custom.json); }

  void operator()(const session::UserBuffering& buffering) const {
    JsonWriter json = beginEvent(out, "user_buffering");
    json.key("userId").string(buffering.userId);
    json.key("username").string(buffering.username);
    json.key("isBuffering").boolean(buffering.stall.isBuffering);
    if (const auto problem = nameOf(buffering.stall.problem)) json.key("problem").string(*problem);
    writeTimestampField(json, at, unit);
    endEvent(json);
  }
};

}  // namespace

void appendEvent(std::string& out, const session::Event& event, TimestampUnit unit) {
  std::visit(BodyWriter{out, event.timestamp, unit}, event.body);
}

void appendSessionJoined(std::string& out, const session::SessionView& view, std::string_view userId, bool isLeader,
                         TimestampUnit unit, std::string_view users) {
  JsonWriter json = beginEvent(out, "session_joined");
  json.key("sessionId").string(view.sessionId);
  json.key("userId").string(userId);
  json.key("isLeader").boolean(isLeader);
  json.key("session");
  writeSession(json, view, unit, users);
  endEvent(json);
}

void appendSessionState(std::string& out, const session::SessionView& view, TimestampUnit unit,
                        std::string_view users) {
  JsonWriter json(out);
  json.beginArray().string("session_state");
  writeSession(json, view, unit, users);
  json.endArray();
}

void appendDesyncRecovery(std::string& out, const session::PlaybackView& authoritative, std::int64_t timestamp,
                          const session::ReportDesync& report, TimestampUnit unit) {
  JsonWriter json = beginEvent(out, "desync_recovery");
  json.key("authoritativeState").beginObject();
  writePlaybackFields(json, authoritative, unit);
  writeTimestampField(json, timestamp, unit);
  json.endObject();
  json.key("reportedPosition").number(report.reportedPosition);
  json.key("reportedTime").numberOrNull(report.reportedTime);
  endEvent(json);
}

void appendHeartbeatAck(std::string& out, std::int64_t timestamp, TimestampUnit unit,
                        const std::optional<ProbeTimes>& times) {
  JsonWriter json = beginEvent(out, "heartbeat_ack");
  writeTimestampField(json, timestamp, unit);
  if (times) writeProbeTimes(json, *times, unit);
  endEvent(json);
}

void appendError(std::string& out, const session::Refusal& refusal, std::string_view event) {
  JsonWriter json = beginEvent(out, "error");
  json.key("message").string(refusal.message);
  json.key("code").string(refusal.code);
  json.key("event").string(cutAtCharacter(event, kMaxEchoedEventBytes));
  endEvent(json);
}

}  // namespace mediasync::api
