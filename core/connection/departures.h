// A connection loses its seat or ends: what becomes of its user, its log and its way back.
#pragma once

#include <cstdint>
#include <optional>

#include "core/connection/link.h"
#include "core/context/options.h"
#include "core/context/part.h"
#include "core/sessions/seats.h"
#include "core/store/connection_table.h"

namespace mediasync::server {

class Accounts;
class DisconnectListener;
class Sessions;

// A connection leaves this behind.
struct Leftover {
  bool recoverable = false;
  bool isStale = false;  // the user was taken out of the session meanwhile, which the client has not heard
  store::RandomId pid{};
  store::ConnectionRef connection;
  store::LostSeat seat;
  std::uint64_t client = 0;    // whose connection it was
  std::uint32_t logBytes = 0;  // that its session keeps for the time in which it may come back, when all have gone
};

class Departures : Part {
 public:
  Departures(Context&, Accounts&, DisconnectListener&, Sessions&);
  void forgetRecovery(const store::RandomId& pid, const store::ConnectionRef&);
  Leftover vacate(store::ConnectionTransaction&, Instant now, Departure = Departure::kOwn);
  Leftover endConnection(store::ConnectionTransaction&, Instant now, Departure, Ending, const Link*);
  void keepForRecovery(const Leftover&, Instant now);
  void chargeForLog(const Leftover&, const Link&, Instant now);
  void chargeForLog(std::uint64_t client, std::uint32_t logBytes, const Options&, Instant now);
  std::optional<Leftover> takeOver(const store::ConnectionRef&, const store::RandomId& pid);

 private:
  std::uint32_t logLeftIn(const store::LostSeat&);

  Accounts& accounts_;
  DisconnectListener& listener_;
  Sessions& sessions_;
};

}  // namespace mediasync::server
