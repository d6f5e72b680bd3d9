// The shared tables of one zone: the regions of its memory, the shards, the workers that use it.
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
#include "core/store/notice.h"
#include "core/store/records.h"
#include "core/store/memory.h"

namespace mediasync::store {

// A process, as its worker names it: so that another one that has its pid later is not taken for it.
using ProcessId = std::uint64_t;

enum class WorkerState : std::uint32_t {
  kNone,
  kRunning,
  kLeft,  // ended (or found dead); what it owned waits to be adopted
};

struct WorkerEntry {
  std::atomic<WorkerState> state;
  std::atomic<std::uint32_t> generation;
  std::atomic<ProcessId> process;
  std::atomic<std::uint32_t> signalled;    // a wake-up is on its way
  std::atomic<std::int64_t> seenAt;        // monotonic: when it last did something
  std::atomic<std::uint32_t> passedBy;     // it stands still, and its readers are not waited for
  std::atomic<std::uint32_t> cycle;        // of which configuration it is
  std::atomic<std::uint32_t> takes;        // WebSockets that workers of earlier configurations hand over
  std::atomic<std::uint32_t> awaitsWrite;  // to be woken after a write of the state file
  std::atomic<Ref> sessionMail;            // SessionWatcher list
  std::atomic<Ref> connectionMail;         // ConnectionRecord list
  // Milliseconds that its event loop was late: the most in this period, which began at `lagSince`, and in the one
  // before.
  std::atomic<std::int64_t> lag;
  std::atomic<std::int64_t> lagBefore;
  std::atomic<std::int64_t> lagSince;
};

// How the tables are kept in a state file. One process at a time keeps it; what follows `keeper` is written by it
// alone.
struct StateKeeping {
  std::uint64_t zone;                  // random: the number of these tables among all that may use a file
  std::atomic<std::uint32_t> enabled;  // changes are noted for it
  // Of the configuration in force, changed by the master: the number that it has given the file, 0: none; and how
  // often a file has come into force, which tells apart two times of the same one.
  std::atomic<std::uint32_t> file;
  std::atomic<std::uint32_t> epoch;
  std::atomic<std::uint32_t> pending;  // what a file holds has yet to be read: nobody is served
  std::atomic<ProcessId> keeper;       // 0: nobody
  std::atomic<std::uint32_t> keeperSlot;
  std::atomic<std::uint32_t> closing;  // the keeper's process is about to end
  // The last keeper has written all that it had noted as saved, to the file of this epoch; 0: it has not.
  std::atomic<std::uint32_t> cleanEpoch;
  std::uint32_t half;         // of the file's two, which is in use
  std::uint64_t generation;   // counts snapshots; of the half in use
  std::uint64_t begun;        // of the newest that this NGINX has read or begun to write
  std::uint32_t begunEpoch;   // in which that was
  std::int64_t clock;         // by how much the wall clock is ahead of the monotonic one, as the file knows
  std::uint64_t snapshotEnd;  // bytes
  std::uint64_t end;
  // Writes are counted as they begin to take what has changed. The newest one, and the newest one whose changes, and
  // all before, are safe; the newest one that somebody waits for.
  std::atomic<std::uint64_t> taken;
  std::atomic<std::uint64_t> durable;
  std::atomic<std::uint64_t> awaited;
  std::atomic<std::uint64_t> released;   // nobody waits for the writes up to this one, as writing fails; 0: it does not
  std::atomic<std::uint64_t> written;    // bytes since the zone was made
  std::atomic<std::uint64_t> snapshots;  // likewise
  std::atomic<std::uint64_t> failures;   // likewise: writes that failed
  std::atomic<std::uint64_t> restored;   // sessions that were read from it
  std::atomic<std::uint64_t> unwritten;  // confirmations that were given before the write they waited for had ended
  std::atomic<std::int64_t> savedAt;     // monotonic: what had changed by then is in the file; 0: nothing is yet
};

struct ZoneHeader {
  std::uint64_t magic;
  std::uint64_t size;
  std::uint32_t shards;
  HashKey key;
  SecretKey secretKey;
  PageHeap heap;
  std::atomic<std::uint32_t> repairs;
  std::atomic<std::uint32_t> reconciled;  // of the repairs, those whose seats have been checked
  RobustMutex census;                     // held while a worker signs on, or a dead one's things are seen to
  std::atomic<std::int64_t> nextSweep;    // monotonic; the worker that moves it on does the sweep
  std::atomic<std::uint32_t> cycle;       // the newest configuration: they are counted
  StateKeeping state;
  std::atomic<TokenBucket> newSessions;
  ClientTable clients;                                        // that have made sessions
  std::array<std::atomic<std::uint64_t>, kEndReasons> ended;  // connections, by reason
  std::atomic<std::int64_t> madeAt;                           // wall
  std::atomic<std::uint64_t> fullRefusals;                    // for want of memory
  std::atomic<std::uint64_t> fullSaid;                        // of them, to the operator
  std::atomic<std::int64_t> fullSaidAt;                       // monotonic; 0: never
  std::uint64_t sessionShards;                                // offsets
  std::uint64_t connectionShards;
  std::uint64_t counters;
  std::uint32_t counterBlocks;  // a power of two
  WorkerEntry workers[kMaxWorkers];
};

// Workers to wake once the current callback is done.
using WakeSet = std::bitset<kMaxWorkers>;

// Times of the zone, in milliseconds, and the bound of each session's log. The same in every worker of a configuration.
struct ZoneSettings {
  std::int64_t disconnectGrace = 5'000;
  std::int64_t restartGrace = 0;  // of users whom the server itself sent away; not less than the other
  std::int64_t userTimeout = 600'000;
  std::int64_t sessionTimeout = 24 * 3'600'000;
  std::int64_t recovery = 120'000;  // after the loss of a connection; 0: none
  std::int64_t drain = 2'000;       // of a worker that ends, over which it sends its clients away
  std::size_t logLimit = 128 * 1024;

