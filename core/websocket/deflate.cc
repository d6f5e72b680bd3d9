#include "core/websocket/deflate.h"

#define ZLIB_CONST  // next_in is a pointer to const
#include <zlib.h>

#include <algorithm>
#include <cstdlib>
#include <new>
#include <span>

#include "core/base/bytes.h"

namespace mediasync::websocket {
namespace {

constexpr std::string_view kTail("\x00\x00\xff\xff", 4);
// deflateBound() is about a stream's regular end; a flush adds an empty block of up to six bytes, and zlib writes it
// twice unless room is left behind it.
constexpr std::size_t kFlushRoom = 16;
// Keeps sizes, and bounds of what they deflate to, within zlib's 32 bits.
constexpr std::size_t kMaxPiece = std::size_t{1} << 30;
constexpr int kInflateWindowBits = 15;
constexpr std::size_t kFirstRoom = 1024;

// A zlib stream that counts its memory; zlib gives none back before the stream's end.
struct Stream {
  Stream() {
    z.zalloc = allocate;
    z.zfree = [](void*, void* memory) { std::free(memory); };
    z.opaque = this;
  }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  static void* allocate(void* self, unsigned items, unsigned size) {
    const std::size_t bytes = std::size_t{items} * size;
    void* memory = std::malloc(bytes);
    if (memory != nullptr) static_cast<Stream*>(self)->held += bytes;
    return memory;
  }

  void setInput(std::string_view input) {
    z.next_in = asBytes(input).data();
    z.avail_in = static_cast<uInt>(input.size());
  }
  void setOutput(std::span<char> output) {
    z.next_out = asWritableBytes(output).data();
    z.avail_out = static_cast<uInt>(output.size());
  }

  z_stream z{};
  std::size_t held = 0;
};

// Room for what is inflated, up to `maxSize` bytes of `out`. The room behind those is one byte elsewhere: a message
// is too big when that is written to.
class BoundedOutput {
 public:
  BoundedOutput(std::string& out, std::size_t maxSize) : out_(out), maxSize_(maxSize) { out_.clear(); }

  // Never empty; valid until the next call.
  std::span<char> room() {
    if (size_ == maxSize_) return {&behind_, 1};
    if (size_ == out_.size()) out_.resize(nextSize());
    return {out_.data() + size_, std::min(out_.size() - size_, kMaxPiece)};
  }
  void wrote(std::size_t bytes) { size_ += bytes; }

  std::size_t size() const { return size_; }
  bool tooBig() const { return size_ > maxSize_; }
  void finish() { out_.resize(size_); }

 private:
  // Each step at least doubles the size, the last one too: std::string then allocates just what it is asked for.
  std::size_t nextSize() const {
    const std::size_t next = std::max(2 * size_, kFirstRoom);
    return next <= maxSize_ / 2 ? next : maxSize_;
  }

  std::string& out_;
  std::size_t maxSize_;
  std::size_t size_ = 0;
  char behind_ = 0;
};

}  // namespace

struct Deflater::State : Stream {
  ~State() { deflateEnd(&z); }
};

Deflater::Deflater(int windowBits, int level, int memLevel)
    : windowBits_(windowBits), level_(level), memLevel_(memLevel) {}
Deflater::Deflater(Deflater&&) noexcept = default;
Deflater& Deflater::operator=(Deflater&&) noexcept = default;
Deflater::~Deflater() = default;

void Deflater::release() {
  state_.reset();
}

std::size_t Deflater::heldBytes() const {
  return state_ ? state_->held : 0;
}

bool Deflater::prepare() {
  if (state_) return deflateReset(&state_->z) == Z_OK;
  if (windowBits_ < 0) return false;
  auto state = std::make_unique<State>();
  // Negative bits mean raw deflate, without zlib's header and checksum.
  if (deflateInit2(&state->z, level_, Z_DEFLATED, -windowBits_, memLevel_, Z_DEFAULT_STRATEGY) != Z_OK) return false;
  state_ = std::move(state);
  return true;
}

bool Deflater::deflate(std::string_view message, std::string& out) {
  if (message.size() > kMaxPiece || !prepare()) return false;
  const std::size_t before = out.size();
  const std::size_t room = deflateBound(&state_->z, message.size()) + kFlushRoom;
  out.resize(before + room);
  state_->setInput(message);
  state_->setOutput({out.data() + before, room});
  const int code = ::deflate(&state_->z, Z_SYNC_FLUSH);
  const bool complete = code == Z_OK && state_->z.avail_out > 0;
  out.resize(complete ? before + room - state_->z.avail_out - kTail.size() : before);
  return complete;
}

struct Inflater::State : Stream {
  ~State() { inflateEnd(&z); }

