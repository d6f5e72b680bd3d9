// The work that one worker does for all, whichever comes first: time-outs of users, sessions and recoveries.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "core/context/part.h"
#include "core/store/session_transaction.h"

namespace mediasync::server {

class Departures;
class Reaper;

class Sweep : Part {
 public:
  Sweep(Context&, Departures&, Reaper&);
  void noteLag(Instant now, std::int64_t lateBy);
  void sweep(Instant now);

 private:
  void expireRecoveries(std::uint32_t shard, Instant now);
  void findStrandedRecoveries();
  void forgetStrandedRecoveries();
  bool isRecoverable(const store::RandomId& pid, const store::ConnectionRef&);
  void reportFull(Instant now);
  void reconcile(Instant now);
  void expireUsers(std::uint32_t shard, Instant now);
  void expireSessions(std::uint32_t shard, Instant now);
  void dropLogs(std::uint32_t shard, Instant now);
  void reconcileSeats(Instant now);

  Departures& departures_;
  Reaper& reaper_;
  std::vector<std::pair<store::RandomId, store::ConnectionRef>> stranded_;
  std::uint32_t reconciling_ = 0;      // the count of repairs that is being reconciled
  std::int64_t reconcilingSince_ = 0;  // monotonic; 0: none is
};

}  // namespace mediasync::server
