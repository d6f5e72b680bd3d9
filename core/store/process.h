// The process that uses a zone: its clocks, and access to the other processes.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/base/clock.h"
#include "core/base/random.h"
#include "core/store/zone.h"

namespace mediasync::store {

class Process {
 public:
  virtual ~Process() = default;
  virtual Instant now() = 0;
  // The wall clock of now(), in microseconds.
  virtual std::int64_t wallMicroseconds() = 0;
  virtual RandomSource& random() = 0;
  // Makes the worker process in `slot` read its mailboxes soon. For the own slot: after the present callback.
  virtual void wakeWorker(std::uint16_t slot) = 0;
  virtual bool processAlive(ProcessId) = 0;
  // Severities in the operator's log.
  enum class Severity : std::uint8_t { kWarn, kError, kAlert };
  virtual void log(Severity, std::string_view line) = 0;
};

}  // namespace mediasync::store
