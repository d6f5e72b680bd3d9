// The objects that events and REST answers share.
#pragma once

#include "core/api/json_writer.h"
#include "core/api/timestamps.h"
#include "core/session/snapshot.h"

namespace mediasync::api {

// Writes the fields of a playback state into an object that the caller has begun: every playback state that
// is sent has the same ones.
void writePlaybackFields(JsonWriter& json, const session::PlaybackView& state, TimestampUnit unit);

// Writes the whole session object.
void writeSession(JsonWriter& json, const session::SessionView& view, TimestampUnit unit);

}  // namespace mediasync::api
