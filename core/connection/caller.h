// Who sent a packet, what is asked, and by which way the answers go.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "core/api/command_parser.h"
#include "core/base/clock.h"
#include "core/connection/link.h"
#include "core/context/context.h"
#include "core/context/options.h"
#include "core/context/scripts.h"
#include "core/session/refusal.h"

namespace mediasync::server {

struct Caller {
  store::ConnectionRef connection;
  const Options& options;
  engineio::Protocol protocol;
  Allowance& allowance;
  Link* link = nullptr;  // the WebSocket it came by, of this worker; null: it came by POST, for whoever holds the poll
  bool again = false;    // the packet had to wait, and has been counted
  Question* question = nullptr;  // about the packet; null: it cannot wait for an answer
};

using api::eventName;

// Whether the owner of the connection itself makes a change of it, or has to be told.
inline store::Origin originOf(const Caller& caller) {
  return caller.link != nullptr ? store::Origin::kOwner : store::Origin::kPost;
}

// Of a verdict by which nothing goes on, the words for the client. Good as long as the verdict is.
inline session::Refusal refusalOf(const Verdict& verdict) {
  return {verdict.code, verdict.message};
}

// Notes when input was read, for as long as it is being worked off.
class InputTime {
 public:
  InputTime(std::int64_t& at, std::int64_t now) : at_(at) { at_ = now; }
  ~InputTime() { at_ = 0; }
  InputTime(const InputTime&) = delete;
  InputTime& operator=(const InputTime&) = delete;

 private:
  std::int64_t& at_;
};

// Counts how long a turn of input took, when there was a command in it.
class CommandTimer {
 public:
  // `began`: wall clock, in microseconds.
  CommandTimer(Context& context, std::int64_t began) : context_(context), began_(began) { context_.hasCommand = false; }
  ~CommandTimer() {
    if (!std::exchange(context_.hasCommand, false)) return;
    context_.counters.commandTime.observe(context_.env.wallMicroseconds() - began_);
  }
  CommandTimer(const CommandTimer&) = delete;
  CommandTimer& operator=(const CommandTimer&) = delete;

 private:
  Context& context_;
  std::int64_t began_;
};

// One event of a client, being handled.
struct Request {
  Caller& caller;
  std::string_view event;
  std::optional<std::uint64_t> ack;  // the acknowledgement asked for
  Instant now;
  std::string_view nsp = "/";
};

}  // namespace mediasync::server
