// Where the attachments of a packet belong in its data (Socket.IO protocol 5, "Binary"): an attachment stands there as
// {"_placeholder":true,"num":0}, by its number.
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>

namespace mediasync::socketio {

// Whether each placeholder in `data` names one of so many attachments, of up to 64, and no two the same: one that is
// named again and again would be a small packet that becomes a large one. (The reference parser writes each once, reads
// one as often as it is named, and takes a packet with a number that is too large as broken.) `data` is no deeper than
// what decode() accepts.
bool placeholdersFit(const nlohmann::json& data, std::size_t attachments);

}  // namespace mediasync::socketio
