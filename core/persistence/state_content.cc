#include "core/persistence/state_content.h"

#include <algorithm>
#include <utility>

#include "core/persistence/state_record.h"

namespace mediasync::persistence {
namespace {

// A clock that was set by so many milliseconds is worth telling.
constexpr std::int64_t kClockStep = 1'000;
// Changes that are worth a new snapshot: as many bytes as the last one had, and so many at the least.
constexpr std::uint64_t kLeastChanges = 1024 * 1024;

std::int64_t clockOf(Instant now) {
  return now.wall - now.mono;
}

}  // namespace

void StateContent::begin(bool isCurrent, Instant now) {
  hasCurrent_ = isCurrent;
  isComplete_ = false;
  isSnapshot_ = false;
  if (!isCurrent) beginSnapshot(now);
}

void StateContent::beginSnapshot(Instant now) {
  isSnapshot_ = true;
  snapshotEnd_ = 0;
  if (!hasCurrent_) state().clock = clockOf(now);
  journal_.beginSnapshot();
}

bool StateContent::hasGrown() const {
  return state().end - state().snapshotEnd > std::max(kLeastChanges, state().snapshotEnd);
}

StateWrite StateContent::next(StateSync sync, std::size_t maxBytes, Instant now) {
  if (!isSnapshot_ && (hasGrown() || journal_.needsSnapshot())) beginSnapshot(now);
  StateWrite write;
  std::string changes;
  present_.ticket = state().taken.fetch_add(1) + 1;  // before anything is read: later changes may be missing
  if (journal_.isBetweenPasses()) pass_ = {present_.ticket, now.mono};
  addClock(changes, now);
  more_ = journal_.takeChanges(changes, maxBytes, now);
  if (isSnapshot_) addSnapshot(write.snapshot, changes, maxBytes, now);
  write.sync = mustSync(sync);
  if (hasCurrent_ && !changes.empty()) write.current = {state().half, state().end, std::move(changes), false};
  present_.currentBytes = write.current.bytes.size();
  present_.snapshotBytes = write.snapshot.bytes.size();
  return write;
}

bool StateContent::mustSync(StateSync sync) const {
  if (sync == StateSync::kAlways) return hasCurrent_ || isComplete_;
  return sync == StateSync::kInterval && (!isSnapshot_ || isComplete_);
}

// Times in the file are of the wall clock, and it may be set: what has been written is off then.
void StateContent::addClock(std::string& changes, Instant now) {
  const std::int64_t shift = clockOf(now) - state().clock;
  if (shift < kClockStep && shift > -kClockStep) return;
  appendClock(changes, shift);
  state().clock += shift;
}

// Changes go before the snapshot's part: of what is in both, it has the same or more.
void StateContent::addSnapshot(StatePiece& piece, std::string& changes, std::size_t maxBytes, Instant now) {
  piece = {1 - state().half, snapshotEnd_, {}, snapshotEnd_ == 0};
  std::string snapshot;
  isComplete_ = !journal_.takeSnapshot(snapshot, changes, maxBytes, now);
  if (piece.isNew) {
    state().begun = state().generation + 1;
    state().begunEpoch = epoch_;
    appendStateHeader(piece.bytes, {state().begun, zone_.header().key, zone_.header().secretKey});
  }
  piece.bytes += changes;
  piece.bytes += snapshot;
}

void StateContent::written() {
  state().written.fetch_add(present_.currentBytes + present_.snapshotBytes);
  state().end += present_.currentBytes;
  snapshotEnd_ += present_.snapshotBytes;
  if (std::exchange(isComplete_, false)) switchHalves();
}

void StateContent::failed(Instant now) {
  hasCurrent_ = isComplete_ = false;
  beginSnapshot(now);
}

void StateContent::switchHalves() {
  state().half = 1 - state().half;
  ++state().generation;
  state().snapshotEnd = state().end = snapshotEnd_;
  state().snapshots.fetch_add(1);
  hasCurrent_ = true;
  isSnapshot_ = false;
}

}  // namespace mediasync::persistence
