// Notices of changes to sessions, for receivers other than their members.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace mediasync::store {

struct Notice {
  enum class Kind : std::uint8_t { kSessionCreated, kSessionEnded, kUserLeft, kLeaderChanged, kEvent };
  Kind kind;
  std::string sessionId;
  std::string userId;  // the creator, the user who left, or the new leader; empty if there is none
  std::string event;   // kEvent: the members' event, in the form of event_codec.h
};

struct Notices {
  bool wantsEvents = false;
  std::vector<Notice> list;
};

}  // namespace mediasync::store
