// zlib's states of one worker, shared by all of its connections: nothing is carried from message to message.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "core/context/options.h"
#include "core/websocket/deflate.h"
#include "core/websocket/frame.h"

namespace mediasync::server {

class Compressor {
 public:
  // Appends one frame: compressed when the connection agreed on that and the message is long enough.
  void appendFrame(std::string& out, const Compression&, websocket::Opcode, std::string_view message);

  websocket::Inflater& inflater() { return inflater_; }
  // The buffer of an inflated message until the next one.
  std::string& inflated() { return inflated_; }

 private:
  std::map<std::uint16_t, websocket::Deflater> deflaters_;  // by window and level
  websocket::Inflater inflater_;
  std::string inflated_;
  std::string deflated_;
};

}  // namespace mediasync::server
