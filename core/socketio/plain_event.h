// A reader for the form of nearly all events: in the main namespace, with at most one object, which is flat:
// 2["sync_playback",{"position":1.5,"isPlaying":true}]. decode() gives the same result at many times the cost.
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
  bool hasData = false;             // the event has an object
  FlatObject data;
};

// Socket.IO protocol 5, "Packet encoding". Returns false for text of any other form, valid or not: use decode() for it.
bool readPlainEvent(std::string_view text, PlainEvent& event);

}  // namespace mediasync::socketio
