// Splits the body of a polling POST into packets (Engine.IO protocol 4, section "HTTP long-polling").
#pragma once

#include <string>
#include <string_view>

#include "core/engineio/packet.h"

namespace mediasync::engineio {

inline constexpr char kSeparator = '\x1e';

// A pull decoder: loop over next() until it returns kEnd or kError. `body` must outlive the decoder.
class PayloadDecoder {
 public:
  explicit PayloadDecoder(std::string_view body) : rest_(body) {}

  enum class Result { kPacket, kEnd, kError };

  // kPacket  `packet` is filled. Its data points into the body, or, for a binary packet ("b" and base64), into this
  //          object until the next call.
  // kError   an empty packet (an empty body is one), an unknown type, or bad base64; sticky. Earlier packets stay
  //          valid.
  // Does not check text for UTF-8.
  Result next(Packet& packet);
  // True if no packet is left.
  bool atEnd() const { return atEnd_; }

 private:
  std::string_view rest_;
  std::string binary_;
  bool atEnd_ = false;
};

}  // namespace mediasync::engineio
