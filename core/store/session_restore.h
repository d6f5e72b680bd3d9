// Sessions as they come back from a state file.
#pragma once

#include <string_view>

#include "core/store/saved.h"
#include "core/store/session_transaction.h"

namespace mediasync::store {

// Makes sessions anew, before any client is served.
class RestoreTransaction final : public SessionTransaction {
 public:
  using SessionTransaction::SessionTransaction;

  // Creates the session, without its users and events, and makes it current. Throws OutOfSpace.
  void restore(const SavedSession&, Instant now);
  void setClockStart(Instant);
  // After restore(): the session gets no events, like one after dropLog().
  void restoreWithoutLog(const SavedSession&);
  // Adds one of its users, without a connection and in no queue.
  session::UserRef restoreUser(const SavedUser&, Instant now);
  // Adds the next event of its log. Throws OutOfSpace.
  void restoreEvent(std::string_view event, bool isSync);
};

}  // namespace mediasync::store
