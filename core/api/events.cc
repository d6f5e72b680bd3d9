#include "core/api/events.h"

#include <variant>

#include "core/api/described_json.h"
#include "core/api/reply.h"
#include "core/api/session_json.h"
#include "core/api/text_rules.h"

namespace mediasync::api {
namespace {

JsonWriter beginEvent(std::string& out, std::string_view name) {
  JsonWriter json(out);
  json.beginArray().string(name);
  return json;
}

template <class T>
void append(std::string& out, std::string_view name, const T& data, const Showing& showing) {
  JsonWriter json = beginEvent(out, name);
  writeObject(json, data, showing);
  json.endArray();
}

struct BodyWriter {
  std::string& out;
  Showing showing;

  template <class Body>
  void operator()(const Body& body) const {
    append(out, Body::kFacts.name, body, showing);
  }
  void operator()(const session::CustomEvent& custom) const { out.append(custom.json); }
};

}  // namespace

void appendEvent(std::string& out, const session::Event& event, TimestampUnit unit) {
  std::visit(BodyWriter{out, {unit, event.timestamp}}, event.body);
}

void appendSessionJoined(std::string& out, const session::SessionView& view, std::string_view userId, bool isLeader,
                         TimestampUnit unit, std::string_view users) {
  append(out, SessionJoined::kName, SessionJoined{view.id, userId, isLeader, &view}, {unit, 0, users});
}

void appendSessionState(std::string& out, const session::SessionView& view, TimestampUnit unit,
                        std::string_view users) {
  append(out, SessionState::kName, view, {unit, 0, users});
}

void appendDesyncRecovery(std::string& out, const session::PlaybackView& authoritative, std::int64_t timestamp,
                          const session::ReportDesync& report, TimestampUnit unit) {
  append(out, DesyncRecovery::kName, DesyncRecovery{{authoritative}, report.reportedPosition, report.reportedTime},
         {unit, timestamp});
}

void appendHeartbeatAck(std::string& out, std::int64_t timestamp, TimestampUnit unit,
                        const std::optional<ProbeTimes>& times) {
  JsonWriter json = beginEvent(out, HeartbeatAck::kName);
  json.beginObject().key(session::EventTime::kName);
  writeTimestamp(json, timestamp, unit);
  if (times) writeProbeTimes(json, *times, unit);
  json.endObject().endArray();
}

void appendError(std::string& out, const session::Refusal& refusal, std::string_view event) {
  append(out, ErrorEvent::kName, ErrorEvent{refusal.message, refusal.code, cutAtCharacter(event, kMaxEchoedEventBytes)},
         {TimestampUnit::kSeconds});
}

}  // namespace mediasync::api
