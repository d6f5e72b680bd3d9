// Whether the film of a user has stopped, and why.
#pragma once

#include <cstdint>

namespace mediasync::session {

enum class Problem : std::uint8_t {
  kNone,         // or not known
  kNetwork,      // the film comes too slowly, or not at all
  kMissing,      // there is no such film
  kUnsupported,  // the player cannot play it
};

struct Stall {
  bool isBuffering = false;  // it has stopped for want of data
  Problem problem = Problem::kNone;
  friend bool operator==(const Stall&, const Stall&) = default;
};

}  // namespace mediasync::session
