// The content of a state file, write by write, as the active keeper has it written.
//
// The file has two halves. One is in use: a snapshot, and the changes since. When the changes have grown long, a new
// snapshot is written to the other half, and changes go to both until it is complete. So one half is always complete.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "core/base/clock.h"
#include "core/persistence/state_file.h"
#include "core/persistence/state_journal.h"
#include "core/store/zone.h"

namespace mediasync::persistence {

class StateContent {
 public:
  // A pass over the tables: what had changed at its beginning is in the file when it has ended.
  struct Pass {
    std::uint64_t ticket = 0;  // of the write with which it began
    std::int64_t at = 0;       // monotonic
  };

  // `epoch`: the epoch in which the file is in force.
  StateContent(const store::Zone& zone, std::uint32_t epoch) : zone_(zone), epoch_(epoch), journal_(zone) {}

  // The keeper becomes active. `isCurrent`: the half in use has everything but the changes that are marked in the
  // tables. If not, a snapshot begins.
  void begin(bool isCurrent, Instant now);

  // The next write, of about `maxBytes`; no bytes if nothing has changed. It ends with written() or failed().
  StateWrite next(StateSync sync, std::size_t maxBytes, Instant now);
  void written();
  // The tables have marked as saved what was not, so a snapshot begins.
  void failed(Instant now);

  // The ticket of the last write of next(), which may lack all later changes.
  std::uint64_t ticket() const { return present_.ticket; }
  // The present pass, or the last one.
  const Pass& pass() const { return pass_; }
  // There is a next write already.
  bool hasMore() const { return more_ || isSnapshot_; }
  // The half in use is complete, but for changes.
  bool isCurrent() const { return hasCurrent_; }
  // … and has all changes of the last pass, which has ended.
  bool isPassSaved() const { return hasCurrent_ && !more_; }
  // No snapshot is in progress either.
  bool isClean() const { return hasCurrent_ && !isSnapshot_; }

 private:
  struct Present {
    std::uint64_t ticket = 0;
    std::uint64_t currentBytes = 0;
    std::uint64_t snapshotBytes = 0;
  };

  void beginSnapshot(Instant now);
  bool hasGrown() const;
  bool mustSync(StateSync sync) const;
  void addClock(std::string& changes, Instant now);
  void addSnapshot(StatePiece& piece, std::string& changes, std::size_t maxBytes, Instant now);
  void switchHalves();
  store::StateKeeping& state() const { return zone_.header().state; }

  store::Zone zone_;
  std::uint32_t epoch_;
  StateJournal journal_;
  bool isSnapshot_ = false;  // one is in progress
  bool hasCurrent_ = false;  // the half in use is complete, so changes go there
  bool more_ = false;        // the pass over the tables has not ended
  bool isComplete_ = false;  // the present write completes the snapshot
  Pass pass_;
  Present present_;
  std::uint64_t snapshotEnd_ = 0;  // bytes of the new snapshot so far
};

}  // namespace mediasync::persistence
