// Objects that events and REST answers share.
#pragma once

#include <string>

#include "core/api/json_writer.h"
#include "core/api/timestamps.h"
#include "core/session/snapshot.h"

namespace mediasync::api {

// Writes one user as an object.
void appendUser(std::string& out, const session::UserView& user, TimestampUnit unit);

// Writes the whole session object.
void writeSession(JsonWriter& json, const session::SessionView& view, TimestampUnit unit);

}  // namespace mediasync::api
