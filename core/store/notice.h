// What happened to sessions, for whoever is told of it beside their members.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace mediasync::store {

struct Notice {
  enum class Kind : std::uint8_t { kSessionCreated, kSessionEnded, kUserLeft, kLeaderChanged, kEvent };
  Kind kind;
  std::string sessionId;
  std::string userId;  // of the creator, of who has left, of the new leader; empty when there is none
  std::string event;   // kEvent: what members are told, as event_codec.h writes it
};

struct Notices {
  bool wantsEvents = false;
  std::vector<Notice> list;
};

}  // namespace mediasync::store
