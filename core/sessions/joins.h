// Connections join sessions, and leave them: their seats.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/base/secret.h"
#include "core/context/part.h"
#include "core/session/command.h"
#include "core/sessions/sessions.h"
#include "core/store/connection_table.h"
#include "core/store/session_transaction.h"

namespace mediasync::server {

class Admission;
class Eviction;

// A command of a client, being carried out. May have to be begun anew for want of memory.
struct Attempt {
  const Party& party;
  const Conditions& on;
  Outcome& outcome;
  std::optional<SecretHash> secret = {};  // given with a join, where the location asks for one
  bool isAdmitted = false;                // the session that it makes has been counted
};

// The functions throw what the store throws.
class Joins : Part {
 public:
  Joins(Context&, Sessions&, Admission&, Eviction&);
  void join(Attempt&, const session::JoinSession&);
  void leave(Attempt&);

 private:
  bool makePlace(Attempt&, std::string_view sessionId);
  bool admitSession(Attempt&, std::uint64_t client);
  bool joinAgain(Attempt&, const session::JoinSession&, const store::ConnectionTransaction&);
  void joinAnew(Attempt&, const session::JoinSession&, store::ConnectionTransaction&);
  bool findOrCreate(Attempt&, const session::JoinSession&, std::uint64_t client, store::SessionTransaction&);
  bool enter(Attempt&, const session::JoinSession&, const store::ConnectionTransaction&);
  bool mustCollectFirst(const Attempt&, const store::ConnectionTransaction&) const;

  Sessions& sessions_;
  Admission& admission_;
  Eviction& eviction_;
};

}  // namespace mediasync::server
