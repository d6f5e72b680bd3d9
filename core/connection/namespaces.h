// The namespaces that a connection is connected to, kept where every worker finds them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/secret.h"
#include "core/context/part.h"
#include "core/store/connection_table.h"

namespace mediasync::server {

class Caller;
class Departures;
class DisconnectListener;
class Replies;
class Sessions;

// A client connects to "/".
struct Connecting {
  store::RandomId socketId{};
  std::optional<store::RandomId> pid;  // the connection can be recovered
  std::string auth;                    // as JSON, empty when there is none
  std::optional<SecretHash> secret;    // of the client, where the location asks for one
};

enum class Connected { kDone, kAlready, kNoSpace, kGone };

// Upper bits of the number of an acknowledgement that is asked of a client.
inline constexpr unsigned kAckTagBits = 20;
inline std::uint32_t tagOf(std::uint64_t ackId) {
  return static_cast<std::uint32_t>(ackId >> 32);
}

class Namespaces : Part {
 public:
  Namespaces(Context&, Departures&, DisconnectListener&, Replies&, Sessions&);
  std::uint64_t newAckId(const store::ConnectionRef&, std::string_view nsp, std::uint32_t tag = 0);
  bool takeAckId(const Caller&, std::string_view nsp, std::uint64_t id);
  bool connectsTooOften(const Caller&);
  void chargeConnect(const Caller&);
  // Namespaces of a connection. `connect` is false when the connection is there already, or gone; it throws OutOfSpace.
  bool isConnected(const Caller&, std::string_view nsp);
  Connected connectMain(Caller&, const Connecting&);
  Connected connectOther(Caller&, std::string_view nsp, const store::RandomId& socketId);
  void disconnectMain(Caller&);
  void disconnectOther(Caller&, std::string_view nsp);
  void beginConnectTime(store::ConnectionTransaction&, const Options&);

 private:
  Departures& departures_;
  DisconnectListener& listener_;
  Replies& replies_;
  Sessions& sessions_;
};

}  // namespace mediasync::server
