// A connection loses its place in a session.
#pragma once

#include <cstdint>

#include "core/base/clock.h"
#include "core/store/connection_table.h"

namespace mediasync::server {

class Sessions;

// Whose doing the end of a connection is.
enum class Departure : std::uint8_t {
  kOwn,       // the client went, or was closed for what it did
  kSentAway,  // by this server, to come back: a reload, the end of its worker
};

// The connection has no seat any more: the user may have lost its last one. Returns where it was; a seat without a
// session when there was none. The caller commits `txn`, and holds no lock of a session.
store::LostSeat loseSeat(Sessions&, store::ConnectionTransaction&, Instant now, Departure = Departure::kOwn);

}  // namespace mediasync::server
