// The interface by which a worker uses its process. ngx_module/ implements it on NGINX, tests on fakes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/engineio/protocol.h"
#include "core/store/process.h"
#include "core/store/records.h"
#include "core/websocket/frame.h"

namespace mediasync::server {

class Scripts;

// The end of a connection, for the operator's log.
struct Ended {
  std::uint64_t location = 0;  // whose log it is, as Options::log says
  store::Address client;
  store::Transport transport = store::Transport::kPolling;  // the last it had
  engineio::Revision revision = engineio::Revision::kV4;
  std::string socketId;                   // in "/"; "": it has not been there
  std::string sessionId;                  // of the session that it was in last; "": in none, or that is gone
  std::string userId;                     // of its user in there, or whom NGINX says the client is; "": not known
  std::int64_t duration = 0;              // milliseconds
  std::optional<store::Traffic> traffic;  // nullopt: it went down with its worker
  store::EndReason reason{};
  websocket::CloseCode code{};  // of a WebSocket
  bool recovered = false;       // it went on where one before had been lost
};

class Environment : public store::Process {
 public:
  // A connection has ended, and its location has a log. Not called under a lock.
  virtual void ended(const Ended&) {}
  // The operator's rules, null when there are none. Outlives the worker.
  virtual Scripts* scripts() { return nullptr; }
};

// The sending side of a WebSocket. Neither function calls back into the worker.
class WebSocket {
 public:
  virtual ~WebSocket() = default;
  // Takes bytes of whole or part frames: how many were taken, fewer than given when the socket is full (then
  // Worker::writable is called once there is room), or -1 when it is broken (then Worker::gone is called).
  virtual std::ptrdiff_t write(std::string_view bytes) = 0;
  // There will be a write soon. A hint.
  virtual void expectWrite() const {}
  // Stop reading for now, or go on: input that arrives meanwhile stays in the socket.
  virtual void pause(bool paused) = 0;
  // Nothing more will be written. The peer has what write() took; the socket is closed when that is sent.
  // Worker::gone is not called after it.
  virtual void finish() = 0;

  // The round trip to the peer as the kernel has measured it, in microseconds, where it does.
  virtual std::optional<std::int64_t> roundTrip() const { return std::nullopt; }

  // True if another process could go on with the socket.
  virtual bool canBeGiven() const = 0;
  // Gives the socket to the process in `slot`, which calls Worker::adopt() with `parcel`. After kGiven this process
  // reads and writes nothing, until it is told either that it has let go, which is the last call, or that it goes on.
  enum class Giving {
    kGiven,
    kNotYet,  // there is something that this process has to do first
    kFull,    // that process, and perhaps others, must take what it was given first
  };
  virtual Giving give(std::uint16_t slot, std::string_view parcel) = 0;
  virtual void letGo() = 0;
  virtual void goOn() = 0;
};

// A poll that waits for something to send.
class Poll {
 public:
  virtual ~Poll() = default;
  // Completes the request. The object may be gone afterwards.
  virtual void answer(engineio::Payload) = 0;
};

}  // namespace mediasync::server
