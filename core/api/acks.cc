#include "core/api/acks.h"

#include "core/api/json_writer.h"

namespace mediasync::api {
namespace {

JsonWriter beginAck(std::string& out, bool success) {
  JsonWriter json(out);
  json.beginArray().beginObject().key("success").boolean(success);
  return json;
}

void endAck(JsonWriter& json) {
  json.endObject().endArray();
}

}  // namespace

void appendAckSuccess(std::string& out) {
  JsonWriter json = beginAck(out, true);
  endAck(json);
}

void appendAckJoined(std::string& out, std::string_view sessionId, std::string_view userId, bool isLeader) {
  JsonWriter json = beginAck(out, true);
  json.key("sessionId").string(sessionId);
  json.key("userId").string(userId);
  json.key("isLeader").boolean(isLeader);
  endAck(json);
}

void appendAckHeartbeat(std::string& out, std::int64_t timestamp, TimestampUnit unit,
                        const std::optional<ProbeTimes>& times) {
  JsonWriter json = beginAck(out, true);
  json.key("timestamp");
  writeTimestamp(json, timestamp, unit);
  if (times) writeProbeTimes(json, *times, unit);
  endAck(json);
}

void appendAckRefused(std::string& out, const session::Refusal& refusal) {
  JsonWriter json = beginAck(out, false);
  json.key("code").string(refusal.code);
  json.key("message").string(refusal.message);
  endAck(json);
}

}  // namespace mediasync::api
