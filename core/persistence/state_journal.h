// Reads the state file's next content from the shared tables: everything, for a snapshot, or the changes. It marks its
// reads as saved in the tables themselves, so that the next process continues from there; if a write then fails, a new
// snapshot is due.
#pragma once

#include <cstdint>
#include <string>

#include "core/base/clock.h"
#include "core/store/records.h"
#include "core/store/zone.h"

namespace mediasync::persistence {

class StateJournal {
 public:
  explicit StateJournal(const store::Zone& zone) : zone_(zone) {}

  // Passes over the tables and appends frames of changes until they have more than `maxBytes`. True: the next call
  // continues the pass. A pass covers at least the changes before its start, and ends however much changes meanwhile.
  bool takeChanges(std::string& out, std::size_t maxBytes, Instant now);

  bool isBetweenPasses() const { return passShard_ == 0 && !inShard_; }

  // True if more sessions have ended than are recorded individually: then changes alone are incomplete.
  bool needsSnapshot() const;

  void beginSnapshot();
  // Appends the next frames of a snapshot, kSnapshotEnd last, until `snapshot` has more than `maxBytes`. Unsaved
  // changes of its sessions also go to `changes`. True: there is more.
  bool takeSnapshot(std::string& snapshot, std::string& changes, std::size_t maxBytes, Instant now);

 private:
  void takeGone(std::uint32_t shard, std::string& out);
  void enterShard(std::uint32_t shard);
  bool takeSessions(std::uint32_t shard, std::string& out, std::size_t most, Instant now);
  bool takeConnections(std::uint32_t shard, std::string& out, std::size_t most);
  void takeLost(std::uint32_t shard, std::string& out);
  bool copySessions(std::string& snapshot, std::string& changes, std::size_t most, Instant now);
  bool copyRecoveries(std::string& snapshot, std::size_t most);

  store::Zone zone_;
  // Progress of the pass, and its rest of the shard.
  std::uint32_t passShard_ = 0;
  bool inShard_ = false;
  std::uint64_t sessionsLeft_ = 0;
  std::uint64_t connectionsLeft_ = 0;
  // Progress of the snapshot: the sessions of each shard by their serials, then recoveries by their buckets.
  std::uint32_t shard_ = 0;
  store::Ref copiedRef_ = 0;  // the last copied session, and its serial
  std::uint64_t copied_ = 0;
  std::uint32_t bucket_ = 0;
  bool sessionsCopied_ = false;
};

}  // namespace mediasync::persistence
