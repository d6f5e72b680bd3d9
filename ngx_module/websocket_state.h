// The state of a WebSocket.
#pragma once

#include <cstdint>

namespace mediasync::ngx {

// Its socket and the worker's channel end one after the other, in either order.
class WebSocketState {
 public:
  // ---- the socket

  // The handshake is out.
  void begin() { socket_ = Socket::kOpen; }
  // Until takeBack() it is another process that reads and writes.
  void giveAway() { socket_ = Socket::kAway; }
  void takeBack() {
    if (isAway()) socket_ = Socket::kOpen;
  }
  // Nothing more can be sent or received.
  void breakOff() {
    if (!isBroken()) socket_ = Socket::kBroken;
  }
  // The same, by a fault of ours.
  void fail() { socket_ = Socket::kFailed; }
  // NGINX's connection is gone, and its events with it.
  void destroy() { socket_ = Socket::kDestroyed; }

  // True if there may be events: since the handshake, until the connection is gone.
  bool hasEvents() const { return socket_ != Socket::kHandshake && socket_ != Socket::kDestroyed; }
  bool isAway() const { return socket_ == Socket::kAway; }
  bool isBroken() const { return socket_ >= Socket::kBroken; }
  bool hasFailed() const { return socket_ == Socket::kFailed; }

  // ---- the channel

  // The worker is done with it.
  void finish() {
    if (!isFinished()) channel_ = Channel::kFinished;
  }
  // Nothing more will be written, but the last record has yet to be sent.
  void awaitLastRecord() { channel_ = Channel::kLastRecord; }

  bool isFinished() const { return channel_ != Channel::kServed; }
  bool awaitsLastRecord() const { return channel_ == Channel::kLastRecord; }

  // ---- both

  bool isOver() const { return isFinished() || isBroken(); }
  // True if this process serves it.
  bool isServed() const { return !isOver() && !isAway(); }
  void pause(bool paused) { isPaused_ = paused; }
  // True if the worker takes input.
  bool isRead() const { return isServed() && !isPaused_; }

 private:
  enum class Socket : std::uint8_t { kHandshake, kOpen, kAway, kBroken, kFailed, kDestroyed };
  enum class Channel : std::uint8_t { kServed, kFinished, kLastRecord };

  Socket socket_ = Socket::kHandshake;
  Channel channel_ = Channel::kServed;
  bool isPaused_ = false;
};

}  // namespace mediasync::ngx
