// A client that lost its connection comes back to what it had (connection state recovery of Socket.IO).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/connection/namespaces.h"
#include "core/context/part.h"
#include "core/sessions/offset.h"
#include "core/sessions/outcome.h"
#include "core/store/recovery_table.h"

namespace mediasync::server {

class Departures;
class Handshakes;
class Sessions;

// The connection that a client may have again.
struct Claim {
  store::RandomId pid{};
  store::RandomId socketId{};
  store::LostSeat seat;
  std::uint64_t client = 0;  // as of Leftover, where it was taken over
  std::uint32_t logBytes = 0;
};

class Recovery : Part {
 public:
  Recovery(Context&, Departures&, Handshakes&, Sessions&);
  // The secret by which a client proves who it is: `given`, or else that of its connection. nullopt: the location
  // does not ask for it.
  std::optional<SecretHash> secretOf(const Caller&, std::optional<std::string_view> given);
  bool canRecover(const Caller&) const;
  // Everything of the client with that pid belongs to this connection from now on. Only a client with the same secret
  // has a claim.
  std::optional<Claim> claim(const Caller&, const store::RandomId& pid, const Connecting&);
  // Puts the connection where the client was, sends `answer`, and then what it has missed. kRefused or kGone: that is
  // not possible any more, and nothing has happened.
  Outcome comeBack(Caller&, const Claim&, const Connecting&, std::optional<Offset>, std::string_view answer);
  // Lets the connection be found by a new pid. False: no space.
  bool makeRecoverable(const Caller&, const store::RandomId& pid, const Connecting&);
  void forgetClaim(const Caller&, const Claim&);

 private:
  bool awaitsConnect(const Caller&);
  void unclaim(const Caller&, const Claim&);
  store::Realm returnRealm(const Caller&, const Connecting&) const;
  Outcome retake(Caller&, const Claim&, const Connecting&, std::optional<Offset>, std::string_view answer);

  Departures& departures_;
  Handshakes& handshakes_;
  Sessions& sessions_;
};

}  // namespace mediasync::server
