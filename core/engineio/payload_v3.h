// Packets and payloads of Engine.IO protocol revision 3 (its section "Encoding"), as far as they differ from revision
// 4: payloads have lengths instead of separators, and a binary packet carries its type.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/engineio/packet.h"
#include "core/engineio/payload.h"

namespace mediasync::engineio {

// Splits the body of a polling POST into packets. A pull decoder like PayloadDecoder: loop over next() until it returns
// kEnd or kError. `body` must outlive the decoder.
class PayloadV3Decoder {
 public:
  enum class Framing {
    kText,    // <length in UTF-16 code units>:<packet>, repeated
    kBinary,  // <0 text, 1 binary><length in bytes, a digit 0-9 per byte><255><packet>, repeated
  };
  using Result = PayloadDecoder::Result;

  PayloadV3Decoder(std::string_view body, Framing framing) : rest_(body), framing_(framing) {}

  // kPacket  `packet` is filled. Its data points into the body, or, for a packet in base64, into this object until the
  //          next call.
  // kError   an empty body; a length that is missing, zero, of more than nine digits or with a leading zero, that
  //          exceeds the body or splits a surrogate pair; a text packet that is not UTF-8; a packet that
  //          decodeTextV3() or decodeBinaryV3() refuses. Sticky. Earlier packets stay valid.
  Result next(Packet& packet);
  // True if no packet is left.
  bool atEnd() const { return state_ == Result::kEnd; }

 private:
  std::optional<Packet> takeText();
  std::optional<Packet> takeFramed();

  std::string_view rest_;
  std::string binary_;
  Framing framing_;
  Result state_ = Result::kPacket;  // kPacket while there may be more
};

// Decodes one text message of a WebSocket: as decodeText(), or 'b', the type and base64, which makes a binary packet
// whose data points into `binary`. Returns nullopt, with `binary` unspecified, for an empty message, an unknown type, a
// binary packet that is not a message, or bad base64. Does not check text for UTF-8.
std::optional<Packet> decodeTextV3(std::string_view text, std::string& binary);

// Decodes one binary message of a WebSocket: the type as a number, then the data. Returns nullopt for an empty message
// and for any type other than message.
std::optional<Packet> decodeBinaryV3(std::string_view bytes);

// Append one packet to a payload. The packet must not be part of `out`, and must have fewer than 10^9 units or bytes. A
// text `packet` is encoded already, such as "4hello", and valid UTF-8; `bytes` are the data of a binary message.
void appendTextV3(std::string& out, std::string_view packet);         // Framing::kText
void appendBase64V3(std::string& out, std::string_view bytes);        // Framing::kText
void appendFramedTextV3(std::string& out, std::string_view packet);   // Framing::kBinary
void appendFramedBinaryV3(std::string& out, std::string_view bytes);  // Framing::kBinary

}  // namespace mediasync::engineio
