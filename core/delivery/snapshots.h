// session_joined and session_state, as the session is when they are sent.
#pragma once

#include <string>
#include <string_view>

#include "core/context/part.h"
#include "core/delivery/recipient.h"
#include "core/store/session_transaction.h"

namespace mediasync::server {

class Rooms;
class SocketWriter;

class Snapshots : Part {
 public:
  Snapshots(Context&, Rooms&, SocketWriter&);
  void sendSnapshot(Recipient&, store::ItemKind);
  void takeSnapshot(const Recipient&, const store::SessionTransaction&, store::Snapshot&);
  std::string snapshotPacket(const Recipient&, store::ItemKind, const store::Snapshot&, std::string_view userId);
  static void dropRoster(Room&, Instant now);

 private:
  Rooms& rooms_;
  SocketWriter& writer_;
};

}  // namespace mediasync::server
