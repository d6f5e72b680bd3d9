#include "core/api/session_json.h"

#include "core/api/media_path.h"

namespace mediasync::api {
namespace {

void writeUser(JsonWriter& json, const session::UserView& user, TimestampUnit unit) {
  json.beginObject();
  json.key("id").string(user.id);
  json.key("username").string(user.username);
  json.key("avatar").stringOrNull(user.avatar);
  json.key("joinedAt");
  writeIsoTime(json, user.joinedAt);
  json.key("lastSeen");
  writeTimestamp(json, user.lastSeen, unit);
  json.key("isConnected").boolean(user.isConnected);
  json.key("isLeader").boolean(user.isLeader);
  json.endObject();
}

void writeUsers(JsonWriter& json, const std::vector<session::UserView>& users, TimestampUnit unit) {
  json.beginArray();
  for (const session::UserView& user : users)
    writeUser(json, user, unit);
  json.endArray();
}

}  // namespace

void writeMediaFields(JsonWriter& json, std::optional<std::string_view> url, std::optional<std::string_view> id,
                      std::optional<std::string_view> title, std::optional<double> duration) {
  json.key("mediaUrl").stringOrNull(url);
  json.key("mediaId").stringOrNull(id ? id : url);
  if (!title && url) {
    json.key("mediaTitle").string(mediaFileName(*url));
  } else {
    json.key("mediaTitle").stringOrNull(title);
  }
  json.key("mediaDuration").numberOrNull(!duration && url ? std::optional(0.0) : duration);
}

void writePlaybackFields(JsonWriter& json, const session::PlaybackView& state, TimestampUnit unit) {
  writeMediaFields(json, state.mediaUrl, state.mediaId, state.mediaTitle, state.mediaDuration);
  json.key("position").number(state.position);
  json.key("isPlaying").boolean(state.isPlaying);
  json.key("lastUpdateTime");
  writeTimestamp(json, state.lastUpdateTime, unit);
  json.key("playbackRate").number(state.playbackRate);
}

void appendUser(std::string& out, const session::UserView& user, TimestampUnit unit) {
  JsonWriter json(out);
  writeUser(json, user, unit);
}

void writeSession(JsonWriter& json, const session::SessionView& view, TimestampUnit unit, std::string_view users) {
  json.beginObject();
  json.key("sessionId").string(view.sessionId);
  json.key("creatorId").string(view.creatorId);
  json.key("leaderId").string(view.leaderId);
  json.key("users");
  if (users.empty()) {
    writeUsers(json, view.users, unit);
  } else {
    json.raw(users);
  }
  json.key("playbackState").beginObject();
  writePlaybackFields(json, view.playback, unit);
  json.endObject();
  json.key("createdAt");
  writeIsoTime(json, view.createdAt);
  json.key("lastActivity");
  writeTimestamp(json, view.lastActivity, unit);
  json.key("userCount").integer(view.userCount);
  json.key("connectedCount").integer(view.connectedCount);
  json.endObject();
}

}  // namespace mediasync::api
