// Events of clients, decoded from JSON: the form of every field is checked here, the state of the session is
// not.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string_view>
#include <variant>

#include "core/api/timestamps.h"
#include "core/base/flat_json.h"
#include "core/session/command.h"
#include "core/session/refusal.h"

namespace mediasync::api {

// The name of an event: the first of its decoded array `args`, into which the view points. "" when it has none.
std::string_view eventName(const nlohmann::json& args);

// Reads one Socket.IO event: `args` is the decoded EVENT array, args[0] the name, args[1] the data. Returns
// the command, or the refusal of the first field that breaks its rule, in the order the API documents the
// fields. Views in the command point into `args`, which must outlive it. A null optional field counts as
// absent. Unknown fields and further arguments are ignored; events without data ignore whatever they are
// given. An array that does not begin with a string is an unknown event. Accepts any JSON value without
// throwing. `unit` is that of times in it.
std::variant<session::Command, session::Refusal> parseCommand(const nlohmann::json& args,
                                                              TimestampUnit unit = TimestampUnit::kSeconds);
// The same of an event whose data was read where it stands: views point into that. `data` is null when there is none.
std::variant<session::Command, session::Refusal> parseCommand(std::string_view event, const FlatObject* data,
                                                              TimestampUnit unit = TimestampUnit::kSeconds);

}  // namespace mediasync::api
