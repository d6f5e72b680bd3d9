// Records of a state file as anybody might write them, sound or not.
#pragma once

#include <string>

#include "core/persistence/state_record.h"
#include "core/store/byte_codec.h"
#include "core/store/described_bytes.h"
#include "core/store/saved.h"

namespace mediasync::store::test {

// A session that parseSession() reads back as it was.
inline std::string recordOf(const SavedSession& session) {
  std::string bytes;
  ByteWriter out(bytes);
  putFields<SavedHead<session::Owned>>(out, session);
  out.put(session.firstSeq);
  out.put(session.endSeq);
  out.put(static_cast<std::uint32_t>(session.events.size()));
  bytes.append(session.events);
  out.put(session.hasUsers);
  if (!session.hasUsers) return bytes;
  out.put(static_cast<std::uint32_t>(session.users.size()));
  for (const SavedUser& user : session.users)
    putFields(out, user);
  return bytes;
}

}  // namespace mediasync::store::test
