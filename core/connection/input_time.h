// The time at which input was read, and the time that it took.
#pragma once

#include <cstdint>
#include <utility>

#include "core/context/context.h"

namespace mediasync::server {

// Notes when input was read, for as long as it is being worked off.
class InputTime {
 public:
  InputTime(std::int64_t& at, std::int64_t now) : at_(at) { at_ = now; }
  ~InputTime() { at_ = 0; }
  InputTime(const InputTime&) = delete;
  InputTime& operator=(const InputTime&) = delete;

 private:
  std::int64_t& at_;
};

// Counts how long a turn of input took, when there was a command in it.
class CommandTimer {
 public:
  // `began`: wall clock, in microseconds.
  CommandTimer(Context& context, std::int64_t began) : context_(context), began_(began) { context_.hasCommand = false; }
  ~CommandTimer() {
    if (!std::exchange(context_.hasCommand, false)) return;
    context_.counters.commandTime.observe(context_.env.wallMicroseconds() - began_);
  }
  CommandTimer(const CommandTimer&) = delete;
  CommandTimer& operator=(const CommandTimer&) = delete;

 private:
  Context& context_;
  std::int64_t began_;
};

}  // namespace mediasync::server
