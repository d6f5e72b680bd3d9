// Confirmations of what a client has changed. Where every change is written to a state file at once (sync=always), they
// wait until it is on the disk: what has been confirmed survives the death of all processes, and of the machine.
#pragma once

#include <cstdint>

namespace mediasync::server {

// The number of a write to the state file that has all that was changed until now; 0: nothing has to be waited for.
using WriteTicket = std::uint64_t;

// A party that waits for a write. It is called once, unless it was given up before by Worker::cancel().
class Confirmation {
 public:
  virtual ~Confirmation() = default;
  // The object may be gone afterwards.
  virtual void written() = 0;
};

}  // namespace mediasync::server
