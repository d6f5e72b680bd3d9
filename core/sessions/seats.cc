#include "core/sessions/seats.h"

#include "core/session/rules.h"
#include "core/store/session_transaction.h"

namespace mediasync::server {

store::LostSeat loseSeat(Context& context, store::ConnectionTransaction& txn, Instant now, Departure departure) {
  store::LostSeat lost;
  const store::SeatRef seat = txn.record().seat;
  if (!seat) return lost;
  {
    store::SessionTransaction session(context.zone, seat.shard);
    if (session.openSeat(seat)) {
      lost = session.lostSeat();
      lost.awaitingSnapshot = txn.record().awaitingSnapshot;
      lost.joinedAt = txn.record().joinedAt;
      const Instant lostAt = departure == Departure::kSentAway ? context.zone.settings().sentAwayAt(now) : now;
      if (session.removeConnection(seat, now)) session::connectionsLost(session, session.seatUser(), lostAt);
      session.commit(context.wake);
    }
  }
  txn.endSeat(lost.userSerial);
  return lost;
}

}  // namespace mediasync::server
