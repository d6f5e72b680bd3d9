// Takes over the remains of a dead worker, and lets others pass by one that stands still.
#pragma once

#include <cstdint>

#include "core/context/part.h"
#include "core/store/connection_table.h"

namespace mediasync::server {

class Rooms;
class Departures;
class Links;

class Reaper : Part {
 public:
  Reaper(Context&, Departures&, Links&, Rooms&);
  void reapDeadWorkers(Instant now);
  void passByStillWorkers(Instant now);
  void inherit(std::uint16_t slot, Instant now);
  void dropIdleWatchers();
  void lookAfter(store::ConnectionTransaction&, Instant now);

 private:
  void passBy(std::uint16_t slot);
  void reap(std::uint16_t slot, Instant now);
  bool isPredecessor(const store::WorkerId&, std::uint16_t slot) const;
  void adoptConnections(std::uint16_t slot, Instant now);
  void adoptConnection(const store::ConnectionRef&, std::uint16_t slot, Instant now);
  void removeWatchers(std::uint16_t slot);
  void forwardMail(store::WorkerEntry& dead);

  Departures& departures_;
  Links& links_;
  Rooms& rooms_;
};

}  // namespace mediasync::server
