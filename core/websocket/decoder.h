// Decodes a client's WebSocket frames into whole messages (RFC 6455 section 5, server side: frames are masked).
// Compressed messages (RFC 7692) are returned compressed; see deflate.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "core/base/utf8.h"
#include "core/websocket/frame.h"
#include "core/websocket/frame_header.h"

namespace mediasync::websocket {

// A text or binary message, or a control frame; never kContinuation.
struct Message {
  Opcode opcode = Opcode::kText;
  std::string_view payload;     // kClose: the reason, without the code
  std::uint16_t closeCode = 0;  // kClose only; 1005 if the frame had no code
  bool compressed = false;      // text and binary only: the caller must inflate `payload`
};

// Each connection has a decoder, so it is small. It holds no heap while no message is in progress; a message's memory
// grows with the bytes received, never with the length declared in its header.
class Decoder {
 public:
  // `maxMessage` bounds text and binary messages in bytes, all fragments together.
  explicit Decoder(std::size_t maxMessage) : maxMessage_(maxMessage) {}

  // Pass true before the first byte if the handshake agreed on permessage-deflate: text and binary messages may then
  // have RSV1 (RFC 7692 section 6). The limit applies to a message's compressed size, and its text is not validated:
  // the caller must bound and validate the inflated message (close code 1007).
  void allowCompression(bool allow) { compressionAllowed_ = allow; }

  enum class Result { kNeedMore, kMessage, kError };

  // Consumes bytes from the front of `input`, unmasking them in place, until one message or control frame is complete.
  //   kMessage   `message` is filled. Its payload points into `input` or into this object: it is valid until the next
  //              call, and while the bytes of `input` stay in place. The rest of `input` is left for the next call.
  //   kNeedMore  all of `input` is consumed; `message` is unchanged. Loop until this result.
  //   kError     the peer broke the protocol; error() is the close code. All further calls return the same.
  // Frames after a close frame are still decoded: stop there yourself.
  Result next(std::span<std::uint8_t>& input, Message& message);

  // 1002 protocol error, 1007 invalid UTF-8, 1009 message too big. Valid after kError.
  CloseCode error() const { return error_; }

  // Bytes of heap held now.
  std::size_t heldBytes() const;

  // Transfers the position in the peer's input to a decoder with the same settings, perhaps in another process. Call
  // save() between two calls of next(). restore() returns false for data that save() cannot have made; the decoder is
  // then unusable.
  void save(std::string& out) const;
  bool restore(std::string_view saved);

 private:
  enum class State : std::uint8_t { kHeader, kPayload, kFailed };

  Result fail(CloseCode code);
  void releaseDelivered();
  bool readHeader(std::span<std::uint8_t>& input);
  bool checkHeader();
  bool isFirstByteAllowed(bool inMessage) const;
  bool checkFirstByte();
  bool checkSecondByte();
  bool checkLength();
  void beginPayload();

  Result readPayload(std::span<std::uint8_t>& input, Message& message);
  bool checkText(std::span<const std::uint8_t> bytes);
  Result finishFrame(std::string_view payload, Message& message);
  Result finishControl(std::string_view payload, Message& message);
  Result finishClose(std::string_view payload, Message& message);

  struct Saved;
  bool isPossible();
  bool isPossibleHeader();
  bool isPossiblePayload() const;

  std::size_t maxMessage_;
  std::uint64_t remaining_ = 0;  // bytes of the present frame's payload still to come
  std::size_t messageSize_ = 0;  // bytes at the front of gathered_ that belong to the message in progress
  std::string gathered_;         // that message, and behind it a control frame that arrives in pieces
  Utf8Validator utf8_;           // of the text message in progress; complete between messages
  CloseCode error_ = CloseCode::kProtocolError;
  FrameHeader header_;
  Opcode messageOpcode_ = Opcode::kContinuation;  // of the fragmented message in progress; kContinuation: none
  State state_ = State::kHeader;
  bool compressionAllowed_ = false;
  bool messageCompressed_ = false;  // the message that messageOpcode_ is about
};

static_assert(sizeof(Decoder) <= 96, "one Decoder is kept per idle connection");

}  // namespace mediasync::websocket
