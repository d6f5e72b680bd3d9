// The sessions, as the rest of a worker sees them: changes are asked for, and each has an outcome. Whoever asks need
// not know where a session is kept. No function throws for want of memory or because members have to catch up.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/base/clock.h"
#include "core/context/options.h"
#include "core/session/command.h"
#include "core/session/event.h"
#include "core/sessions/offset.h"
#include "core/sessions/outcome.h"
#include "core/sessions/seats.h"
#include "core/store/connection_table.h"
#include "core/store/session_list.h"
#include "core/store/session_transaction.h"

namespace mediasync::server {

// The party that asks.
struct Party {
  store::ConnectionRef connection;
  store::Origin origin;      // kOwner: this worker has its WebSocket, and is to be woken by the session's news
  store::SeatRef seat = {};  // of the connection. Joining and leaving go by its record instead
};

// On which conditions.
struct Conditions {
  const Options& options;  // of the location that the client came by
  Instant now;
  bool mayReport = true;  // its connection has not sent too many reports that members are told
};

// A client that comes back to the place that it had.
struct Return {
  store::ConnectionRef connection;  // the new one
  store::Origin origin;
  store::LostSeat seat;
  std::optional<Offset> offset;  // of the last event that it has received; nullopt: of none
};

// A session that REST or a script makes.
struct Creation {
  std::string_view sessionId;
  std::string_view creatorId;
  std::string_view creatorName;
  std::string_view secret;  // whoever shows it is the creator, where the location asks for one; "": whoever comes first
  std::string_view network;  // of the client, as clientNetwork() says; "": none is known
};

// The orders of the operator's scripts.
struct Appoint {
  std::string_view userId;
};
struct RemoveUser {
  std::string_view userId;
};
using Order = std::variant<Appoint, RemoveUser, session::LoadMedia, session::CustomEvent>;

inline constexpr session::Refusal kUserNotFound{"USER_NOT_FOUND", "There is no such user in the session"};

class Sessions {
 public:
  Sessions() = default;
  Sessions(const Sessions&) = delete;
  Sessions& operator=(const Sessions&) = delete;
  virtual ~Sessions() = default;

  // ---- what clients ask for
  // Carries out a command. A join and a leave also change the seat in the record of the connection. No lock is held.
  virtual Outcome apply(const Party&, const session::Command&, const Conditions&) = 0;
  // Gives the user one more connection again. The caller has the lock of the connection, and seats it.
  virtual Outcome comeBack(const Return&, Instant now) = 0;
  // The user loses the connection of the seat, perhaps the last one. Returns where that was; a seat without a session
  // when it was none any more. The caller has the lock of the connection, and ends its seat. Succeeds whatever happens.
  virtual store::LostSeat lose(const store::SeatRef&, Departure, Instant now) = 0;

  // ---- what REST and scripts ask for
  virtual Outcome create(const Creation&, const Conditions&) = 0;
  // Refused with kSessionNotFound or kUserNotFound when there is none.
  virtual Outcome apply(std::string_view sessionId, const Order&, Instant now) = 0;
  // Ends a session that has no users. Nothing happens to any other: `firstUser` is then one of them, else "".
  virtual Outcome end(std::string_view sessionId, std::string& firstUser, Instant now) = 0;

  // ---- reading
  virtual bool exists(std::string_view sessionId) const = 0;
  // The session as it is now. False: there is none.
  virtual bool show(std::string_view sessionId, store::Snapshot&, Instant now) const = 0;
  virtual store::SessionPage list(store::SessionPlace after, std::uint32_t limit) const = 0;
  // The connections of the user, or of all users. Refused as above.
  virtual Outcome listConnections(std::string_view sessionId, std::optional<std::string_view> userId,
                                  std::vector<store::ConnectionRef>&) const = 0;
  // The URL of the film, "" when there is none, as the user may see it; nullopt: the user is not there.
  virtual std::optional<std::string> mediaFor(std::string_view sessionId, std::string_view userId) const = 0;
};

}  // namespace mediasync::server
