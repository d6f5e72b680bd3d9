// Cuts a server's bytes into WebSocket frames (RFC 6455 section 5.2, unmasked). Frames that lie in the input as a whole
// are given as they lie; of a longer one that comes in pieces only its beginning and end are kept, so that the state of
// a large session costs no memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace mediasync::bench {

class FrameReader {
 public:
  // Calls onFrame(opcode, payload) for each frame that is complete.
  template <class OnFrame>
  void feed(std::string_view input, OnFrame&& onFrame) {
    if (!held_.empty()) input = continueHeld(input, onFrame);
    while (!input.empty()) {
      const Header header = headerOf(input);
      if (header.size == 0 || input.size() < header.size + header.payload) {
        hold(input);
        return;
      }
      onFrame(input[0] & 15, input.substr(header.size, header.payload));
      input.remove_prefix(header.size + header.payload);
    }
  }
  void reset() { *this = {}; }

 private:
  struct Header {
    std::size_t size = 0;  // 0: not all of it is there
    std::size_t payload = 0;
  };
  static constexpr std::size_t kHead = 256, kTail = 512, kHeldMost = 16384;

  static Header headerOf(std::string_view bytes) {
    if (bytes.size() < 2) return {};
    const auto byteAt = [&](std::size_t i) { return static_cast<std::uint8_t>(bytes[i]); };
    const std::size_t declared = byteAt(1) & 127U;
    if (declared < 126) return {2, declared};
    const std::size_t extended = declared == 126 ? 2 : 8;
    if (bytes.size() < 2 + extended) return {};
    std::size_t payload = 0;
    for (std::size_t i = 0; i < extended; ++i)
      payload = payload << 8 | byteAt(2 + i);
    return {2 + extended, payload};
  }

  void hold(std::string_view bytes) {
    held_.append(bytes);
    if (held_.size() <= kHeldMost) return;
    dropped_ += held_.size() - kHead - kTail;
    held_.erase(kHead, held_.size() - kHead - kTail);
  }

  // Adds to the frame that is held what belongs to it, and returns the rest.
  template <class OnFrame>
  std::string_view continueHeld(std::string_view input, OnFrame& onFrame) {
    while (headerOf(held_).size == 0 && !input.empty()) {
      held_.push_back(input[0]);
      input.remove_prefix(1);
    }
    const Header header = headerOf(held_);
    if (header.size == 0) return input;
    const std::size_t missing = header.size + header.payload - dropped_ - held_.size();
    if (input.size() < missing) {
      hold(input);
      return {};
    }
    held_.append(input.substr(0, missing));
    onFrame(held_[0] & 15, std::string_view(held_).substr(header.size));
    reset();
    return input.substr(missing);
  }

  std::string held_;         // an incomplete frame, without what was dropped from its middle
  std::size_t dropped_ = 0;  // bytes
};

}  // namespace mediasync::bench
