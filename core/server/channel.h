// One WebSocket: from its handshake, through the probe when it upgrades a polling connection, to its end.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/server/link.h"
#include "core/server/scripts.h"
#include "core/websocket/decoder.h"

namespace mediasync::server {

// A command that waits until readers have caught up, or the operator's scripts have answered.
struct Deferred {
  socketio::Packet packet;
  std::vector<std::string> attachments;
  Question question;
  std::string text;  // as it came, for another worker to go on with
};

// What the handshake of a WebSocket agreed on.
struct Agreement {
  engineio::Protocol protocol;
  std::optional<Compression> compression;  // permessage-deflate; what the client sends may be compressed, too
};

class Channel {
 public:
  enum class State : std::uint8_t {
    kProbing,   // waits for "2probe", then for "5"
    kOpen,      // is the transport of `link`
    kFinished,  // a close frame was sent, or the connection is gone: input is ignored
  };

  Channel(WebSocket& socket, SharedOptions options, const Agreement& agreement)
      : socket_(socket),
        options_(std::move(options)),
        agreement_(agreement),
        decoder_(maxMessage(options_->engine.maxPayload, agreement.compression.has_value())) {
    decoder_.allowCompression(agreement.compression.has_value());
  }

 private:
  friend class Worker;

  // What cannot be compressed becomes a little longer when that is tried.
  static std::size_t maxMessage(std::size_t maxPayload, bool compressed) {
    return compressed ? maxPayload + maxPayload / 1000 + 64 : maxPayload;
  }

  WebSocket& socket_;
  SharedOptions options_;
  Agreement agreement_;
  websocket::Decoder decoder_;
  Link* link_ = nullptr;
  store::RandomId sid_{};  // kProbing: the connection to upgrade
  State state_ = State::kProbing;
  bool probed_ = false;
  std::int64_t since_ = 0;       // monotonic, of the handshake
  std::string input_;            // not worked off yet, since a command waits, or others have their turn
  std::int64_t restsUntil_ = 0;  // monotonic: then the input goes on; 0: it does not rest
  std::unique_ptr<Deferred> deferred_;
};

}  // namespace mediasync::server
