// One WebSocket: from its handshake, through the probe when it upgrades a polling connection, to its end.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/connection/link.h"
#include "core/context/scripts.h"
#include "core/socketio/packet.h"
#include "core/websocket/decoder.h"

namespace mediasync::server {

// Whose readers a command waits for.
struct WaitsFor {
  std::uint64_t session = 0;  // its serial; 0: not known, or it waits for something else
  bool isMinor = false;       // what everybody may say as they like goes last
  std::uint64_t place = 0;    // in the line
};

// Counts the commands that wait for the readers of each session.
class Line {
 public:
  bool isEmpty() const { return counts_.empty(); }
  // True if a new one has to wait behind others.
  bool hasBefore(std::uint64_t session, bool isMinor) const {
    const auto found = counts_.find(session);
    if (found == counts_.end()) return false;
    return found->second.main > 0 || (isMinor && found->second.minor > 0);
  }
  void add(const WaitsFor& one) {
    if (one.session != 0) ++of(one);
  }
  void remove(const WaitsFor& one) {
    const auto found = counts_.find(one.session);
    if (found == counts_.end()) return;
    std::uint32_t& count = of(one);
    if (count > 0) --count;
    if (found->second.main == 0 && found->second.minor == 0) counts_.erase(found);
  }
  void clear() { counts_.clear(); }

 private:
  struct Counts {
    std::uint32_t main = 0;
    std::uint32_t minor = 0;
  };
  std::uint32_t& of(const WaitsFor& one) {
    Counts& counts = counts_[one.session];
    return one.isMinor ? counts.minor : counts.main;
  }
  std::unordered_map<std::uint64_t, Counts> counts_;  // by the serial of the session
};

// A command that waits until readers have caught up, or the operator's scripts have answered.
struct Deferred {
  socketio::Packet packet;
  std::vector<std::string> attachments;
  Question question;
  std::string text;  // as it came, for another worker to go on with
  WaitsFor waitsFor;
};

// The agreement of a WebSocket's handshake.
struct Agreement {
  engineio::Protocol protocol;
  std::optional<Compression> compression;  // permessage-deflate; what the client sends may be compressed, too
};

class Channel {
 public:
  enum class State : std::uint8_t {
    kProbing,   // waits for a probe, then for the upgrade
    kOpen,      // is the transport of `link`
    kFinished,  // a close frame was sent, or the connection is gone: input is ignored
  };

  Channel(WebSocket& peer, SharedOptions location, const Agreement& agreed)
      : socket(peer),
        options(std::move(location)),
        agreement(agreed),
        decoder(maxMessage(options->engine.maxPayload, agreed.compression.has_value())) {
    decoder.allowCompression(agreed.compression.has_value());
  }

  // Incompressible text becomes a little longer by compression.
  static std::size_t maxMessage(std::size_t maxPayload, bool compressed) {
    return compressed ? maxPayload + maxPayload / 1000 + 64 : maxPayload;
  }

  WebSocket& socket;
  SharedOptions options;
  Agreement agreement;
  websocket::Decoder decoder;
  Link* link = nullptr;
  store::RandomId sid{};  // kProbing: the connection to upgrade
  State state = State::kProbing;
  bool probed = false;
  std::int64_t since = 0;       // monotonic, of the handshake
  std::string input;            // not worked off yet, since a command waits, or others have their turn
  std::int64_t restsUntil = 0;  // monotonic: then the input goes on; 0: it does not rest
  std::unique_ptr<Deferred> deferred;
  TokenBucket probeInput;       // kProbing: what it may send; then the link has that
  std::uint32_t probeCost = 0;  // kProbing: of that, what has not been charged yet
};

}  // namespace mediasync::server
