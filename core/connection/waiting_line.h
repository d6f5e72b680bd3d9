// Input that goes on later; and commands that wait for readers or scripts, in the order in which they came.
#pragma once

#include <cstdint>
#include <vector>

#include "core/connection/channel.h"

namespace mediasync::server {

class PostJob;

// WebSockets and POSTs that are due later.
struct PendingInput {
  std::vector<Channel*> probing;
  std::vector<Channel*> resting;  // their input goes on when others have had their turn, or later
  std::vector<Channel*> waiting;  // a command of theirs waits
  std::vector<PostJob*> posts;    // a command of theirs waits, or they rest
};

class WaitingLine {
 public:
  // One command that waits, of a WebSocket or a POST.
  struct Waiting {
    Channel* channel = nullptr;
    PostJob* job = nullptr;

    const Deferred* deferred() const;
    WaitsFor waitsFor() const;
    // In the order in which they came, but what is minor last.
    bool goesBefore(const Waiting& other) const;
  };
  PendingInput& pending() { return pending_; }
  const PendingInput& pending() const { return pending_; }
  Line& line() { return line_; }
  // The session for which the command at hand has to wait.
  WaitsFor& lastBusy() { return lastBusy_; }
  std::vector<Waiting> takeWaiting();
  void noteWaiting(Deferred*);

 private:
  PendingInput pending_;
  WaitsFor lastBusy_;
  Line line_;                       // commands that wait for readers
  std::uint64_t waitingCount_ = 0;  // of all commands that have waited
};

}  // namespace mediasync::server
