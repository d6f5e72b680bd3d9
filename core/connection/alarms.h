// The time at which each connection of this worker is next due: its heartbeat, or the end of its time to connect.
#pragma once

#include <cstdint>

#include "core/connection/link.h"
#include "core/context/part.h"

namespace mediasync::server {

class Alarms : Part {
 public:
  explicit Alarms(Context&);
  bool isDue(std::int64_t now) const { return !deadlines_.empty() && deadlines_.begin()->deadline <= now; }
  Link& first() { return *deadlines_.begin(); }
  // Monotonic milliseconds.
  std::int64_t next() const;
  void forget(Link&);
  void setDeadline(Link&, std::int64_t at);
  void watchFor(Link&, Instant now);
  void syncHeartbeat(Link&, const store::ConnectionRecord&);
  void resumeHeartbeat(Link&, std::int64_t at, Instant now);
  void setAlarm(Link&, std::int64_t at);
  void awaitConnect(Link&, std::int64_t connectBy);

 private:
  Deadlines deadlines_;
};

}  // namespace mediasync::server
