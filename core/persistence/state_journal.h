// Reads from the shared tables what a state file has yet to be told: everything, for a snapshot, or what has changed.
// What it has read is noted as saved, in the tables themselves, so that whoever comes next goes on from there; should
// it not be written after all, a new snapshot is due.
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

  // Goes over the tables, and appends frames of what has changed, until these are more than `maxBytes`. True: the next
  // call goes on. A pass has at least what had changed when it began, and ends however much changes meanwhile.
  bool takeChanges(std::string& out, std::size_t maxBytes, Instant now);

  bool isBetweenPasses() const { return passShard_ == 0 && !inShard_; }

  // More sessions have ended than are noted one by one: changes alone do not tell it all.
  bool needsSnapshot() const;

  void beginSnapshot();
  // Appends the next frames of a snapshot, the last one being kSnapshotEnd, until `snapshot` holds more than
  // `maxBytes`. Changes of the sessions in it that had not been saved go to `changes`, too. True: there is more.
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
  // How far the pass is, and what it has yet to take of the shard.
  std::uint32_t passShard_ = 0;
  bool inShard_ = false;
  std::uint64_t sessionsLeft_ = 0;
  std::uint64_t connectionsLeft_ = 0;
  // How far the snapshot is: sessions of each shard by their serials, then recoveries by their buckets.
  std::uint32_t shard_ = 0;
  store::Ref copiedRef_ = 0;  // the last session copied, and its serial
  std::uint64_t copied_ = 0;
  std::uint32_t bucket_ = 0;
  bool sessionsCopied_ = false;
};

}  // namespace mediasync::persistence
