// One Engine.IO connection on the worker that owns it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <boost/intrusive/set.hpp>

#include "core/context/allowance.h"
#include "core/delivery/recipient.h"
#include "core/sessions/seats.h"
#include "core/store/connection_table.h"
#include "core/store/records.h"
#include "core/websocket/frame.h"

namespace mediasync::server {

class Channel;

using DeadlineHook = boost::intrusive::set_base_hook<boost::intrusive::link_mode<boost::intrusive::safe_link>,
                                                     boost::intrusive::optimize_size<true>>;

// The end of a connection: its reason, and the close code of the WebSocket, sent or received.
struct Ending {
  store::EndReason reason;
  websocket::CloseCode code = websocket::CloseCode::kNormal;
};

struct Link : Recipient, DeadlineHook {
  enum class Waiting : std::uint8_t { kForPing, kForPong, kForLastPoll };

  Waiting waiting = Waiting::kForPing;    // what happens at `deadline`
  Departure departure = Departure::kOwn;  // when it ends
  std::uint8_t pingLate = 0;              // milliseconds from `pingSent` until the ping was sent
  std::uint8_t refusals = 0;              // other processes that would not have it
  bool binaryStalled = false;             // no attachment has come since the last heartbeat
  bool itemsLeft = false;                 // kWebSocket: the record has items that wait until the socket takes more
  std::uint32_t binaryLeft = 0;           // kWebSocket: attachments to come of a packet
  std::uint32_t maxBinary = 0;            // bytes that packet may have with them
  std::unique_ptr<std::vector<store::WaitingItem>> parts;  // of that packet: what has come of it, when it is wanted

  Channel* channel = nullptr;     // kWebSocket
  std::uint32_t pendingCost = 0;  // of its input, that has not been charged yet
  Allowance allowance;
  std::int64_t leaveAt = 0;  // monotonic: when this process, which ends, sends the client away; 0: not yet known

  // Heartbeat.
  std::int64_t heartbeatAt = 0;
  std::int64_t deadline = 0;  // the earlier of heartbeatAt and connectBy
  std::int64_t pingSent = 0;
  std::int64_t connectBy = 0;  // CONNECT must have come; 0: it has
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

}  // namespace mediasync::server
