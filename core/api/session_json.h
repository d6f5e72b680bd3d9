// Objects that events and REST answers share.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/api/json_writer.h"
#include "core/api/timestamps.h"
#include "core/session/snapshot.h"

namespace mediasync::api {

// Writes the medium's fields. Fields that the leader did not set follow from the URL: the id is the URL, the title its
// file name, and an unknown duration is 0. Without a URL all are null.
void writeMediaFields(JsonWriter& json, std::optional<std::string_view> url, std::optional<std::string_view> id,
                      std::optional<std::string_view> title, std::optional<double> duration);

// Writes the fields of a playback state, the same for every state, into an object that the caller has begun.
void writePlaybackFields(JsonWriter& json, const session::PlaybackView& state, TimestampUnit unit);

// Writes one user as an object.
void appendUser(std::string& out, const session::UserView& user, TimestampUnit unit);

// Writes the whole session object. `users`, if not empty, is the finished array of users, which replaces those of the
// view.
void writeSession(JsonWriter& json, const session::SessionView& view, TimestampUnit unit, std::string_view users = {});

}  // namespace mediasync::api
