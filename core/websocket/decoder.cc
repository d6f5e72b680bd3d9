#include "core/websocket/decoder.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "core/base/bytes.h"

namespace mediasync::websocket {
namespace {

constexpr std::uint8_t kReservedBits = 0x70;
constexpr std::uint8_t kMaskBit = 0x80;
constexpr std::uint8_t kLengthBits = 0x7f;
constexpr std::uint8_t kLength16 = 126;
constexpr std::uint8_t kLength64 = 127;
constexpr std::uint8_t kMaskSize = 4;
constexpr std::uint8_t kBaseHeader = 2;

std::uint8_t extendedLengthSize(std::uint8_t lengthBits) {
  if (lengthBits == kLength16) return 2;
  if (lengthBits == kLength64) return 8;
  return 0;
}

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
  std::array<std::uint8_t, kMaxClientHeader> header;
  std::uint8_t headerSize, headerWanted, maskAt, messageOpcode, state, messageCompressed;
};

void Decoder::save(std::string& out) const {
  const Saved saved{remaining_,
                    messageSize_,
                    header_,
                    headerSize_,
                    headerWanted_,
                    maskAt_,
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
  headerSize_ = saved.headerSize;
  headerWanted_ = saved.headerWanted;
  maskAt_ = saved.maskAt;
  messageOpcode_ = static_cast<Opcode>(saved.messageOpcode);
  state_ = static_cast<State>(saved.state);
  messageCompressed_ = saved.messageCompressed != 0;
  return isPossible() && checkText(asBytes(bytes.substr(0, messageSize_)));
}

// Whether the decoder can have come to this state.
bool Decoder::isPossible() {
  const bool inMessage = messageOpcode_ == Opcode::kText || messageOpcode_ == Opcode::kBinary;
  if (!inMessage && (messageOpcode_ != Opcode::kContinuation || messageSize_ > 0)) return false;
  if (messageCompressed_ && !compressionAllowed_) return false;
  if (state_ == State::kHeader) return isPossibleHeader();
  return state_ == State::kPayload && isPossiblePayload();
}

bool Decoder::isPossibleHeader() {
  if (gathered_.size() != messageSize_ || headerSize_ >= headerWanted_) return false;
  if (headerWanted_ == 1) return true;
  if (headerSize_ == 0 || !checkFirstByte()) return false;
  if (headerSize_ == 1) return headerWanted_ == kBaseHeader;
  return checkSecondByte() && headerWanted_ == (headerSize_ < lengthEnd() ? lengthEnd() : lengthEnd() + kMaskSize);
}

bool Decoder::isPossiblePayload() const {
  const std::uint64_t length = declaredLength();
  if (headerSize_ != 0 || headerWanted_ != 1 || remaining_ == 0 || remaining_ > length) return false;
  const std::uint64_t arrived = length - remaining_;
  const bool inMessage = messageOpcode_ != Opcode::kContinuation;
  if (maskAt_ != arrived % kMaskSize || !isFirstByteAllowed(inMessage && !isFirstFrame())) return false;
  if (isControl()) return length <= kMaxControlPayload && gathered_.size() - messageSize_ == arrived;
  const bool compressed = (header_[0] & kRsv1Bit) != 0;
  if (isFirstFrame() && (opcode() != messageOpcode_ || compressed != messageCompressed_)) return false;
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
    const std::size_t count = std::min<std::size_t>(input.size(), headerWanted_ - headerSize_);
    std::memcpy(header_.data() + headerSize_, input.data(), count);
    headerSize_ = static_cast<std::uint8_t>(headerSize_ + count);
    input = input.subspan(count);
    if (headerSize_ < headerWanted_) return false;
    if (!checkHeader()) return false;
    if (state_ == State::kPayload) return true;
  }
  return false;
}

// Called at each point where the next part of the header can be judged, so that a bad header fails at its
// first bad field however it is split.
bool Decoder::checkHeader() {
  if (headerSize_ == 1) {
    headerWanted_ = kBaseHeader;
    return checkFirstByte();
  }
  if (headerSize_ == kBaseHeader && !checkSecondByte()) return false;
  if (headerSize_ < lengthEnd()) {
    headerWanted_ = lengthEnd();
    return true;
  }
  if (headerSize_ == lengthEnd()) {
    headerWanted_ = static_cast<std::uint8_t>(lengthEnd() + kMaskSize);
    return checkLength(declaredLength());
  }
  beginPayload();
  return true;
}

// RFC 7692 section 6: RSV1 is for the first frame of a message; the others have no meaning.
std::uint8_t Decoder::forbiddenBits() const {
  const bool mayBeCompressed = compressionAllowed_ && isFirstFrame();
  return mayBeCompressed ? kReservedBits & ~kRsv1Bit : kReservedBits;
}

// Section 5.2 (FIN, RSV, opcode), 5.4 (fragmentation) and 5.5 (control frames are not fragmented).
bool Decoder::isFirstByteAllowed(bool inMessage) const {
  const bool isContinuation = opcode() == Opcode::kContinuation;
  const bool wrongOrder = !isControl() && isContinuation != inMessage;
  const bool fragmentedControl = isControl() && !fin();
  return (header_[0] & forbiddenBits()) == 0 && isKnownOpcode(opcode()) && !wrongOrder && !fragmentedControl;
}

bool Decoder::checkFirstByte() {
  if (isFirstByteAllowed(messageOpcode_ != Opcode::kContinuation)) return true;
  fail(CloseCode::kProtocolError);
  return false;
}

// Section 5.1 (a client masks every frame) and 5.5 (a control frame has up to 125 bytes).
bool Decoder::checkSecondByte() {
  const bool masked = (header_[1] & kMaskBit) != 0;
  const bool longControl = isControl() && (header_[1] & kLengthBits) > kMaxControlPayload;
  if (!masked || longControl) {
    fail(CloseCode::kProtocolError);
    return false;
  }
  return true;
}

// Section 5.2: the shortest form of the length must be used, and its top bit is 0.
bool Decoder::checkLength(std::uint64_t length) {
  const std::uint8_t lengthBits = header_[1] & kLengthBits;
  const bool notMinimal =
      (lengthBits == kLength16 && length < kLength16) || (lengthBits == kLength64 && length <= 0xffff);
  if (notMinimal || (length >> 63) != 0) {
    fail(CloseCode::kProtocolError);
    return false;
  }
  // What was restored may have begun under a larger maximum.
  if (!isControl() && (messageSize_ > maxMessage_ || length > maxMessage_ - messageSize_)) {
    fail(CloseCode::kMessageTooBig);
    return false;
  }
  return true;
}

// Where the masking key begins.
std::uint8_t Decoder::lengthEnd() const {
  return static_cast<std::uint8_t>(kBaseHeader + extendedLengthSize(header_[1] & kLengthBits));
}

std::uint64_t Decoder::declaredLength() const {
  const std::uint8_t lengthBits = header_[1] & kLengthBits;
  const std::uint8_t size = extendedLengthSize(lengthBits);
  if (size == 0) return lengthBits;
  std::uint64_t length = 0;
  for (std::uint8_t i = 0; i < size; ++i)
    length = (length << 8) | header_[kBaseHeader + i];
  return length;
}

void Decoder::beginPayload() {
  remaining_ = declaredLength();
  // The masking key goes to a fixed place; the length it may overwrite has been read.
  std::memmove(header_.data() + kMaxClientHeader - kMaskSize, header_.data() + headerSize_ - kMaskSize, kMaskSize);
  headerSize_ = 0;
  headerWanted_ = 1;
  maskAt_ = 0;
  state_ = State::kPayload;
  if (isFirstFrame()) {
    messageOpcode_ = opcode();
    messageCompressed_ = (header_[0] & kRsv1Bit) != 0;
  }
}

void Decoder::unmask(std::span<std::uint8_t> bytes) {
  std::array<std::uint8_t, 8> key{};
  for (std::size_t i = 0; i < key.size(); ++i)
    key[i] = header_[kMaxClientHeader - kMaskSize + (maskAt_ + i) % kMaskSize];
  std::uint64_t keyWord = 0;
  std::memcpy(&keyWord, key.data(), sizeof keyWord);

  std::size_t at = 0;
  for (; bytes.size() - at >= sizeof keyWord; at += sizeof keyWord) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + at, sizeof word);
    word ^= keyWord;
    std::memcpy(bytes.data() + at, &word, sizeof word);
  }
  for (std::size_t i = 0; at < bytes.size(); ++at, ++i)
    bytes[at] ^= key[i];
  maskAt_ = static_cast<std::uint8_t>((maskAt_ + bytes.size()) % kMaskSize);
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
  unmask(piece);
  const bool isText = isControl() || (checkText(piece) && (!frameEnds || !fin() || utf8_.complete()));
  if (!isText) return fail(CloseCode::kInvalidPayload);

  const std::size_t frameStart = isControl() ? messageSize_ : 0;
  if (frameEnds && fin() && gathered_.size() == frameStart) return finishFrame(asText(piece), message);
  gathered_.append(asText(piece));
  if (!isControl()) messageSize_ = gathered_.size();
  if (!frameEnds) return Result::kNeedMore;
  if (!fin()) {
    state_ = State::kHeader;
    return Result::kNeedMore;
  }
  return finishFrame(std::string_view(gathered_).substr(frameStart), message);
}

Decoder::Result Decoder::finishFrame(std::string_view payload, Message& message) {
  state_ = State::kHeader;
  if (isControl()) return finishControl(payload, message);
  message = {messageOpcode_, payload, 0, messageCompressed_};
  messageOpcode_ = Opcode::kContinuation;
  messageSize_ = 0;  // the next call releases what the message held
  return Result::kMessage;
}

Decoder::Result Decoder::finishControl(std::string_view payload, Message& message) {
  if (opcode() == Opcode::kClose) return finishClose(payload, message);
  message = {opcode(), payload, 0};
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
