#include "core/delivery/batch.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/api/events.h"
#include "core/engineio/packet.h"
#include "core/engineio/payload_writer.h"
#include "core/sessions/offset.h"
#include "core/socketio/encoder.h"
#include "core/store/event_codec.h"

namespace mediasync::server {
namespace {

// Buffers beyond this size are given back after a burst.
constexpr std::size_t kKeptBuffer = 256 * 1024;

bool isOmitted(const Omission& omission, std::uint64_t seq, const session::Event& event, std::uint64_t* skipped) {
  if (seq < omission.staleBefore && session::factsOf(event.body).kept == session::Kept::kUntilNext) {
    ++*skipped;
    return true;
  }
  if (seq >= omission.ownBefore) return false;
  const auto* joined = std::get_if<session::UserJoined>(&event.body);
  const auto* left = std::get_if<session::UserLeft>(&event.body);
  return (joined != nullptr && joined->userId == omission.userId) ||
         (left != nullptr && left->userId == omission.userId);
}

}  // namespace

EncodedBatch::Progress EncodedBatch::progress(std::uint64_t from, std::size_t taken) const {
  const std::size_t reached = startOf(from) + taken;
  const auto cut = std::lower_bound(ends_.begin(), ends_.end(), reached);
  if (cut == ends_.end()) return {end(), {}};
  const std::uint64_t index = static_cast<std::uint64_t>(cut - ends_.begin());
  const std::size_t start = index == 0 ? 0 : ends_[index - 1];
  if (reached == start) return {first_ + index, {}};  // nothing of this event was taken
  return {first_ + index + 1, std::string_view(bytes_).substr(reached, *cut - reached)};
}

template <class Fn>
void Batch::forEachEvent(Fn fn) const {
  const auto* at = reinterpret_cast<const std::byte*>(raw_.data());
  for (std::uint64_t seq = slice_.first; seq < slice_.end; ++seq) {
    store::EventHeader header;
    std::memcpy(&header, at, sizeof header);
    at += sizeof header;
    if (const auto event = store::decodeEvent({at, header.size})) fn(seq, *event);
    at += (header.size + 7) / 8 * 8;
  }
}

void Batch::load(const store::LogSlice& slice, std::uint64_t session) {
  slice_ = slice;
  session_ = session;
  for (Variant& one : variants_)
    one.made = false;
  hasUserLeft_ = false;
  forEachEvent([this](std::uint64_t, const session::Event& event) {
    hasUserLeft_ = hasUserLeft_ || std::holds_alternative<session::UserLeft>(event.body);
  });
}

std::uint64_t Batch::takeEncodings() {
  return std::exchange(encodings_, 0);
}

EncodedBatch& Batch::variant(const Format& format, bool* made) {
  auto found =
      std::find_if(variants_.begin(), variants_.end(), [&](const Variant& one) { return one.format == format; });
  if (found == variants_.end()) found = variants_.insert(variants_.end(), Variant{format, false, {}});
  *made = std::exchange(found->made, true);
  return found->batch;
}

void Batch::append(std::string& out, const Format& format, std::uint64_t seq, const session::Event& event) {
  text_.assign(1, engineio::kMessagePrefix.front());
  socketio::appendEventPrefix(text_);
  api::appendEvent(text_, event, format.timestamps);
  if (format.offsets) appendOffset(text_, {session_, seq});
  if (format.framing == Format::Framing::kPayload) {
    engineio::PayloadWriter::appendPacket(out, format.revision, text_);
  } else {
    compressor_.appendFrame(out, format.compression, websocket::Opcode::kText, text_);
  }
}

const EncodedBatch& Batch::encoded(const Format& format) {
  bool made = false;
  EncodedBatch& result = variant(format, &made);
  if (made) return result;
  result.first_ = slice_.first;
  result.bytes_.clear();
  result.ends_.clear();
  forEachEvent([&](std::uint64_t seq, const session::Event& event) {
    ++encodings_;
    append(result.bytes_, format, seq, event);
    result.ends_.push_back(result.bytes_.size());
  });
  return result;
}

std::string Batch::encodedWithout(const Omission& omission, const Format& format, std::uint64_t from,
                                  std::uint64_t* skipped) {
  std::string out;
  forEachEvent([&](std::uint64_t seq, const session::Event& event) {
    if (seq >= from && !isOmitted(omission, seq, event, skipped)) append(out, format, seq, event);
  });
  return out;
}

void Batch::releaseMemory() {
  auto trim = [](std::string& s) {
    if (s.capacity() > kKeptBuffer) std::string().swap(s);
  };
  trim(raw_);
  for (Variant& one : variants_)
    trim(one.batch.bytes_);
}

}  // namespace mediasync::server
