// The shared tables of one zone: the regions of its memory, its shards, its workers.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bitset>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/base/random.h"
#include "core/base/secret.h"
#include "core/base/siphash.h"
#include "core/store/client_table.h"
#include "core/store/ending.h"
#include "core/store/figures.h"
#include "core/store/memory.h"
#include "core/store/notice.h"
#include "core/store/records.h"

namespace mediasync::store {

// Identifies a process; another one that gets its pid later has a different id.
using ProcessId = std::uint64_t;

enum class WorkerState : std::uint32_t {
  kNone,
  kRunning,
  kLeft,  // ended, or found dead; its connections wait to be adopted
};

struct WorkerEntry {
  std::atomic<WorkerState> state;
  std::atomic<std::uint32_t> generation;
  std::atomic<ProcessId> process;
  std::atomic<std::uint32_t> signalled;    // a wake-up is on its way
  std::atomic<std::int64_t> seenAt;        // monotonic: when it last ran
  std::atomic<std::uint32_t> passedBy;     // it hangs, and nothing waits for its readers
  std::atomic<std::uint32_t> cycle;        // the number of its configuration
  std::atomic<std::uint32_t> takes;        // accepts WebSockets from workers of earlier configurations
  std::atomic<std::uint32_t> awaitsWrite;  // wants to be woken after a write of the state file
  std::atomic<Ref> sessionMail;            // SessionWatcher list
  std::atomic<Ref> connectionMail;         // ConnectionRecord list
  // Maximum delay of its event loop in milliseconds, in this period, which began at `lagSince`, and in the one before.
  std::atomic<std::int64_t> lag;
  std::atomic<std::int64_t> lagBefore;
  std::atomic<std::int64_t> lagSince;
};

// The state of the tables' state file. One process at a time is its keeper; only the keeper writes the fields after
// `keeper`.
struct StateKeeping {
  std::uint64_t zone;                  // random: the number of these tables among all that may use a file
  std::atomic<std::uint32_t> enabled;  // changes are noted for it
  // For the configuration in force, set by the master: the number of the file, 0: none; and how often a file has come
  // into force, which distinguishes two periods of the same file.
  std::atomic<std::uint32_t> file;
  std::atomic<std::uint32_t> epoch;
  std::atomic<std::uint32_t> pending;  // the file's content has yet to be read: nobody is served
  std::atomic<ProcessId> keeper;       // 0: none
  std::atomic<std::uint32_t> keeperSlot;
  std::atomic<std::uint32_t> closing;  // the keeper's process is about to end
  // The last keeper has written everything it had marked as saved, to the file of this epoch; 0: it has not.
  std::atomic<std::uint32_t> cleanEpoch;
  std::uint32_t half;         // the half in use
  std::uint64_t generation;   // counts snapshots; of the half in use
  std::uint64_t begun;        // the newest snapshot that this NGINX has read or begun to write
  std::uint32_t begunEpoch;   // the epoch of that
  std::int64_t clock;         // by how much the wall clock is ahead of the monotonic one, in the file
  std::uint64_t snapshotEnd;  // bytes
  std::uint64_t end;
  // Writes are counted as they begin to take changes: the newest one; the newest one that is safe with all before it;
  // and the newest one that a confirmation waits for.
  std::atomic<std::uint64_t> taken;
  std::atomic<std::uint64_t> durable;
  std::atomic<std::uint64_t> awaited;
  std::atomic<std::uint64_t> released;   // nothing waits for writes up to this one, since writing fails; 0: it works
  std::atomic<std::uint64_t> written;    // bytes since the zone was created
  std::atomic<std::uint64_t> snapshots;  // since the zone was created
  std::atomic<std::uint64_t> failures;   // failed writes since the zone was created
  std::atomic<std::uint64_t> restored;   // sessions read from the file
  std::atomic<std::uint64_t> unwritten;  // confirmations sent before the write they waited for had ended
  std::atomic<std::int64_t> savedAt;     // monotonic: changes up to then are in the file; 0: none are
};

struct ZoneHeader {
  std::uint64_t magic;
  std::uint64_t size;
  std::uint32_t shards;
  HashKey key;
  SecretKey secretKey;
  PageHeap heap;
  std::atomic<std::uint32_t> repairs;
  std::atomic<std::uint32_t> reconciled;  // the repairs whose seats have been checked
  RobustMutex census;                     // held while a worker signs on, or a dead one is reaped
  std::atomic<std::int64_t> nextSweep;    // monotonic; the worker that advances it sweeps
  std::atomic<std::uint32_t> cycle;       // the newest configuration, which are counted
  StateKeeping state;
  std::atomic<TokenBucket> newSessions;
  ClientTable clients;                                        // that have created sessions
  std::array<std::atomic<std::uint64_t>, kEndReasons> ended;  // connections, by reason
  std::atomic<std::int64_t> madeAt;                           // wall
  std::atomic<std::uint64_t> fullRefusals;                    // for lack of memory
  std::atomic<std::uint64_t> fullSaid;                        // refusals already reported in the log
  std::atomic<std::int64_t> fullSaidAt;                       // monotonic; 0: never
  std::uint64_t sessionShards;                                // offsets
  std::uint64_t connectionShards;
  std::uint64_t counters;
  std::uint32_t counterBlocks;  // a power of two
  WorkerEntry workers[kMaxWorkers];
};

// Workers to wake after the current callback.
using WakeSet = std::bitset<kMaxWorkers>;

// Times of the zone, in milliseconds, and the bound of each session's log. The same in every worker of a configuration.
struct ZoneSettings {
  std::int64_t disconnectGrace = 5'000;
  std::int64_t restartGrace = 0;  // for users whom the server sent away; at least disconnectGrace
  std::int64_t userTimeout = 600'000;
  std::int64_t sessionTimeout = 24 * 3'600'000;
  std::int64_t recovery = 120'000;  // after the loss of a connection; 0: off
  std::int64_t drain = 2'000;       // period over which an ending worker closes its clients
  std::size_t logLimit = 128 * 1024;