  // For so long somebody may come back to a session that all have lost as if nothing had been.
  std::int64_t returnTime() const { return std::max({recovery, disconnectGrace, restartGrace}); }
  // When the grace of a user begins who was sent away at `now`, so that it ends as late as it shall.
  Instant sentAwayAt(Instant now) const { return now.after(std::max<std::int64_t>(restartGrace - disconnectGrace, 0)); }
};

// A view of a zone in one process. Cheap to copy; the memory outlives it.
class Zone {
 public:
  static constexpr std::uint32_t kMaxShards = 256;
  static constexpr std::size_t kMinLog = 16 * 1024;

  // Bytes that a zone with so many shards needs at the least.
  static std::size_t minimumSize(std::uint32_t shards);

  // Makes the tables in `memory` (aligned to a page, zeroed or not). nullopt when it is too small.
  static std::optional<Zone> create(std::span<std::byte> memory, std::uint32_t shards, const ZoneSettings&,
                                    RandomSource&);
  // Uses tables that another process or an earlier configuration made. nullopt when they are of another layout.
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

  // Whether one more session may be made now, by the rate at which that is allowed; counts it, if so.
  bool admitSession(const Rate&, Instant now) const;

  // The client of a network, see clientNetwork(), as the tables know it; 0: none is known.
  std::uint64_t clientOf(std::string_view network) const { return network.empty() ? 0 : hash(network) | 1; }
  // Whether a client may make one more now; counts it, if so. One that is not known always may.
  bool admitClient(std::uint64_t client, const Rate&, Instant now) const;
  // Counts what it has left behind.
  void chargeClient(std::uint64_t client, const Rate&, std::uint64_t tokens, Instant now) const;

  // Sums over the shards, without locks: exact when nothing moves.
  std::uint32_t sessionCount() const;
  std::uint32_t userCount() const;
  std::uint32_t membershipCount() const;
  std::uint32_t connectionCount() const;
  std::uint32_t connectionCount(Transport, bool isOld) const;  // isOld: of revision 3
  std::uint32_t recoveryCount() const;                         // of connections that are there, and of lost ones

  // Where what happens by transactions of this process is noted, when somebody wants to know; null: nobody does.
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
