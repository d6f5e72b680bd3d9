// Keeps the tables of a zone in a state file. Every worker has a keeper, of which one at a time is active: it reads the
// changes and has them written, without ever waiting for the disk. If its process dies, another one begins with a new
// snapshot; if it leaves in order, another one continues from its position.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/persistence/state_content.h"
#include "core/persistence/state_file.h"
#include "core/store/process.h"
#include "core/store/zone.h"

namespace mediasync::persistence {

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
  void outrank();
  bool hasUnsaved() const;
  bool isAwaited() const;
  StateSync sync() const;
  StateWrite nextWrite(std::size_t maxBytes);
  void failed();
  void becameDurable();
  void release(std::uint64_t ticket);
  void noteSaved();
  bool writeRest();
  store::StateKeeping& state() const { return zone_.header().state; }

  store::Zone zone_;
  store::ProcessId process_;
  std::uint16_t slot_;
  store::Process& env_;
  StateFile& file_;
  StateSync sync_;
  std::uint32_t epoch_;
  StateContent content_;
  bool isActive_ = false;  // else another keeper is, or none yet
  bool writing_ = false;
  std::int64_t lastStep_ = 0;  // monotonic
  std::int64_t retryAt_ = 0;   // monotonic; after a failure
};

}  // namespace mediasync::persistence
