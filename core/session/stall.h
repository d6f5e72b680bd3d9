// The stall of a user's film, and its cause.
#pragma once

#include <cstdint>

namespace mediasync::session {

enum class Problem : std::uint8_t {
  kNone,         // or unknown
  kNetwork,      // the film comes too slowly, or not at all
  kMissing,      // the film does not exist
  kUnsupported,  // the player cannot play it
};

struct Stall {
  bool isBuffering = false;  // the film has stalled for lack of data
  Problem problem = Problem::kNone;
  friend bool operator==(const Stall&, const Stall&) = default;
};

}  // namespace mediasync::session
