// Acknowledgements of changes. Where each change is written to the state file at once (sync=always), they wait for
// that.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "core/app/confirmation.h"
#include "core/context/part.h"

namespace mediasync::server {

class Replies;
class Caller;

class Confirmations : Part {
 public:
  Confirmations(Context&, Replies&);
  bool isWritten(WriteTicket) const;
  // True if a change may be confirmed now. Counts changes whose write has failed.
  bool maySay(WriteTicket);
  // Kept until it is called or cancelled.
  void await(WriteTicket, Confirmation&);
  void await(WriteTicket);
  void cancel(Confirmation&);
  WriteTicket writeTicket() const;
  void confirm(Caller&, std::string packet);
  bool isUnconfirmedFull() const;
  void confirmWritten();
  void confirmLate();
  void confirmAll();

 private:
  struct Unconfirmed {
    WriteTicket ticket;
    std::int64_t since;  // monotonic
    store::ConnectionRef connection;
    std::string packet;
  };
  struct WaitingConfirmation {
    WriteTicket ticket;
    std::int64_t since;  // monotonic
    Confirmation* confirmation;
  };
  void countReleased(WriteTicket written);
  void confirmUntil(WriteTicket);

  Replies& replies_;
  std::deque<Unconfirmed> unconfirmed_;  // in the order of their tickets
  std::vector<WaitingConfirmation> confirmations_;
};

}  // namespace mediasync::server
