// Events in the form that nearly all of them have: of the main namespace, with no more than one object, which is flat:
// 2["sync_playback",{"position":1.5,"isPlaying":true}]. What decode() makes of the same text is the same, at many times
// the cost.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/base/flat_json.h"

namespace mediasync::socketio {

// Views point into the text that was read.
struct PlainEvent {
  std::string_view name;
  std::optional<std::uint64_t> id;  // of the acknowledgement
  bool hasData = false;             // there was an object
  FlatObject data;
};

// Socket.IO protocol 5, "Packet encoding". False for whatever is not of this form, right or wrong: decode() knows more.
bool readPlainEvent(std::string_view text, PlainEvent& event);

}  // namespace mediasync::socketio
