// The payloads of permessage-deflate (RFC 7692 section 7.2), always without context takeover: each message is
// compressed and decompressed separately. So a worker needs one Inflater, and one Deflater per window size, for all its
// connections.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace mediasync::websocket {

class Deflater {
 public:
  // The window has 2^windowBits bytes (9 to 15; connections that agreed on more can read it too). `level` is from 1
  // (fast) to 9, `memLevel` from 1 to 9. With values that zlib refuses, deflate() fails. A `memLevel` above
  // windowBits-7 makes a small window slow: zlib then walks a hash table larger than the window each time the window
  // moves.
  Deflater(int windowBits, int level, int memLevel);
  Deflater(Deflater&&) noexcept;
  Deflater& operator=(Deflater&&) noexcept;
  ~Deflater();

  // Appends the payload of a compressed message, without the trailing 00 00 ff ff of section 7.2.1. Returns false, and
  // leaves `out` unchanged, if zlib gets no memory or the message has more than 1 GiB.
  bool deflate(std::string_view message, std::string& out);

  // Frees zlib's state; the next deflate() creates it again.
  void release();
  // Bytes of heap held by zlib, about 2^(windowBits+2) + 2^(memLevel+9) once used.
  std::size_t heldBytes() const;

 private:
  struct State;

  bool prepare();

  int windowBits_;
  int level_;
  int memLevel_;
  std::unique_ptr<State> state_;  // none until used
};

class Inflater {
 public:
  Inflater();
  Inflater(Inflater&&) noexcept;
  Inflater& operator=(Inflater&&) noexcept;
  ~Inflater();

  enum class Result { kDone, kTooBig, kInvalid };

  // Replaces `out` by the message whose frames had `payload` together.
  //   kTooBig   the message has more than `maxSize` bytes; inflation stopped there.
  //   kInvalid  `payload` is not deflate data, or does not end as section 7.2.1 requires.
  // After both, `out` is empty. `out` grows in steps with the inflated data and never exceeds `maxSize` bytes, nor is
  // more than that requested. Blocks with BFINAL set are accepted (section 7.2.3.4), with or without the 00 behind the
  // last one; data after such a block cannot refer back beyond it. An empty payload is an empty message. Any window
  // size is accepted. Throws only std::bad_alloc.
  Result inflate(std::string_view payload, std::size_t maxSize, std::string& out);

  // Frees zlib's state; the next inflate() creates it again.
  void release();
  // Bytes of heap held by zlib: after the first use about 7 KiB, and 32 KiB for the window.
  std::size_t heldBytes() const;

 private:
  struct State;

  void prepare();

  std::unique_ptr<State> state_;  // none until used
};

}  // namespace mediasync::websocket
