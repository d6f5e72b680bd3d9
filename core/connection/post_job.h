// One POST of a polling connection, while its packets are worked off.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "core/connection/channel.h"
#include "core/context/options.h"
#include "core/engineio/error.h"
#include "core/engineio/payload.h"
#include "core/engineio/payload_v3.h"

namespace mediasync::server {

// Packets that came with one POST, being worked off.
class PostJob {
 public:
  // `isBinary`: the content is application/octet-stream.
  PostJob(const store::RandomId& connectionId, std::string content, const Options& location, bool isBinary = false)
      : sid(connectionId), body(std::move(content)), binary(isBinary), options(location) {}
  virtual ~PostJob() = default;
  PostJob(const PostJob&) = delete;
  PostJob& operator=(const PostJob&) = delete;

  // Called once, unless Polls::post() answered by itself or the job was cancelled. The object may be gone afterwards.
  virtual void finished(std::optional<engineio::Error>) = 0;

  store::RandomId sid;
  std::string body;
  bool binary;
  Options options;
  engineio::Protocol protocol;
  std::variant<std::monostate, engineio::PayloadDecoder, engineio::PayloadV3Decoder> decoder;
  store::ConnectionRef connection;
  Allowance allowance;
  store::Traffic traffic;
  std::unique_ptr<Deferred> deferred;
  std::int64_t waitingSince = 0;  // monotonic; 0: not waiting
  std::int64_t restsUntil = 0;    // monotonic: it has been sending too fast; 0: it does not rest
  std::int64_t restBy = 0;        // monotonic: then it has rested for long enough; 0: it has not yet
};

}  // namespace mediasync::server
