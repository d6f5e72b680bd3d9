// Clients of Socket.IO protocol 4 may append a query to the namespace they connect to, in place of a payload.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace mediasync::socketio {

// Cuts the query off `nsp` and adds its parameters, percent-decoded, to the object as strings. Parameters that are not
// UTF-8 are left out.
void splitQuery(std::string& nsp, nlohmann::json& object);

}  // namespace mediasync::socketio
