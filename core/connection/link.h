// One Engine.IO connection on the worker that owns it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <boost/intrusive/list.hpp>
#include <boost/intrusive/set.hpp>

#include "core/context/environment.h"
#include "core/context/options.h"
#include "core/delivery/roster.h"
#include "core/socketio/packet.h"
#include "core/store/connection_table.h"
#include "core/store/records.h"
#include "core/store/session_log.h"
#include "core/websocket/frame.h"

namespace mediasync::server {

class Room;
class Channel;

using SafeListHook = boost::intrusive::list_member_hook<boost::intrusive::link_mode<boost::intrusive::safe_link>>;
using DeadlineHook = boost::intrusive::set_base_hook<boost::intrusive::link_mode<boost::intrusive::safe_link>,
                                                     boost::intrusive::optimize_size<true>>;

// How a connection ends: why, and by which code of WebSocket, sent or received.
struct Ending {
  store::EndReason reason;
  websocket::CloseCode code = websocket::CloseCode::kNormal;
};

// Whose doing the end of a connection is.
enum class Departure : std::uint8_t {
  kOwn,       // the client went, or was closed for what it did
  kSentAway,  // by this server, to come back: a reload, the end of its worker
};

struct Link : DeadlineHook {
  enum class Waiting : std::uint8_t { kForPing, kForPong, kForLastPoll };

  store::ConnectionRef connection;
  SharedOptions options;

  // What is small stands together: there is a link for each connection.
  engineio::Protocol protocol;
  store::Transport transport = store::Transport::kPolling;
  Waiting waiting = Waiting::kForPing;    // what happens at `deadline`
  bool namespaceConnected = false;        // to "/"
  bool recoverable = false;               // events go out with their offsets
  bool awaitsSnapshot = false;            // kWebSocket: in a session, but session_joined has not been sent
  bool full = false;                      // the socket takes nothing until writable() is called
  bool doomed = false;                    // will be closed
  Departure departure = Departure::kOwn;  // when it ends
  bool corked = false;                    // replies gather in `out` until the input at hand is worked off
  std::uint8_t pingLate = 0;              // milliseconds from `pingSent` until the ping was sent
  std::uint8_t refusals = 0;              // other processes that would not have it
  // It is on its way to another process, under this number: nothing is read or sent meanwhile. 0: it is not.
  std::uint32_t ticket = 0;
  std::uint32_t binaryLeft = 0;  // kWebSocket: attachments to come of a packet
  std::uint32_t maxBinary = 0;   // bytes that packet may have with them
  bool binaryStalled = false;    // none of them has come since the last heartbeat
  bool itemsLeft = false;        // kWebSocket: the record has items that wait until the socket takes more

  // kWebSocket: how to send. `out` is what the socket has not taken.
  WebSocket* socket = nullptr;
  Channel* channel = nullptr;
  Compression compression;
  std::string out;
  Allowance allowance;
  store::Traffic traffic;         // since this worker has it, and by WebSocket since the upgrade
  std::uint32_t pendingCost = 0;  // of its input, that has not been charged yet
  std::int64_t leaveAt = 0;       // monotonic: when this process, which ends, sends the client away; 0: not yet known
  std::unique_ptr<std::vector<store::WaitingItem>> parts;  // of that packet: what has come of it, when it is wanted

  // kPolling: the request that waits, if one does.
  Poll* poll = nullptr;

  // The session. `cursor` is the next event to send; for kPolling the record's cursor counts.
  store::SeatRef seat;
  Room* room = nullptr;
  SafeListHook inRoom;
  std::uint64_t cursor = 0;
  std::uint64_t ownBefore = 0;   // as in the record
  std::int64_t behindSince = 0;  // monotonic; 0: not behind
  bool hasRead = false;          // it has taken all that there was since it joined, at some time

  // Heartbeat.
  std::int64_t heartbeatAt = 0;
  std::int64_t deadline = 0;  // the earlier of heartbeatAt and connectBy
  std::int64_t pingSent = 0;
  std::int64_t connectBy = 0;  // CONNECT must have come; 0: it has

  bool isBehind() const { return behindSince != 0; }
};

inline engineio::Protocol protocolOf(const store::ConnectionRecord& record) {
  return {static_cast<engineio::Revision>(record.revision), record.base64};
}

// The peer is sent a code in any case: a close frame without one is answered as one with 1000.
inline void appendCloseFrame(std::string& out, const Ending& ending) {
  const bool hasCode = ending.code != websocket::CloseCode::kNoStatus;
  websocket::appendCloseFrame(out, hasCode ? ending.code : websocket::CloseCode::kNormal);
}

// The end of a connection whose client has sent something that WebSocket forbids.
inline Ending endingOf(websocket::CloseCode code) {
  const bool isTooBig = code == websocket::CloseCode::kMessageTooBig;
  return {isTooBig ? store::EndReason::kPayloadTooLarge : store::EndReason::kProtocolError, code};
}

struct ByDeadline {
  bool operator()(const Link& a, const Link& b) const { return a.deadline < b.deadline; }
};

using Deadlines = boost::intrusive::multiset<Link, boost::intrusive::compare<ByDeadline>,
                                             boost::intrusive::constant_time_size<false>>;
using Members = boost::intrusive::list<Link, boost::intrusive::member_hook<Link, SafeListHook, &Link::inRoom>>;

// The members of one session whose connections this worker owns.
class Room {
 public:
  store::Ref session = 0;
  std::uint64_t serial = 0;
  std::uint16_t shard = 0;
  bool watched = false;        // the session wakes this worker
  std::uint64_t pulled = 0;    // next event to read from the log
  store::LogPlace place;       // where that is
  std::uint32_t behind = 0;    // members that are behind
  bool needsChanged = false;   // to be told to the log at the next flush
  std::int64_t heldSince = 0;  // monotonic: since when members here have kept the log from taking more; 0: they do not
  std::int64_t nextRound = 0;  // monotonic: until then comings and goings wait, to be told together; 0: none do
  bool waits = false;          // some do
  bool listed = false;         // among the rooms that are looked at when their rest is over
  Members members;
  std::unique_ptr<Roster> roster;  // of a large session; null: nobody has come of late
};

}  // namespace mediasync::server