  enum class Step { kNeedMore, kFinalBlock, kTooBig, kInvalid };

  // Inflates all of the input that was set, or up to the end of a final block.
  Step run(BoundedOutput& output);
  Result inflatePayload(std::string_view payload, BoundedOutput& output);
  bool endsAfter(std::string_view tail, BoundedOutput& output);
};

Inflater::Inflater() = default;
Inflater::Inflater(Inflater&&) noexcept = default;
Inflater& Inflater::operator=(Inflater&&) noexcept = default;
Inflater::~Inflater() = default;

void Inflater::release() {
  state_.reset();
}

std::size_t Inflater::heldBytes() const {
  return state_ ? state_->held : 0;
}

void Inflater::prepare() {
  if (state_) {
    inflateReset(&state_->z);
    return;
  }
  auto state = std::make_unique<State>();
  if (inflateInit2(&state->z, -kInflateWindowBits) != Z_OK) throw std::bad_alloc();
  state_ = std::move(state);
}

Inflater::Result Inflater::inflate(std::string_view payload, std::size_t maxSize, std::string& out) {
  BoundedOutput output(out, maxSize);
  if (payload.empty()) return Result::kDone;
  prepare();
  const Result result = state_->inflatePayload(payload, output);
  if (result == Result::kDone) {
    output.finish();
  } else {
    out.clear();
  }
  return result;
}

Inflater::State::Step Inflater::State::run(BoundedOutput& output) {
  for (;;) {
    const std::span<char> room = output.room();
    setOutput(room);
    const int code = ::inflate(&z, Z_SYNC_FLUSH);
    output.wrote(room.size() - z.avail_out);
    if (output.tooBig()) return Step::kTooBig;
    if (code == Z_STREAM_END) return Step::kFinalBlock;
    if (code == Z_MEM_ERROR) throw std::bad_alloc();
    if (code != Z_OK && code != Z_BUF_ERROR) return Step::kInvalid;
    if (z.avail_out > 0) return Step::kNeedMore;
  }
}

Inflater::Result Inflater::State::inflatePayload(std::string_view payload, BoundedOutput& output) {
  while (!payload.empty()) {
    const std::string_view piece = payload.substr(0, kMaxPiece);
    setInput(piece);
    const Step step = run(output);
    if (step == Step::kTooBig) return Result::kTooBig;
    if (step == Step::kInvalid) return Result::kInvalid;
    payload.remove_prefix(piece.size() - z.avail_in);
    if (step != Step::kFinalBlock) continue;
    if (payload.empty()) return Result::kDone;
    inflateReset(&z);  // further blocks may follow: at least the empty one whose first byte is 00
  }
  return endsAfter(kTail, output) ? Result::kDone : Result::kInvalid;
}

// True when `tail` completes an empty block, as it does behind every payload that is whole: then it gives no output,
// and zlib stands before the next block with no bits left over. Behind a payload that was cut it may pass for data.
bool Inflater::State::endsAfter(std::string_view tail, BoundedOutput& output) {
  constexpr int kBetweenBlocks = 128;  // inflate() reports in data_type: flags, plus the number of bits left over
  const std::size_t before = output.size();
  setInput(tail);
  return run(output) == Step::kNeedMore && output.size() == before && z.data_type == kBetweenBlocks;
}

}  // namespace mediasync::websocket
