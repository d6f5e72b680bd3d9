// The objects that events and REST answers share.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/api/json_writer.h"
#include "core/api/timestamps.h"
#include "core/session/snapshot.h"

namespace mediasync::api {

// Writes what is played. What the leader did not say follows from the URL: the id is the URL, the title the file's name
// in it, and a length that nobody knows is 0. All are null without a URL.
void writeMediaFields(JsonWriter& json, std::optional<std::string_view> url, std::optional<std::string_view> id,
                      std::optional<std::string_view> title, std::optional<double> duration);

// Writes the fields of a playback state into an object that the caller has begun: every playback state that
// is sent has the same ones.
void writePlaybackFields(JsonWriter& json, const session::PlaybackView& state, TimestampUnit unit);

// Writes one user as an object.
void appendUser(std::string& out, const session::UserView& user, TimestampUnit unit);

// Writes the whole session object. `users`: the array of them, when it is there already; the view's are not looked at
// then.
void writeSession(JsonWriter& json, const session::SessionView& view, TimestampUnit unit, std::string_view users = {});

}  // namespace mediasync::api
