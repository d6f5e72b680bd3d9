// Events of a session's log, encoded once for everyone of this worker who gets them in the same format.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "core/api/timestamps.h"
#include "core/context/compressor.h"
#include "core/engineio/protocol.h"
#include "core/session/event.h"
#include "core/store/session_log.h"

namespace mediasync::server {

// The form in which a connection gets its events.
struct Format {
  enum class Framing : std::uint8_t { kFrames, kPayload };
  Framing framing = Framing::kFrames;
  engineio::Revision revision = engineio::Revision::kV4;  // of a payload
  api::TimestampUnit timestamps = api::TimestampUnit::kSeconds;
  bool offsets = false;     // each event says which it is
  Compression compression;  // of frames
  friend bool operator==(const Format&, const Format&) = default;
};

// Events that one connection does without.
struct Omission {
  std::uint64_t staleBefore = 0;  // playback_sync events before this offset
  std::uint64_t ownBefore = 0;    // user_joined and user_left of `userId` before this offset
  std::string_view userId;
};

// The encoded events [first, end) of a log, one behind the other.
class EncodedBatch {
 public:
  std::uint64_t first() const { return first_; }
  std::uint64_t end() const { return first_ + ends_.size(); }
  // The bytes of the events [from, end()). `from` is at least first().
  std::string_view from(std::uint64_t seq) const { return std::string_view(bytes_).substr(startOf(seq)); }
  // The state after `taken` bytes were sent from `from` on: the next event to send, and the rest of the one that was
  // cut.
  struct Progress {
    std::uint64_t next;
    std::string_view rest;
  };
  Progress progress(std::uint64_t from, std::size_t taken) const;

 private:
  friend class Batch;
  std::size_t startOf(std::uint64_t seq) const { return seq == first_ ? 0 : ends_[seq - first_ - 1]; }

  std::uint64_t first_ = 0;
  std::string bytes_;
  std::vector<std::size_t> ends_;
};

// One slice of a log in every format that someone asks for. Reused from batch to batch: its buffers stay.
class Batch {
 public:
  explicit Batch(Compressor& compressor) : compressor_(compressor) {}

  // Events are read into raw() and then described by load(). `session` is the serial of the log's session.
  std::string& raw() { return raw_; }
  void load(const store::LogSlice&, std::uint64_t session);
  std::uint64_t first() const { return slice_.first; }
  std::uint64_t end() const { return slice_.end; }
  // Events that nothing supersedes are missing before first().
  bool lost() const { return slice_.lost; }
  // Some user has left: connections of that user may have to go.
  bool hasUserLeft() const { return hasUserLeft_; }
  // Events encoded since the last call.
  std::uint64_t takeEncodings();

  // Frames of a WebSocket one behind the other, or packets for engineio::PayloadWriter::encoded().
  const EncodedBatch& encoded(const Format&);
  // The same from one event on, made for one reader and not shared. How many stale ones were left out is added to
  // `*skipped`.
  std::string encodedWithout(const Omission&, const Format&, std::uint64_t from, std::uint64_t* skipped);

  void releaseMemory();

 private:
  struct Variant {
    Format format;
    bool made = false;
    EncodedBatch batch;
  };
  EncodedBatch& variant(const Format&, bool* made);
  template <class Fn>
  void forEachEvent(Fn fn) const;
  void append(std::string& out, const Format&, std::uint64_t seq, const session::Event&);

  Compressor& compressor_;
  std::string raw_;
  store::LogSlice slice_;
  std::uint64_t session_ = 0;
  bool hasUserLeft_ = false;
  std::uint64_t encodings_ = 0;
  std::string text_;
  std::deque<Variant> variants_;  // references to them stay good while others are made
};

}  // namespace mediasync::server
