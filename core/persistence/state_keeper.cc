#include "core/persistence/state_keeper.h"

#include <algorithm>
#include <utility>

#include "core/store/saving.h"
#include "core/store/workers.h"

namespace mediasync::persistence {
namespace {

constexpr std::int64_t kInterval = 1'000;
constexpr std::int64_t kRetry = 5'000;  // after a failure
// The bytes of one write, which are read from the tables while clients wait.
constexpr std::size_t kSlice = 256 * 1024;
constexpr std::size_t kLastSlice = 4 * 1024 * 1024;

bool isEmpty(const StateWrite& write) {
  return write.current.bytes.empty() && write.snapshot.bytes.empty();
}

}  // namespace

StateKeeper::StateKeeper(const store::Zone& zone, store::ProcessId process, std::uint16_t slot, store::Process& env,
                         StateFile& file, StateSync sync, std::uint32_t epoch)
    : zone_(zone),
      process_(process),
      slot_(slot),
      env_(env),
      file_(file),
      sync_(sync),
      epoch_(epoch),
      content_(zone, epoch) {}

std::int64_t StateKeeper::delay() const {
  if (!isActive_ || writing_) return kInterval / 2;
  const std::int64_t now = env_.now().mono;
  if (retryAt_ > now) return retryAt_ - now;
  return content_.hasMore() ? 0 : std::clamp<std::int64_t>(lastStep_ + kInterval - now, 0, kInterval);
}

void StateKeeper::step() {
  const std::int64_t now = env_.now().mono;
  if (writing_ || retryAt_ > now || state().pending.load() != 0) return;
  if (!isInForce()) {
    yield();
    return;
  }
  if (!takeUp()) return;
  lastStep_ = now;
  StateWrite write = nextWrite(kSlice);
  if (!isInForce()) {  // what it has read may be what was changed after that
    yield();
    return;
  }
  if (isEmpty(write)) {
    noteSaved();
    return becameDurable();
  }
  writing_ = true;
  file_.write(std::move(write));
}

void StateKeeper::changed() {
  if (sync() != StateSync::kAlways || writing_ || !(hasUnsaved() || isAwaited())) return;
  if (isActive_) return step();
  const auto slot = static_cast<std::uint16_t>(state().keeperSlot.load());
  if (store::signal(zone_, slot)) env_.wakeWorker(slot);
}

bool StateKeeper::hasUnsaved() const {
  return store::hasUnsaved(zone_);
}

// The configuration may be another one than when this process started.
StateSync StateKeeper::sync() const {
  const std::uint32_t now = state().enabled.load();
  return now == 0 ? sync_ : static_cast<StateSync>(now);
}

bool StateKeeper::isAwaited() const {
  return state().awaited.load() > state().durable.load();
}

// All that had changed when the last pass began is safe.
void StateKeeper::becameDurable() {
  state().released.store(0);
  release(content_.pass().ticket);
}

// Nothing waits for the writes up to that one any longer. Who did is woken.
void StateKeeper::release(std::uint64_t ticket) {
  state().durable.store(std::max(ticket, state().durable.load()));
  for (std::uint16_t slot = 0; slot < store::kMaxWorkers; ++slot) {
    if (zone_.worker(slot).awaitsWrite.load() != 0 && store::signal(zone_, slot)) env_.wakeWorker(slot);
  }
}

// The file has all changes that had been made when the pass began.
void StateKeeper::noteSaved() {
  if (content_.isCurrent()) state().savedAt.store(content_.pass().at);
}

bool StateKeeper::takeUp() {
  if (isActive_) return true;
  if (!isInForce()) return false;
  store::ProcessId keeper = state().keeper.load();
  const bool isAlive = keeper != 0 && keeper != process_ && env_.processAlive(keeper);
  if (isAlive || !state().keeper.compare_exchange_strong(keeper, process_)) return false;
  state().keeperSlot.store(slot_);
  if (state().savedAt.load() == 0) state().savedAt.store(env_.now().mono);
  // One that died may have noted as saved what it never wrote; and what was written to another file is not in this one.
  const bool isCurrent = state().cleanEpoch.exchange(0) == epoch_ && keeper == 0;
  if (!isCurrent && !hasBegun()) outrank();
  content_.begin(isCurrent, env_.now());
  isActive_ = true;
  return true;
}

// The content of the file is of an earlier time: the snapshot must be newer, and must not take the place of the newest
// one.
void StateKeeper::outrank() {
  const NewestSnapshot newest = file_.newest();
  state().half = newest.half;
  state().generation = std::max(state().generation, newest.generation);
}

bool StateKeeper::isBehind() const {
  return hasBegun() && file_.newest().generation > state().begun;
}

// The next keeper begins with a snapshot.
bool StateKeeper::yield() {
  if (writing_) return false;
  if (!isActive_) return true;
  isActive_ = false;
  state().keeper.store(0);
  return true;
}

StateWrite StateKeeper::nextWrite(std::size_t maxBytes) {
  return content_.next(sync(), maxBytes, env_.now());
}

void StateKeeper::written(bool ok) {
  writing_ = false;
  if (!isInForce()) {
    yield();
    return;
  }
  if (!ok) return failed();
  content_.written();
  if (!content_.isPassSaved()) return;
  noteSaved();
  becameDurable();
}

// Nothing waits for the disk while it takes no writes.
void StateKeeper::failed() {
  const Instant now = env_.now();
  state().failures.fetch_add(1);
  retryAt_ = now.mono + kRetry;
  content_.failed(now);
  const std::uint64_t next = content_.ticket() + 1;
  state().released.store(next);
  release(next);
}

bool StateKeeper::finish() {
  if (state().pending.load() != 0) return true;  // there is nothing but what the file holds
  if (!isInForce()) {
    if (writing_) written(file_.waitForWrite());
    return yield();
  }
  const bool isClosing = state().closing.load() != 0;  // before, so that the end of the other one is not missed
  if (!takeUp()) return !isClosing;
  state().closing.store(1);
  if (writing_) written(file_.waitForWrite());
  const bool isClean = writeRest() && content_.isClean();
  state().cleanEpoch.store(isClean ? epoch_ : 0);
  state().keeper.store(0);
  state().closing.store(0);
  isActive_ = false;
  return true;
}

bool StateKeeper::writeRest() {
  for (;;) {
    StateWrite write = nextWrite(kLastSlice);
    if (!isInForce()) return false;
    if (isEmpty(write)) return true;
    write.sync = sync() != StateSync::kOff;
    const bool ok = file_.writeNow(std::move(write));
    written(ok);
    if (!ok) return false;
    if (!content_.hasMore() && !hasUnsaved()) return true;
  }
}

}  // namespace mediasync::persistence
