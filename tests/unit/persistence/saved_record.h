// Records of a state file as anybody might write them, sound or not.
#pragma once

#include <string>
#include <string_view>

#include "core/store/byte_codec.h"
#include "core/persistence/state_record.h"

namespace mediasync::store::test {

inline void putUser(ByteWriter& out, const SavedUser& user) {
  out.put(user.serial);
  out.put(user.id);
  out.put(user.username);
  out.put(user.avatar);
  out.put(user.joinedAt);
  out.put(user.lastSeen);
  out.put(static_cast<std::uint8_t>(user.presence));
  out.put(user.absentSince);
  out.put(std::optional<std::string_view>());
}

// What parseSession() reads as the same again, but for secrets.
inline std::string recordOf(const SavedSession& session) {
  std::string bytes;
  ByteWriter out(bytes);
  out.put(session.serial);
  out.put(session.id);
  out.put(session.creatorId);
  out.put(session.leaderId);
  out.put(session.mediaUrl);
  out.put(session.mediaId);
  out.put(session.mediaTitle);
  out.put(session.clock.position);
  out.put(session.clock.rate);
  out.put(session.clock.duration);
  out.put(session.clock.isPlaying);
  out.put(session.clock.setAt.wall);
  out.put(session.createdAt);
  out.put(session.lastActivity);
  out.put(session.idleSince);
  out.put(session.lostSeq);
  out.put(session.formerSerial);
  out.put(session.formerEnd);
  out.put(session.firstSeq);
  out.put(session.endSeq);
  out.put(static_cast<std::uint32_t>(session.events.size()));
  bytes.append(session.events);
  out.put(session.hasUsers);
  if (!session.hasUsers) return bytes;
  out.put(static_cast<std::uint32_t>(session.users.size()));
  for (const SavedUser& user : session.users)
    putUser(out, user);
  return bytes;
}

}  // namespace mediasync::store::test
