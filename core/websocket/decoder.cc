#include "core/websocket/decoder.h"

#include <cstring>
#include <type_traits>

#include "core/base/bytes.h"

namespace mediasync::websocket {
namespace {

constexpr std::uint8_t kFirstByte = 1;
constexpr std::uint8_t kSecondByte = 2;
constexpr std::uint8_t kMaskSize = 4;

bool isKnownOpcode(Opcode opcode) {
  switch (opcode) {
    case Opcode::kContinuation:
    case Opcode::kText:
    case Opcode::kBinary:
    case Opcode::kClose:
    case Opcode::kPing:
    case Opcode::kPong:
      return true;
  }
  return false;
}

}  // namespace

Decoder::Result Decoder::next(std::span<std::uint8_t>& input, Message& message) {
  releaseDelivered();
  for (;;) {
    if (state_ == State::kFailed) return Result::kError;
    if (state_ == State::kHeader && !readHeader(input)) {
      return state_ == State::kFailed ? Result::kError : Result::kNeedMore;
    }
    const Result result = readPayload(input, message);
    const bool betweenFragments = result == Result::kNeedMore && state_ == State::kHeader;
    if (!betweenFragments) return result;
  }
}

std::size_t Decoder::heldBytes() const {
  return gathered_.capacity() > std::string().capacity() ? gathered_.capacity() : 0;
}

// Numbers only: whatever bytes it is read from, each has a value. The state of the UTF-8 follows from the message.
struct Decoder::Saved {
  std::uint64_t remaining;
  std::uint64_t messageSize;
  FrameHeader header;
  std::uint8_t messageOpcode, state, messageCompressed;
};

void Decoder::save(std::string& out) const {
  const Saved saved{remaining_,
                    messageSize_,
                    header_,
                    static_cast<std::uint8_t>(messageOpcode_),
                    static_cast<std::uint8_t>(state_),
                    messageCompressed_};
  out.append(asText(std::as_bytes(std::span(&saved, 1))));
  // Between frames, what lies behind the message in progress was delivered.
  out.append(gathered_, 0, state_ == State::kPayload ? std::string::npos : messageSize_);
}

bool Decoder::restore(std::string_view bytes) {
  Saved saved;
  static_assert(std::is_trivially_copyable_v<Saved>);
  if (bytes.size() < sizeof saved) return false;
  std::memcpy(static_cast<void*>(&saved), bytes.data(), sizeof saved);
  bytes.remove_prefix(sizeof saved);
  if (saved.messageSize > bytes.size()) return false;
  remaining_ = saved.remaining;
  messageSize_ = saved.messageSize;
  gathered_ = bytes;
  header_ = saved.header;
  messageOpcode_ = static_cast<Opcode>(saved.messageOpcode);
  state_ = static_cast<State>(saved.state);
  messageCompressed_ = saved.messageCompressed != 0;
  return isPossible() && checkText(asBytes(bytes.substr(0, messageSize_)));
}

// True if the decoder can have come to this state.
bool Decoder::isPossible() {
  const bool inMessage = messageOpcode_ == Opcode::kText || messageOpcode_ == Opcode::kBinary;
  if (!inMessage && (messageOpcode_ != Opcode::kContinuation || messageSize_ > 0)) return false;
  if (messageCompressed_ && !compressionAllowed_) return false;
  if (state_ == State::kHeader) return isPossibleHeader();
  return state_ == State::kPayload && isPossiblePayload();
}

bool Decoder::isPossibleHeader() {
  if (gathered_.size() != messageSize_ || header_.size() >= header_.wanted()) return false;
  if (header_.wanted() == kFirstByte) return true;
  if (header_.size() == 0 || !checkFirstByte()) return false;
  if (header_.size() == kFirstByte) return header_.wanted() == kSecondByte;
  const std::uint8_t lengthEnd = header_.lengthEnd();
  return checkSecondByte() && header_.wanted() == (header_.size() < lengthEnd ? lengthEnd : lengthEnd + kMaskSize);
}

bool Decoder::isPossiblePayload() const {
  const std::uint64_t length = header_.length();
  if (header_.size() != 0 || header_.wanted() != kFirstByte || remaining_ == 0 || remaining_ > length) return false;
  const std::uint64_t arrived = length - remaining_;
  const bool inMessage = messageOpcode_ != Opcode::kContinuation;
  const bool isFirst = header_.isFirstFrame();
  if (header_.maskAt() != arrived % kMaskSize || !isFirstByteAllowed(inMessage && !isFirst)) return false;
  if (header_.isControl()) return length <= kMaxControlPayload && gathered_.size() - messageSize_ == arrived;
  const bool isOfMessage = header_.opcode() == messageOpcode_ && header_.isCompressed() == messageCompressed_;
  if (isFirst && !isOfMessage) return false;
  return gathered_.size() == messageSize_ && messageSize_ >= arrived;
}

Decoder::Result Decoder::fail(CloseCode code) {
  error_ = code;
  state_ = State::kFailed;
  messageSize_ = 0;
  releaseDelivered();
  return Result::kError;
}

// Between frames, whatever lies behind the message in progress was delivered by the call before.
void Decoder::releaseDelivered() {
  if (state_ == State::kPayload) return;
  if (messageSize_ > 0) {
    gathered_.resize(messageSize_);
  } else {
    std::string().swap(gathered_);  // clear() would keep the memory
  }
}

// True when a header is complete and accepted: state_ is kPayload then.
bool Decoder::readHeader(std::span<std::uint8_t>& input) {
  while (!input.empty()) {
    if (!header_.take(input) || !checkHeader()) return false;
    if (state_ == State::kPayload) return true;
  }
  return false;
}

// Called at each point where the next part of the header can be judged, so that a bad header fails at its
// first bad field however it is split.
bool Decoder::checkHeader() {
  if (header_.size() == kFirstByte) {
    header_.want(kSecondByte);
    return checkFirstByte();
  }
  if (header_.size() == kSecondByte && !checkSecondByte()) return false;
  const std::uint8_t lengthEnd = header_.lengthEnd();
  if (header_.size() < lengthEnd) {
    header_.want(lengthEnd);
    return true;
  }
  if (header_.size() == lengthEnd) {
    header_.want(static_cast<std::uint8_t>(lengthEnd + kMaskSize));
    return checkLength();
  }
  beginPayload();
  return true;
}

// Section 5.2 (FIN, RSV, opcode), 5.4 (fragmentation) and 5.5 (control frames are not fragmented). RFC 7692 section 6:
// RSV1 is for the first frame of a message; the other reserved bits have no meaning.
bool Decoder::isFirstByteAllowed(bool inMessage) const {
  const bool mayBeCompressed = compressionAllowed_ && header_.isFirstFrame();
  const int forbidden = mayBeCompressed ? header_.reservedBits() & ~kRsv1Bit : header_.reservedBits();
  const bool isContinuation = header_.opcode() == Opcode::kContinuation;
  const bool wrongOrder = !header_.isControl() && isContinuation != inMessage;
  const bool fragmentedControl = header_.isControl() && !header_.fin();
  return forbidden == 0 && isKnownOpcode(header_.opcode()) && !wrongOrder && !fragmentedControl;
}

bool Decoder::checkFirstByte() {
  if (isFirstByteAllowed(messageOpcode_ != Opcode::kContinuation)) return true;
  fail(CloseCode::kProtocolError);
  return false;
}

bool Decoder::checkSecondByte() {
  if (header_.isSecondByteAllowed()) return true;
  fail(CloseCode::kProtocolError);
  return false;
}

bool Decoder::checkLength() {
  if (!header_.isLengthAllowed()) {
    fail(CloseCode::kProtocolError);
    return false;
  }
  // A restored message may have begun under a larger maximum.
  if (!header_.isControl() && (messageSize_ > maxMessage_ || header_.length() > maxMessage_ - messageSize_)) {
    fail(CloseCode::kMessageTooBig);
    return false;
  }
  return true;
}

void Decoder::beginPayload() {
  remaining_ = header_.length();
  header_.beginPayload();
  state_ = State::kPayload;
  if (header_.isFirstFrame()) {
    messageOpcode_ = header_.opcode();
    messageCompressed_ = header_.isCompressed();
  }
}

// The next bytes of the message in progress.
bool Decoder::checkText(std::span<const std::uint8_t> bytes) {
  return messageOpcode_ != Opcode::kText || messageCompressed_ || utf8_.feed(bytes);
}

Decoder::Result Decoder::readPayload(std::span<std::uint8_t>& input, Message& message) {
  const bool frameEnds = input.size() >= remaining_;
  const auto piece = frameEnds ? input.first(static_cast<std::size_t>(remaining_)) : input;
  input = input.subspan(piece.size());
  remaining_ -= piece.size();
  header_.unmask(piece);
  const bool isText = header_.isControl() || (checkText(piece) && (!frameEnds || !header_.fin() || utf8_.complete()));
  if (!isText) return fail(CloseCode::kInvalidPayload);

  const std::size_t frameStart = header_.isControl() ? messageSize_ : 0;
  if (frameEnds && header_.fin() && gathered_.size() == frameStart) return finishFrame(asText(piece), message);
  gathered_.append(asText(piece));
  if (!header_.isControl()) messageSize_ = gathered_.size();
  if (!frameEnds) return Result::kNeedMore;
  if (!header_.fin()) {
    state_ = State::kHeader;
    return Result::kNeedMore;
  }
  return finishFrame(std::string_view(gathered_).substr(frameStart), message);
}

Decoder::Result Decoder::finishFrame(std::string_view payload, Message& message) {
  state_ = State::kHeader;
  if (header_.isControl()) return finishControl(payload, message);
  message = {messageOpcode_, payload, 0, messageCompressed_};
  messageOpcode_ = Opcode::kContinuation;
  messageSize_ = 0;  // the next call releases what the message held
  return Result::kMessage;
}

Decoder::Result Decoder::finishControl(std::string_view payload, Message& message) {
  if (header_.opcode() == Opcode::kClose) return finishClose(payload, message);
  message = {header_.opcode(), payload, 0};
  return Result::kMessage;
}

// Section 5.5.1: nothing, or a code and a reason in UTF-8.
Decoder::Result Decoder::finishClose(std::string_view payload, Message& message) {
  if (payload.empty()) {
    message = {Opcode::kClose, {}, static_cast<std::uint16_t>(CloseCode::kNoStatus)};
    return Result::kMessage;
  }
  if (payload.size() == 1) return fail(CloseCode::kProtocolError);
  const auto high = static_cast<std::uint8_t>(payload[0]);
  const auto low = static_cast<std::uint8_t>(payload[1]);
  const auto code = static_cast<std::uint16_t>(high << 8 | low);
  if (!isValidCloseCode(code)) return fail(CloseCode::kProtocolError);
  if (!isValidUtf8(payload.substr(2))) return fail(CloseCode::kInvalidPayload);
  message = {Opcode::kClose, payload.substr(2), code};
  return Result::kMessage;
}

}  // namespace mediasync::websocket
