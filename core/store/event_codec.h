// The encoding of events in a session's log.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "core/session/event.h"

namespace mediasync::store {

// The longest possible encoding, given the limits of the texts (core/session/command.h).
inline constexpr std::size_t kMaxEncodedEvent = 3600;
// The longest encoding of an event that must always find room: user_left, leadership_changed.
inline constexpr std::size_t kMaxCertainEvent = 448;

// Replaces the content of `out`.
void encodeEvent(const session::Event&, std::string& out);

// The result's views point into `bytes`. Returns nullopt if the bytes are not an event.
std::optional<session::Event> decodeEvent(std::span<const std::byte> bytes);

// True if the event can be sent: its texts are UTF-8, its numbers finite, and a custom event is an array.
bool isSound(const session::Event&);

}  // namespace mediasync::store
