// What happened to sessions, for whoever is told of it beside their members.
#pragma once

#include <cstdint>
#include <string>

namespace mediasync::store {

struct Notice {
  enum class Kind : std::uint8_t { kSessionCreated, kSessionEnded, kUserLeft, kLeaderChanged };
  Kind kind;
  std::string sessionId;
  std::string userId;  // of the creator, of who has left, of the new leader; empty when there is none
};

}  // namespace mediasync::store
