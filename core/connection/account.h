// The ends of connections, for counters and for the operator's log.
#pragma once

#include <vector>

#include "core/connection/link.h"
#include "core/context/environment.h"
#include "core/context/part.h"

namespace mediasync::server {

class Accounts : Part {
 public:
  explicit Accounts(Context&);
  bool hasEnded() const { return !ended_.empty(); }
  store::EndReason departureReason() const;
  void settleAccount(Link&);
  Ended endOf(const store::ConnectionTransaction&, Instant now, const Ending&, const Link*) const;
  void noteEnd(Ended);
  void tellEnded();

 private:
  void nameSeat(const store::AccountRecord&, Ended&) const;

  std::vector<Ended> ended_;  // that have yet to be logged
};

}  // namespace mediasync::server
