// The offset that goes with an event to a client, and comes back when the client recovers: which log, and which event
// of it was the last one received. To the client it is just a string.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mediasync::server {

struct Offset {
  std::uint64_t session = 0;  // its serial
  std::uint64_t event = 0;    // in its log
  friend bool operator==(const Offset&, const Offset&) = default;
};

// Adds the offset as one more argument to the event, a JSON array, that ends `out`.
void appendOffset(std::string& out, const Offset&);
// nullopt for what appendOffset() does not write.
std::optional<Offset> parseOffset(std::string_view text);

}  // namespace mediasync::server
