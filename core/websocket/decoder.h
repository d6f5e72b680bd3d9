// Reads a client's WebSocket frames and gives whole messages (RFC 6455 section 5, server side: frames are
// masked). Compressed messages (RFC 7692) are given as they came; see deflate.h.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "core/base/utf8.h"
#include "core/websocket/frame.h"

namespace mediasync::websocket {

// A text or binary message, or a control frame; never kContinuation.
struct Message {
  Opcode opcode = Opcode::kText;
  std::string_view payload;     // kClose: the reason, without the code
  std::uint16_t closeCode = 0;  // kClose only; 1005 when the frame had no code
  bool compressed = false;      // text and binary only: `payload` is still to be inflated
};

// Every connection keeps one, so it is small: no heap is held while no message is in progress, and what a
// message holds grows with the bytes that have arrived, never with the length its header declares.
class Decoder {
 public:
  // Text and binary messages, fragments together, may have up to `maxMessage` bytes.
  explicit Decoder(std::size_t maxMessage) : maxMessage_(maxMessage) {}

  // Call it with true before the first byte when the handshake agreed on permessage-deflate: text and binary messages
  // may have RSV1 then (RFC 7692 section 6). A compressed message's limit is for its compressed size, and its text
  // is not checked here: the caller limits and checks (close code 1007) what it inflates.
  void allowCompression(bool allow) { compressionAllowed_ = allow; }

  enum class Result { kNeedMore, kMessage, kError };

  // Consumes bytes from the front of `input`, unmasking them in place, until one message or control frame is
  // complete.
  //   kMessage   `message` is filled. Its payload points into `input` or into this object: it is valid until
  //   the next
  //              call, and while the input's bytes stay where they are. The rest of `input` waits for the
  //              next call.
  //   kNeedMore  all of `input` is consumed; `message` is unchanged. A caller loops until it sees this.
  //   kError     the peer broke the protocol; error() is the code to close with. Every further call returns
  //   the same.
  // What follows a close frame is still decoded: stopping there is the caller's business.
  Result next(std::span<std::uint8_t>& input, Message& message);

  // 1002 protocol error, 1007 text that is not UTF-8, 1009 message too big. Meaningful after kError.
  CloseCode error() const { return error_; }

  // Bytes of heap held at the moment.
  std::size_t heldBytes() const;

  // Where it is in the bytes of the peer, for a decoder with the same settings in another process, which goes on from
  // there. Between two calls of next(). restore() is false for what save() cannot have made; the decoder is of no use
  // then.
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
  std::uint8_t forbiddenBits() const;
  bool checkSecondByte();
  bool checkLength(std::uint64_t length);
  std::uint8_t lengthEnd() const;
  std::uint64_t declaredLength() const;
  void beginPayload();

  Result readPayload(std::span<std::uint8_t>& input, Message& message);
  void unmask(std::span<std::uint8_t> bytes);
  bool checkText(std::span<const std::uint8_t> bytes);
  Result finishFrame(std::string_view payload, Message& message);
  Result finishControl(std::string_view payload, Message& message);
  Result finishClose(std::string_view payload, Message& message);

  bool fin() const { return (header_[0] & 0x80) != 0; }
  Opcode opcode() const { return static_cast<Opcode>(header_[0] & 0x0f); }
  bool isControl() const { return (header_[0] & 0x08) != 0; }
  bool isFirstFrame() const { return opcode() == Opcode::kText || opcode() == Opcode::kBinary; }

  static constexpr std::size_t kMaxClientHeader = 14;

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
  std::array<std::uint8_t, kMaxClientHeader> header_{};
  std::uint8_t headerSize_ = 0;                   // bytes of header_ that have arrived
  std::uint8_t headerWanted_ = 1;                 // bytes of header_ to have before the next check
  std::uint8_t maskAt_ = 0;                       // position in the masking key, 0 to 3
  Opcode messageOpcode_ = Opcode::kContinuation;  // of the fragmented message in progress; kContinuation: none
  State state_ = State::kHeader;
  bool compressionAllowed_ = false;
  bool messageCompressed_ = false;  // the message that messageOpcode_ is about
};

static_assert(sizeof(Decoder) <= 96, "one Decoder is kept per idle connection");

}  // namespace mediasync::websocket
