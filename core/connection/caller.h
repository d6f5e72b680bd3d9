// The connection that a packet came from, as applications and the parts that serve them see it. socket_caller.h and
// post_caller.h implement it for the two transports.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "core/api/command_parser.h"
#include "core/base/clock.h"
#include "core/context/allowance.h"
#include "core/context/options.h"
#include "core/context/scripts.h"
#include "core/engineio/protocol.h"
#include "core/session/refusal.h"
#include "core/store/connection_table.h"
#include "core/store/records.h"

namespace mediasync::server {

enum class Attached : std::uint8_t;
struct Assembled;
struct Place;

// Lives as long as its packet is handled. Over WebSocket it acts on the link, since this worker owns the connection;
// over polling on the record, since another worker may.
class Caller {
 public:
  Caller(const store::ConnectionRef& from, store::Origin by, const Options& location, engineio::Protocol spoken,
         Allowance& rates, bool isAgain)
      : connection(from), origin(by), options(location), protocol(spoken), allowance(rates), again(isAgain) {}
  virtual ~Caller() = default;
  Caller(const Caller&) = delete;
  Caller& operator=(const Caller&) = delete;

  // Sends one Engine.IO packet as text ("4hello"), or one message of raw bytes.
  virtual void reply(std::string_view packet) = 0;
  virtual void replyBinary(std::string_view bytes) = 0;
  // Nothing else comes in between.
  virtual void reply(std::string_view packet, const std::vector<std::string>& attachments) = 0;
  // False: nothing is sent, since the client has to collect other packets first.
  virtual bool tryReply(const Assembled&) = 0;
  // Sends session_joined or session_state, with the session as it is then.
  virtual void sendSnapshot(store::ItemKind) = 0;

  virtual store::SeatRef seat() const = 0;
  // The round trip of the network, in microseconds; nullopt: it is not known.
  virtual std::optional<std::int64_t> roundTrip() const = 0;

  // The connection has a new seat: the client is sent session_joined.
  virtual void joined(const Place&) = 0;
  // The client asks to leave: the events up to now are sent.
  virtual void beforeLeaving() = 0;
  // The connection has no seat any more.
  virtual void left() = 0;

  // True if the client is connected to "/".
  virtual bool isConnectedToMain() const = 0;
  virtual void connectedToMain(bool recoverable) = 0;
  // A transaction that has been committed has changed the record.
  virtual void recordChanged(const store::ConnectionRecord&) = 0;

  // The client comes back to what it had, and is sent `answer`, then what it has missed. comingBack() is called in the
  // transaction, cameBack() after the commit.
  virtual void comingBack(store::ConnectionTransaction&, const Place&, std::string_view answer) = 0;
  virtual void cameBack(const Place&, std::string_view answer) = 0;

  // See attachments.h.
  virtual bool awaitsAttachments() const = 0;
  virtual bool expectAttachments(std::uint32_t count, std::string_view packet, std::size_t maxBytes) = 0;
  virtual Attached takeAttachment(std::string_view bytes, Assembled&) = 0;

  const store::ConnectionRef connection;
  const store::Origin origin;  // whether the owner of the connection itself changes it, or has to be notified
  const Options& options;
  const engineio::Protocol protocol;
  Allowance& allowance;
  const bool again;              // the packet had to wait, and has been counted
  Question* question = nullptr;  // about the packet; null: it cannot wait for an answer
};

using api::eventName;

// The client's view of a verdict that refuses. Valid as long as the verdict is.
inline session::Refusal refusalOf(const Verdict& verdict) {
  return {verdict.code, verdict.message};
}

// One event of a client, being handled.
struct Request {
  Caller& caller;
  std::string_view event;
  std::optional<std::uint64_t> ack;  // the acknowledgement asked for
  Instant now;
  std::string_view nsp = "/";
};

}  // namespace mediasync::server
