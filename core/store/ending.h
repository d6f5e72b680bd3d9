// Why connections end, for counters and for the operator's log.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace mediasync::store {

enum class EndReason : std::uint8_t {
  kClientDisconnect,  // the client closed it, by a close frame or Engine.IO's close packet
  kTransportClose,    // its TCP connection broke, or it aborted a poll
  kPingTimeout,       // the client was silent for too long
  kConnectTimeout,    // it had no namespace for too long
  kProtocolError,     // it violated the protocol
  kPayloadTooLarge,   // it sent too long a message
  kFlood,             // it went on sending too many events
  kTooSlow,           // it did not read its events or replies
  kReplaced,          // its client recovered it by another connection
  kKicked,            // the operator's scripts closed it
  kReload,            // its worker, of an earlier configuration, closed it
  kShutdown,          // its worker ended
  kWorkerDied,        // its worker died
  kInternalError,     // a defect of the server
};

// The reasons in the operator's log.
inline constexpr std::array<std::string_view, 14> kEndReasonNames{"client disconnect",
                                                                  "transport close",
                                                                  "ping timeout",
                                                                  "connect timeout",
                                                                  "protocol error",
                                                                  "payload too large",
                                                                  "flood",
                                                                  "too slow",
                                                                  "replaced",
                                                                  "kicked",
                                                                  "reload",
                                                                  "shutdown",
                                                                  "worker died",
                                                                  "internal error"};
inline constexpr std::size_t kEndReasons = kEndReasonNames.size();
static_assert(static_cast<std::size_t>(EndReason::kInternalError) + 1 == kEndReasons);

constexpr std::string_view nameOf(EndReason reason) {
  return kEndReasonNames[static_cast<std::size_t>(reason)];
}

}  // namespace mediasync::store
