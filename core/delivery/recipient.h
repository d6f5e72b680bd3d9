// The delivery state of a connection of this worker: the way to send to it, and its position in the session's log.
#pragma once

#include <cstdint>
#include <string>

#include <boost/intrusive/list.hpp>

#include "core/context/context.h"
#include "core/context/environment.h"
#include "core/context/options.h"
#include "core/engineio/protocol.h"
#include "core/store/connection_table.h"
#include "core/store/records.h"

namespace mediasync::server {

class Room;

using SafeListHook = boost::intrusive::list_member_hook<boost::intrusive::link_mode<boost::intrusive::safe_link>>;

struct Recipient {
  store::ConnectionRef connection;
  SharedOptions options;

  // The small fields stand together: each connection has them.
  engineio::Protocol protocol;
  store::Transport transport = store::Transport::kPolling;
  bool namespaceConnected = false;  // to "/"
  bool recoverable = false;         // events go out with their offsets
  bool awaitsSnapshot = false;      // kWebSocket: in a session, but session_joined has not been sent
  bool full = false;                // the socket takes nothing until writable() is called
  bool doomed = false;              // will be closed
  bool corked = false;              // replies gather in `out` until the input at hand is worked off
  bool hasRead = false;             // it has taken all that there was since it joined, at some time
  // It is on its way to another process, under this number: nothing is read or sent meanwhile. 0: it is not.
  std::uint32_t ticket = 0;
  Compression compression;      // kWebSocket
  WebSocket* socket = nullptr;  // kWebSocket
  Poll* poll = nullptr;         // kPolling: the request that waits, if one does

  // The session. `cursor` is the next event to send; for kPolling the record's cursor counts.
  std::uint64_t cursor = 0;
  std::uint64_t ownBefore = 0;   // as in the record
  std::int64_t behindSince = 0;  // monotonic; 0: not behind
  Room* room = nullptr;
  SafeListHook inRoom;
  store::SeatRef seat;

  store::Traffic traffic;  // since this worker has it, and by WebSocket since the upgrade
  std::string out;         // kWebSocket: what the socket has not taken

  bool isBehind() const { return behindSince != 0; }
};

// The connection cannot go on. It is ended when the events at hand have been handled, since whoever found out may be in
// the middle of something with it.
void doom(Context&, Recipient&);

}  // namespace mediasync::server
