// Placeholders in a packet's data mark the places of its attachments (Socket.IO protocol 5, "Binary"):
// {"_placeholder":true,"num":0} is the first attachment.
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>

namespace mediasync::socketio {

// True if each placeholder in `data` names one of `attachments` attachments, at most 64, and no two name the same:
// repetition would turn a small packet into a large one. (The reference parser writes each attachment once, reads one
// as often as it is named, and takes a packet with too large a number as broken.) `data` must be no deeper than
// decode() accepts.
bool placeholdersFit(const nlohmann::json& data, std::size_t attachments);

}  // namespace mediasync::socketio
