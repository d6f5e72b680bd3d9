// Keeps the tables of a zone in a state file. Every worker has a keeper, and one of them at a time is at work: it reads
// what has changed, and has it written, without ever waiting for the disk. When its process dies, another one begins
// with a new snapshot; when it leaves in order, another one goes on where it stopped.
//
// The file has two halves. One is in use: a snapshot, and the changes since. When these have become long, a new
// snapshot is written to the other half, and changes go to both until it is complete. So one of them is always good.
#pragma once

#include <cstdint>
#include <string>

#include "core/base/clock.h"
#include "core/store/process.h"
#include "core/persistence/state_journal.h"
#include "core/store/zone.h"

namespace mediasync::persistence {

// When what has been written is forced to the disk.
enum class StateSync : std::uint32_t {
  kOff = 1,       // by the system, at its leisure
  kInterval = 2,  // about once a second
  kAlways = 3,    // with every write, which follows every change at once
};

// What one half is to get, at an offset.
struct StatePiece {
  std::uint32_t half = 0;
  std::uint64_t at = 0;
  std::string bytes;
  bool isNew = false;  // whatever the half has held goes
};

struct StateWrite {
  StatePiece current;   // may have no bytes
  StatePiece snapshot;  // likewise
  bool sync = false;    // what it has written, and before, is on the disk when it is done
};

// The newest of the snapshots in a file, whether whole or not.
struct NewestSnapshot {
  std::uint64_t generation = 0;  // 0: there is none
  std::uint32_t half = 0;
};

// The disk, as the process has it.
class StateFile {
 public:
  virtual ~StateFile() = default;
  virtual NewestSnapshot newest() const = 0;
  // Does it elsewhere; StateKeeper::written() is called, later, with whether it succeeded. One at a time.
  virtual void write(StateWrite) = 0;
  // Does it here and now. True: it succeeded.
  virtual bool writeNow(StateWrite) = 0;
  // Waits for what write() was given, whose end is then not told otherwise. True: it succeeded.
  virtual bool waitForWrite() = 0;
};

class StateKeeper {
 public:
  // `epoch`: in which this file is in force.
  StateKeeper(const store::Zone&, store::ProcessId, std::uint16_t slot, store::Process&, StateFile&, StateSync,
              std::uint32_t epoch);

  // Makes this worker the one at work. False: another one is.
  bool takeUp();
  // By the configuration of now: the file is this one, and always has been.
  bool isInForce() const { return state().epoch.load() == epoch_; }
  // Not in force any more, it leaves the work to others. False: a write is under way, which has to end first.
  bool yield();
  // This zone has read the file, or written to it, since it came into force.
  bool hasBegun() const { return state().begunEpoch == epoch_; }
  // Another NGINX has written to the file since.
  bool isBehind() const;
  // Has the next piece written, if one is due: to be called when delay() has passed.
  void step();
  // Milliseconds until then.
  std::int64_t delay() const;
  void written(bool ok);
  // This worker may have changed something: where that is to be written at once, it is, or the one at work is woken.
  void changed();

  // The process ends: writes what is left, here and now, unless another one is at work. False: that one is about to end
  // as well, and may have missed the last changes of this process; to be called again a moment later.
  bool finish();

 private:
  enum class Phase {
    kWatching,  // another one is at work, or nobody yet
    kSnapshot,
    kChanges,
  };

  void outrank();
  void beginSnapshot();
  bool hasGrown() const;
  bool hasUnsaved() const;
  bool isAwaited() const;
  StateSync sync() const;
  void becameDurable(std::uint64_t ticket);
  void release(std::uint64_t ticket);
  void noteSaved();
  StateWrite nextWrite(std::size_t maxBytes);
  void addClock(std::string& changes);
  void addSnapshot(StatePiece&, std::string& changes, std::size_t maxBytes);
  void switchHalves();
  bool writeRest();
  store::StateKeeping& state() const { return zone_.header().state; }

  store::Zone zone_;
  store::ProcessId process_;
  std::uint16_t slot_;
  store::Process& env_;
  StateFile& file_;
  StateSync sync_;
  std::uint32_t epoch_;
  StateJournal journal_;
  Phase phase_ = Phase::kWatching;
  bool writing_ = false;
  bool hasCurrent_ = false;         // the half in use is whole, so changes go there
  bool more_ = false;               // the pass over the tables is not at its end
  bool isComplete_ = false;         // the write under way completes the snapshot
  std::uint64_t ticket_ = 0;        // of the write under way, or the last one
  std::uint64_t passTicket_ = 0;    // of the one with which the pass over the tables began
  std::int64_t passAt_ = 0;         // monotonic, when that was
  std::uint64_t snapshotEnd_ = 0;   // bytes of the new snapshot so far
  std::uint64_t currentBytes_ = 0;  // of the write under way
  std::uint64_t snapshotBytes_ = 0;
  std::int64_t lastStep_ = 0;  // monotonic
  std::int64_t retryAt_ = 0;   // monotonic; after a failure
};

}  // namespace mediasync::persistence
