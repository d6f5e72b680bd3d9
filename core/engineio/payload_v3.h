// Packets and payloads of Engine.IO protocol revision 3 (its section "Encoding"), where they differ from revision 4:
// payloads carry lengths in place of separators, and a binary packet carries its type.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/engineio/packet.h"
#include "core/engineio/payload.h"

namespace mediasync::engineio {

// Splits the body of a polling POST into packets. Pull style, like PayloadDecoder: a caller loops over next() until it
// gives kEnd or kError. `body` outlives the decoder.
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
  // kError   an empty body; a length that is missing, zero, of more than nine digits or with a leading zero, that goes
  //          beyond the body or cuts a surrogate pair in two; a text packet that is not UTF-8; a packet that
  //          decodeTextV3() or decodeBinaryV3() refuses. Sticky. The packets given before stand.
  Result next(Packet& packet);
  // No packet is left.
  bool atEnd() const { return state_ == Result::kEnd; }

 private:
  std::optional<Packet> takeText();
  std::optional<Packet> takeFramed();

  std::string_view rest_;
  std::string binary_;
  Framing framing_;
  Result state_ = Result::kPacket;  // kPacket as long as there may be more
};

// Decodes one text message of a WebSocket: as decodeText(), or 'b', the type and base64, which makes a binary packet
// whose data points into `binary`. nullopt for an empty message, an unknown type, a binary packet that is no message,
// and bad base64; `binary` is unspecified then. Text is not checked for UTF-8.
std::optional<Packet> decodeTextV3(std::string_view text, std::string& binary);

// Decodes one binary message of a WebSocket: the type as a number, then the data. nullopt for an empty one and for any
// type but message.
std::optional<Packet> decodeBinaryV3(std::string_view bytes);

// These add one packet to a payload. What is added is no part of `out`, and has fewer than 10^9 units or bytes.
// A text `packet` is encoded already, such as "4hello", and valid UTF-8; `bytes` are the data of a binary message.
void appendTextV3(std::string& out, std::string_view packet);         // Framing::kText
void appendBase64V3(std::string& out, std::string_view bytes);        // Framing::kText
void appendFramedTextV3(std::string& out, std::string_view packet);   // Framing::kBinary
void appendFramedBinaryV3(std::string& out, std::string_view bytes);  // Framing::kBinary

}  // namespace mediasync::engineio
