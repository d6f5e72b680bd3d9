// Events as bytes in a session's log.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "core/session/event.h"

namespace mediasync::store {

// Longest encoding there can be, given the limits of the texts (core/session/command.h).
inline constexpr std::size_t kMaxEncodedEvent = 3600;
// Longest encoding of an event that must always find room: a user has left, the leader has changed.
inline constexpr std::size_t kMaxCertainEvent = 448;

// Replaces the content of `out`.
void encodeEvent(const session::Event&, std::string& out);

// The views of the result point into `bytes`. nullopt when the bytes are not an event.
std::optional<session::Event> decodeEvent(std::span<const std::byte> bytes);

// Whether it can be sent: its texts are UTF-8, its numbers finite, and an event of the operator's own is an array.
bool isSound(const session::Event&);

}  // namespace mediasync::store