  // The time for which clients may recover connections to a session that all have lost.
  std::int64_t returnTime() const { return std::max({recovery, disconnectGrace, restartGrace}); }
  // The start of the grace of a user who was sent away at `now`, so that it ends after restartGrace.
  Instant sentAwayAt(Instant now) const { return now.after(std::max<std::int64_t>(restartGrace - disconnectGrace, 0)); }
};

// A view of a zone in one process. Cheap to copy; the memory must outlive it.
class Zone {
 public:
  static constexpr std::uint32_t kMaxShards = 256;
  static constexpr std::size_t kMinLog = 16 * 1024;

  // Bytes that a zone with so many shards needs at least.
  static std::size_t minimumSize(std::uint32_t shards);

  // Creates the tables in `memory` (page-aligned, zeroed or not). Returns nullopt if it is too small.
  static std::optional<Zone> create(std::span<std::byte> memory, std::uint32_t shards, const ZoneSettings&,
                                    RandomSource&);
  // Uses tables that another process or an earlier configuration created. Returns nullopt if their layout differs.
  static std::optional<Zone> attach(std::span<std::byte> memory, const ZoneSettings&);

  const Region& region() const { return region_; }
  const Arena& arena() const { return region_.arena; }
  const ZoneSettings& settings() const { return settings_; }
  ZoneHeader& header() const { return *header_; }
  WorkerEntry& worker(std::uint16_t slot) const { return header_->workers[slot]; }
  WorkerCounters& counters(std::uint16_t slot) const { return counterBlock(slot & (header_->counterBlocks - 1)); }
  WorkerCounters& counterBlock(std::uint32_t index) const {
    return arena().at<WorkerCounters>(static_cast<Ref>(header_->counters / 8))[index];
  }
  std::uint32_t counterBlocks() const { return header_->counterBlocks; }
  std::uint32_t shards() const { return header_->shards; }
  SessionShard& sessionShard(std::uint32_t index) const {
    return arena().at<SessionShard>(static_cast<Ref>(header_->sessionShards / 8))[index];
  }
  ConnectionShard& connectionShard(std::uint32_t index) const {
    return arena().at<ConnectionShard>(static_cast<Ref>(header_->connectionShards / 8))[index];
  }
  std::uint64_t hash(std::string_view text) const { return sipHash(header_->key, text); }
  SecretHash hashOfSecret(std::string_view secret) const { return hashSecret(header_->secretKey, secret); }

  // True if the rate admits another session now, which is then counted.
  bool admitSession(const Rate&, Instant now) const;

  // The client of a network, see clientNetwork(), as the tables identify it; 0: unknown.
  std::uint64_t clientOf(std::string_view network) const { return network.empty() ? 0 : hash(network) | 1; }
  // True if the rate admits another session of the client now, which is then counted. An unknown client is always
  // admitted.
  bool admitClient(std::uint64_t client, const Rate&, Instant now) const;
  // Charges the client for a log that it has left behind.
  void chargeClient(std::uint64_t client, const Rate&, std::uint64_t tokens, Instant now) const;

  // Sums over the shards, without locks: exact if nothing changes.
  std::uint32_t sessionCount() const;
  std::uint32_t userCount() const;
  std::uint32_t membershipCount() const;
  std::uint32_t connectionCount() const;
  std::uint32_t connectionCount(Transport, bool isOld) const;  // isOld: revision 3
  std::uint32_t recoveryCount() const;                         // of existing connections, and of lost ones

  // Sets the collector of notices about this process's transactions; null: none.
  void collectNotices(Notices* notices) { notices_ = notices; }
  Notices* notices() const { return notices_; }

 private:
  Zone(std::span<std::byte> memory, const ZoneSettings& settings);

  Region region_;
  ZoneHeader* header_;
  ZoneSettings settings_;
  Notices* notices_ = nullptr;
};

}  // namespace mediasync::store
