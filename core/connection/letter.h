// The message that goes with the descriptor of a WebSocket from one worker process to another.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mediasync::server {

// The place of the WebSocket, and the parcel for Worker::adopt().
struct Letter {
  std::string_view zone;       // its name
  std::uint64_t location = 0;  // a hash by which processes of other configurations know it
  std::string_view parcel;
};

// The bytes before the parcel.
std::string letterHead(const Letter&);
// The views of the result point into `bytes`. nullopt when they are no letter.
std::optional<Letter> readLetter(std::string_view bytes);

}  // namespace mediasync::server
