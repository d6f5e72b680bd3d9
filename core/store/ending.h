// Why connections end, for counters and for the operator's log.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace mediasync::store {

enum class EndReason : std::uint8_t {
  kClientDisconnect,  // the client said so, by a close frame or Engine.IO's close packet
  kTransportClose,    // its TCP connection broke, or it gave up a poll
  kPingTimeout,       // nothing was heard of it in time
  kConnectTimeout,    // it was connected to no namespace for too long
  kProtocolError,     // it sent what no client may
  kPayloadTooLarge,   // it sent a message that is longer than allowed
  kFlood,             // it went on sending too many events
  kTooSlow,           // it did not read what it was sent
  kReplaced,          // its client came back by another connection
  kKicked,            // the operator's scripts ended it
  kReload,            // its worker, of an earlier configuration, sent it away
  kShutdown,          // its worker ended
  kWorkerDied,        // its worker ended without a word
  kInternalError,     // the fault is ours
};

// As operators read them.
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
