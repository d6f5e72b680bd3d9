#include "core/sessions/seats.h"

#include "core/sessions/sessions.h"

namespace mediasync::server {

store::LostSeat loseSeat(Sessions& sessions, store::ConnectionTransaction& txn, Instant now, Departure departure) {
  const store::SeatRef seat = txn.record().seat;
  if (!seat) return {};
  store::LostSeat lost = sessions.lose(seat, departure, now);
  if (lost.session != 0) {
    lost.awaitingSnapshot = txn.record().awaitingSnapshot;
    lost.joinedAt = txn.record().joinedAt;
  }
  txn.endSeat(lost.userSerial);
  return lost;
}

}  // namespace mediasync::server
