// Users and sessions whose time is over.
#pragma once

#include <cstdint>

#include "core/store/session_transaction.h"

namespace mediasync::store {

// Which of a user's time-outs has expired.
enum class Overdue : std::uint8_t { kNobody, kGrace, kAway };

// Finds them in a locked shard. Each of these makes its session current.
class OverdueTransaction final : public SessionTransaction {
 public:
  using SessionTransaction::SessionTransaction;

  // The seat's user becomes the first one of the shard whose time has expired.
  Overdue openOverdueUser(Instant now);
  // The user of the shard who has been away for longest, if since `latest` (monotonic) or before.
  bool openLongestAway(std::int64_t latest);
  // The first expired session. Skips those whose workers have yet to notice that their connections are gone.
  bool openExpired(Instant now);
  // The first session whose log no client can recover any more.
  bool openLogged(Instant now);

 private:
  void openUserOf(Ref user);
};

}  // namespace mediasync::store
