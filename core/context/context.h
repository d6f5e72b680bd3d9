// All parts of one worker share this: the tables, which of their workers it is, and the process it runs in.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/context/compressor.h"
#include "core/context/environment.h"
#include "core/context/options.h"
#include "core/store/zone.h"

namespace mediasync::server {

struct Context {
  Context(const store::Zone&, std::uint16_t slot, Environment&, std::uint32_t cycle);

  store::Zone zone;
  store::WorkerId id;
  Environment& env;
  store::WorkerCounters& counters;  // in the zone
  std::uint32_t cycle;              // counts configurations, as ZoneHeader::cycle does
  store::WakeSet wake;              // workers to wake when the events at hand have been handled
  bool stopped = false;             // takes no more connections
  bool hasCommand = false;          // among the input at hand there was one
  std::int64_t inputAt = 0;         // wall clock, microseconds: when the input at hand was read; 0: there is none
  OptionsPool optionsPool;
  Compressor compressor;
  std::vector<store::ConnectionRef> doomed;  // connections that cannot go on

  // There are, or soon will be, workers of a newer configuration.
  bool isOutdated() const { return zone.header().cycle.load() > cycle; }
  store::RandomId randomId();
  // Something was refused since the zone has no memory left: the operator is told, once in a while.
  void noteFull() { zone.header().fullRefusals.fetch_add(1); }
  // Logs the exception at hand, which ends the connection of a command or of input that was tried again.
  void logFailure();
};

}  // namespace mediasync::server
