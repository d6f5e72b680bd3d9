#include "core/persistence/state_keeper.h"

#include <algorithm>
#include <utility>

#include "core/persistence/state_record.h"
#include "core/store/saving.h"
#include "core/store/workers.h"

namespace mediasync::persistence {
namespace {

constexpr std::int64_t kInterval = 1'000;
constexpr std::int64_t kRetry = 5'000;  // after a failure
// Of one write: read from the tables while clients wait.
constexpr std::size_t kSlice = 256 * 1024;
constexpr std::size_t kLastSlice = 4 * 1024 * 1024;
// A clock that was set by so many milliseconds is worth telling.
constexpr std::int64_t kClockStep = 1'000;
// Changes that are worth a new snapshot: as many bytes as the last one had, and so many at the least.
constexpr std::uint64_t kLeastChanges = 1024 * 1024;

std::int64_t clockOf(Instant now) {
  return now.wall - now.mono;
}

bool isEmpty(const StateWrite& write) {
  return write.current.bytes.empty() && write.snapshot.bytes.empty();
}

}  // namespace

StateKeeper::StateKeeper(const store::Zone& zone, store::ProcessId process, std::uint16_t slot, store::Process& env,
                         StateFile& file, StateSync sync, std::uint32_t epoch)
    : zone_(zone), process_(process), slot_(slot), env_(env), file_(file), sync_(sync), epoch_(epoch), journal_(zone) {}

std::int64_t StateKeeper::delay() const {
  if (phase_ == Phase::kWatching || writing_) return kInterval / 2;
  const std::int64_t now = env_.now().mono;
  if (retryAt_ > now) return retryAt_ - now;
  return more_ || phase_ == Phase::kSnapshot ? 0 : std::clamp<std::int64_t>(lastStep_ + kInterval - now, 0, kInterval);
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
    return becameDurable(passTicket_);
  }
  writing_ = true;
  file_.write(std::move(write));
}

void StateKeeper::changed() {
  if (sync() != StateSync::kAlways || writing_ || !(hasUnsaved() || isAwaited())) return;
  if (phase_ != Phase::kWatching) return step();
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

// All that had changed when the write with that ticket began is safe.
void StateKeeper::becameDurable(std::uint64_t ticket) {
  state().released.store(0);
  release(ticket);
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
  if (hasCurrent_) state().savedAt.store(passAt_);
}

bool StateKeeper::takeUp() {
  if (phase_ != Phase::kWatching) return true;
  if (!isInForce()) return false;
  store::ProcessId keeper = state().keeper.load();
  const bool isAlive = keeper != 0 && keeper != process_ && env_.processAlive(keeper);
  if (isAlive || !state().keeper.compare_exchange_strong(keeper, process_)) return false;
  state().keeperSlot.store(slot_);
  if (state().savedAt.load() == 0) state().savedAt.store(env_.now().mono);
  // One that died may have noted as saved what it never wrote; and what was written to another file is not in this one.
  hasCurrent_ = state().cleanEpoch.exchange(0) == epoch_ && keeper == 0;
  if (hasCurrent_) {
    phase_ = Phase::kChanges;
  } else {
    if (!hasBegun()) outrank();
    beginSnapshot();
  }
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
  if (phase_ == Phase::kWatching) return true;
  phase_ = Phase::kWatching;
  state().keeper.store(0);
  return true;
}

void StateKeeper::beginSnapshot() {
  phase_ = Phase::kSnapshot;
  snapshotEnd_ = 0;
  if (!hasCurrent_) state().clock = clockOf(env_.now());
  journal_.beginSnapshot();
}

bool StateKeeper::hasGrown() const {
  return state().end - state().snapshotEnd > std::max(kLeastChanges, state().snapshotEnd);
}

StateWrite StateKeeper::nextWrite(std::size_t maxBytes) {
  if (phase_ == Phase::kChanges && (hasGrown() || journal_.needsSnapshot())) beginSnapshot();
  StateWrite write;
  std::string changes;
  ticket_ = state().taken.fetch_add(1) + 1;  // before anything is read: what changes from here on may be missing
  if (journal_.isBetweenPasses()) {
    passTicket_ = ticket_;
    passAt_ = env_.now().mono;
  }
  addClock(changes);
  more_ = journal_.takeChanges(changes, maxBytes, env_.now());
  if (phase_ == Phase::kSnapshot) addSnapshot(write.snapshot, changes, maxBytes);
  const bool isDue = phase_ == Phase::kChanges || isComplete_;
  const bool isAlways = sync() == StateSync::kAlways && (hasCurrent_ || isComplete_);
  write.sync = isAlways || (sync() == StateSync::kInterval && isDue);
  if (hasCurrent_ && !changes.empty()) write.current = {state().half, state().end, std::move(changes), false};
  currentBytes_ = write.current.bytes.size();
  snapshotBytes_ = write.snapshot.bytes.size();
  return write;
}

// Times in the file are of the wall clock, and it may be set: what has been written is off then.
void StateKeeper::addClock(std::string& changes) {
  const std::int64_t shift = clockOf(env_.now()) - state().clock;
  if (shift < kClockStep && shift > -kClockStep) return;
  appendClock(changes, shift);
  state().clock += shift;
}

// Changes go before the snapshot's part: of what is in both, it has the same or more.
void StateKeeper::addSnapshot(StatePiece& piece, std::string& changes, std::size_t maxBytes) {
  piece = {1 - state().half, snapshotEnd_, {}, snapshotEnd_ == 0};
  std::string snapshot;
  isComplete_ = !journal_.takeSnapshot(snapshot, changes, maxBytes, env_.now());
  if (piece.isNew) {
    state().begun = state().generation + 1;
    state().begunEpoch = epoch_;
    appendStateHeader(piece.bytes, {state().begun, zone_.header().key, zone_.header().secretKey});
  }
  piece.bytes += changes;
  piece.bytes += snapshot;
}

void StateKeeper::written(bool ok) {
  writing_ = false;
  if (!isInForce()) {
    yield();
    return;
  }
  if (!ok) {
    // What it was is noted as saved, so all of it is written anew.
    state().failures.fetch_add(1);
    retryAt_ = env_.now().mono + kRetry;
    hasCurrent_ = isComplete_ = false;
    beginSnapshot();
    state().released.store(ticket_ + 1);  // as long as nothing can be written, nothing waits for it
    release(ticket_ + 1);
    return;
  }
  state().written.fetch_add(currentBytes_ + snapshotBytes_);
  state().end += currentBytes_;
  snapshotEnd_ += snapshotBytes_;
  if (std::exchange(isComplete_, false)) switchHalves();
  if (!hasCurrent_ || more_) return;
  noteSaved();
  becameDurable(passTicket_);
}

void StateKeeper::switchHalves() {
  state().half = 1 - state().half;
  ++state().generation;
  state().snapshotEnd = state().end = snapshotEnd_;
  state().snapshots.fetch_add(1);
  hasCurrent_ = true;
  phase_ = Phase::kChanges;
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
  bool ok = writeRest();
  const bool isClean = ok && hasCurrent_ && phase_ == Phase::kChanges;
  state().cleanEpoch.store(isClean ? epoch_ : 0);
  state().keeper.store(0);
  state().closing.store(0);
  phase_ = Phase::kWatching;
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
    if (!more_ && phase_ == Phase::kChanges && !hasUnsaved()) return true;
  }
}

}  // namespace mediasync::persistence
