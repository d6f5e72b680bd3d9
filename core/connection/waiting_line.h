// Commands that wait for readers or scripts, in the order in which they came.
#pragma once

#include <cstdint>
#include <vector>

#include "core/connection/channel.h"
#include "core/context/part.h"

namespace mediasync::server {

class WaitingLine : Part {
 public:
  explicit WaitingLine(Context&);
  // One command that waits, of a WebSocket or a POST.
  struct Waiting {
    Channel* channel = nullptr;
    PostJob* job = nullptr;

    const Deferred* deferred() const;
    WaitsFor waitsFor() const;
    // In the order in which they came, but what is minor last.
    bool goesBefore(const Waiting& other) const;
  };
  Line& line() { return line_; }
  // What the command at hand has to wait for.
  WaitsFor& lastBusy() { return lastBusy_; }
  std::vector<Waiting> takeWaiting();
  void noteWaiting(Deferred*);

 private:
  WaitsFor lastBusy_;
  Line line_;                       // commands that wait for readers
  std::uint64_t waitingCount_ = 0;  // of all commands that have waited
};

}  // namespace mediasync::server
