// The users of a large session as JSON, for those who come in. Kept from one to the next: a crowd that joins is written
// once for each newcomer, and not once for each pair of them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/api/timestamps.h"
#include "core/base/clock.h"
#include "core/store/session_transaction.h"

namespace mediasync::server {

class Roster {
 public:
  // From this many users on it is worth its memory.
  static constexpr std::uint32_t kLeastUsers = 32;

  // Brings it level with the session, whose lock is held. When users were last seen is at most a second old.
  void update(const store::SessionTransaction&, api::TimestampUnit, Instant now);
  // An array. Good until the next update.
  std::string_view json() const { return json_; }
  // Milliseconds, monotonic, of the last update.
  std::int64_t usedAt() const { return usedAt_; }

 private:
  std::string json_ = "[]";
  api::TimestampUnit unit_ = api::TimestampUnit::kSeconds;
  store::Ref last_ = 0;        // the user at the end
  std::uint32_t changes_ = 0;  // the session's count, when it was begun
  std::int64_t begunAt_ = 0;   // monotonic
  std::int64_t usedAt_ = 0;
};

}  // namespace mediasync::server
