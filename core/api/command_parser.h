// Parses clients' events from decoded JSON. It checks the form of every field, not the state of the session.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string_view>
#include <variant>

#include "core/api/timestamps.h"
#include "core/base/flat_json.h"
#include "core/session/command.h"
#include "core/session/refusal.h"

namespace mediasync::api {

// The name of an event: the first element of its decoded array `args`, into which the view points. "" if there is none.
std::string_view eventName(const nlohmann::json& args);

// Parses one Socket.IO event. `args` is the decoded EVENT array, args[0] the name, args[1] the data. Returns the
// command, or the refusal for the first field that breaks its rule, in the API's documented order. Views in the command
// point into `args`, which must outlive it. A null optional field counts as absent. Ignores unknown fields, further
// arguments, and data of events that need none. An array that does not begin with a string is an unknown event. Accepts
// any JSON value and never throws. `unit` is the unit of times.
std::variant<session::Command, session::Refusal> parseCommand(const nlohmann::json& args,
                                                              TimestampUnit unit = TimestampUnit::kSeconds);
// The same for an event whose data was read in place, into which the views point. `data` is null if there is none.
std::variant<session::Command, session::Refusal> parseCommand(std::string_view event, const FlatObject* data,
                                                              TimestampUnit unit = TimestampUnit::kSeconds);

}  // namespace mediasync::api
