// Keeps the tables of a zone in a state file. Every worker has a keeper, of which one at a time is active: it reads the
// changes and has them written, without ever waiting for the disk. If its process dies, another one begins with a new
// snapshot; if it leaves in order, another one continues from its position.
//
// The file has two halves. One is in use: a snapshot, and the changes since. When the changes have grown long, a new
// snapshot is written to the other half, and changes go to both until it is complete. So one half is always complete.
#pragma once

#include <cstdint>
#include <string>

#include "core/base/clock.h"
#include "core/store/process.h"
#include "core/persistence/state_journal.h"
#include "core/store/zone.h"

namespace mediasync::persistence {

// When writes are forced to disk.
enum class StateSync : std::uint32_t {
  kOff = 1,       // by the system
  kInterval = 2,  // about once a second
  kAlways = 3,    // with every write; every change is written at once
};

// Data for one half, and its offset.
struct StatePiece {
  std::uint32_t half = 0;
  std::uint64_t at = 0;
  std::string bytes;
  bool isNew = false;  // replaces the half's whole content
};

struct StateWrite {
  StatePiece current;   // may have no bytes
  StatePiece snapshot;  // may have no bytes
  bool sync = false;    // completes only when this and all earlier writes are on disk
};

// The newest snapshot in a file, complete or not.
struct NewestSnapshot {
  std::uint64_t generation = 0;  // 0: none
  std::uint32_t half = 0;
};

// The process's access to the disk.
class StateFile {
 public:
  virtual ~StateFile() = default;
  virtual NewestSnapshot newest() const = 0;
  // Writes in another thread; StateKeeper::written() is called later with the result. One write at a time.
  virtual void write(StateWrite) = 0;
  // Writes before it returns. True: success.
  virtual bool writeNow(StateWrite) = 0;
  // Waits for the write of write(), whose end is then not reported otherwise. True: success.
  virtual bool waitForWrite() = 0;
};

class StateKeeper {
 public:
  // `epoch`: the epoch in which this file is in force.
  StateKeeper(const store::Zone&, store::ProcessId, std::uint16_t slot, store::Process&, StateFile&, StateSync,
              std::uint32_t epoch);

  // Makes this keeper the active one. False: another one is.
  bool takeUp();
  // True if this file is in force by the present configuration, without interruption since this keeper was made.
  bool isInForce() const { return state().epoch.load() == epoch_; }
  // A keeper whose file is no longer in force becomes inactive. False: its write must end first.
  bool yield();
  // True if this zone has read or written the file since it came into force.
  bool hasBegun() const { return state().begunEpoch == epoch_; }
  // True if another NGINX has written to the file since.
  bool isBehind() const;
  // Has the next piece written, if one is due. Call it when delay() has passed.
  void step();
  // Milliseconds until then.
  std::int64_t delay() const;
  void written(bool ok);
  // This worker may have changed something. If changes are to be written at once, writes them, or wakes the active
  // keeper's worker.
  void changed();

  // The process ends: writes the rest before it returns, unless another keeper is active. False: that one's process is
  // also ending, and may have missed this process's last changes; call again a moment later.
  bool finish();

 private:
  enum class Phase {
    kWatching,  // another keeper is active, or none yet
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
  bool hasCurrent_ = false;         // the half in use is complete, so changes go there
  bool more_ = false;               // the pass over the tables has not ended
  bool isComplete_ = false;         // the present write completes the snapshot
  std::uint64_t ticket_ = 0;        // of the present write, or the last one
  std::uint64_t passTicket_ = 0;    // of the write with which the pass over the tables began
  std::int64_t passAt_ = 0;         // monotonic: the beginning of the pass
  std::uint64_t snapshotEnd_ = 0;   // bytes of the new snapshot so far
  std::uint64_t currentBytes_ = 0;  // of the present write
  std::uint64_t snapshotBytes_ = 0;
  std::int64_t lastStep_ = 0;  // monotonic
  std::int64_t retryAt_ = 0;   // monotonic; after a failure
};

}  // namespace mediasync::persistence
