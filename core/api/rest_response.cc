#include "core/api/rest_response.h"

#include <utility>

#include "core/api/described_json.h"
#include "core/api/json_writer.h"
#include "core/api/session_json.h"

namespace mediasync::api {

void appendCreated(std::string& out, std::string_view sessionId, std::string_view creatorId) {
  JsonWriter json(out);
  json.beginObject().key("success").boolean(true);
  json.key("sessionId").string(sessionId);
  json.key("creatorId").string(creatorId);
  json.key("message").string("Session created successfully");
  json.endObject();
}

void appendSession(std::string& out, const session::SessionView& view, TimestampUnit unit) {
  JsonWriter json(out);
  json.beginObject().key("success").boolean(true);
  json.key("session");
  writeSession(json, view, unit);
  json.endObject();
}

void beginSessionList(std::string& out) {
  out.append(R"({"success":true,"sessions":[)");
}

void addSessions(std::string& out, std::span<const session::SessionSummary> sessions, bool added, TimestampUnit unit) {
  for (const session::SessionSummary& summary : sessions) {
    if (std::exchange(added, true)) out.push_back(',');
    JsonWriter json(out);
    writeObject(json, summary, {unit});
  }
}

void endSessionList(std::string& out, std::uint64_t total, const std::optional<ListPlace>& next) {
  out.append(R"(],"totalSessions":)").append(std::to_string(total));
  if (next) out.append(R"(,"next":")").append(listPlaceText(*next)).push_back('"');
  out.push_back('}');
}

void appendFailure(std::string& out, std::string_view message) {
  JsonWriter json(out);
  json.beginObject().key("success").boolean(false);
  json.key("message").string(message);
  json.endObject();
}

}  // namespace mediasync::api
