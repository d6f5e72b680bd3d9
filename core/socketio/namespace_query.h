// Clients of Socket.IO protocol 4 may append a query to the namespace in CONNECT instead of sending a payload.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace mediasync::socketio {

// Removes the query from `nsp` and adds its parameters, percent-decoded, to the object as strings. Omits parameters
// that are not UTF-8.
void splitQuery(std::string& nsp, nlohmann::json& object);

}  // namespace mediasync::socketio
