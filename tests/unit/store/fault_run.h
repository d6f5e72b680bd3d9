// Kills a process at a fault point, and tells what a shard holds from what it held between two changes.
#pragma once

#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <compare>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <set>
#include <vector>

#include "core/memory/fault_point.h"
#include "tests/unit/store/forked.h"
#include "tests/unit/store/test_zone.h"

#ifdef __SANITIZE_ADDRESS__
extern "C" void __sanitizer_purge_allocator();
#endif

namespace mediasync::store::test {

// Where a fault point is in the source.
struct Place {
  const char* file;
  int line;
  auto operator<=>(const Place&) const = default;
};

// Of this process.
struct FaultPlan {
  std::vector<Place> places;  // of the points that it has passed, unless it is to die
  std::uint64_t passed = 0;
  std::uint64_t deadly = 0;     // the point to die at; 0: none
  std::function<void()> visit;  // called at each point
};
inline FaultPlan faultPlan;

// In memory that parent and child share.
inline Place& lastPoint() {
  static SharedMemory memory(4096);
  return *reinterpret_cast<Place*>(memory.span().data());
}

inline void passFaultPoint(const char* file, int line) {
  ++faultPlan.passed;
  lastPoint() = {file, line};
  if (faultPlan.passed == faultPlan.deadly) kill(getpid(), SIGKILL);
  if (faultPlan.deadly == 0) faultPlan.places.push_back({file, line});
  if (faultPlan.visit) faultPlan.visit();
}

// What has been freed is kept for a while under AddressSanitizer, and makes every fork slower.
inline void shrinkProcess() {
#ifdef __SANITIZE_ADDRESS__
  __sanitizer_purge_allocator();
#endif
}

// The points that fn passes, in their order. visit() is called at each.
inline std::vector<Place> faultPointsOf(const std::function<void()>& fn, std::function<void()> visit = {}) {
  lastPoint() = {};
  faultPlan = {{}, 0, 0, std::move(visit)};
  memory::faultHook = passFaultPoint;
  fn();
  memory::faultHook = nullptr;
  return std::exchange(faultPlan, {}).places;
}

inline std::uint64_t deaths = 0;  // so far

struct Fate {
  bool died = false;
  std::string where;
};

// Runs fn in a process of its own that is killed at the n-th point it passes, or ends when there are not so many.
inline Fate dieAt(std::uint64_t n, const std::function<void()>& fn) {
  lastPoint() = {};
  const pid_t child = fork([&] {
    faultPlan = {{}, 0, n, {}};
    memory::faultHook = passFaultPoint;
    fn();
  });
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  const Place& last = lastPoint();
  Fate fate{WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL,
            last.file == nullptr ? "no point" : last.file + (":" + std::to_string(last.line))};
  deaths += fate.died;
  INFO("it passed " << fate.where << " and ended with status " << status);
  REQUIRE((fate.died || status == 0));
  return fate;
}

// So many numbers from 1 to `last`, at equal distances, the first among them; all, when there are not so many.
inline std::vector<std::uint64_t> spread(std::uint64_t last, std::uint64_t many) {
  std::vector<std::uint64_t> numbers;
  many = std::min(many, last);
  for (std::uint64_t i = 0; i < many; ++i)
    numbers.push_back(1 + i * last / many);
  return numbers;
}

// The points to die at, of those that were passed: all, when there are not more than `most`; else the first at each
// place in the source (of some places, when there are more than `most`), and others between them. MEDIASYNC_FAULTS is
// another number, or "all". The one after the last is among them: nothing dies there.
inline std::set<std::uint64_t> pointsToTry(const std::vector<Place>& passed, std::uint64_t most) {
  const std::uint64_t points = passed.size();
  const char* wanted = std::getenv("MEDIASYNC_FAULTS");
  if (wanted != nullptr && *wanted != '\0') {
    most = std::string_view(wanted) == "all" ? points : std::max<std::uint64_t>(std::strtoul(wanted, nullptr, 10), 2);
  }
  std::vector<std::uint64_t> firsts;
  std::set<Place> places;
  for (std::uint64_t n = 1; n <= points; ++n)
    if (places.insert(passed[n - 1]).second) firsts.push_back(n);
  std::set<std::uint64_t> tried;
  for (const std::uint64_t i : spread(firsts.size(), most))
    tried.insert(firsts[i - 1]);
  for (const std::uint64_t n : spread(points, points <= most ? points : most - tried.size()))
    tried.insert(n);
  tried.insert(points + 1);
  return tried;
}

// ---- what a shard holds

// Every byte that changes only by transactions: the shard's record and hash tables, the pages with its objects. What is
// written without being noted is left out: mail, the needs of readers, the tail of a log chunk.
class ShardContent {
 public:
  explicit ShardContent(const Zone& zone) : zone_(zone), arena_(zone.arena()) {}

  std::size_t ofSessions(std::uint32_t index) {
    const SessionShard& shard = zone_.sessionShard(index);
    begin(&shard, sizeof shard, shard.header);
    append(arena_.bytes(shard.sessionBuckets), (shard.bucketMask + 1) * sizeof(Ref));
    append(arena_.bytes(shard.userBuckets), (shard.userBucketMask + 1) * sizeof(Ref));
    appendPages(shard.header);
    for (Ref s = shard.allSessions.first; s != 0; s = arena_.at<SessionRecord>(s)->all.next) {
      const auto& session = *arena_.at<SessionRecord>(s);
      clearPadding(session.clock, &session::PlaybackClock::isPlaying);
      for (Ref w = session.watchers; w != 0; w = arena_.at<SessionWatcher>(w)->next) {
        const auto& watcher = *arena_.at<SessionWatcher>(w);
        clear(&watcher.needed, sizeof watcher - offsetof(SessionWatcher, needed));
        clearPadding(watcher.worker);
      }
      for (Ref c = session.log.firstChunk; c != 0; c = arena_.at<LogChunk>(c)->next) {
        const auto& chunk = *arena_.at<LogChunk>(c);
        clear(arena_.bytes(c) + sizeof chunk + chunk.used, chunk.capacity - chunk.used);
      }
    }
    return std::hash<std::string>()(bytes_);
  }
  std::size_t ofConnections(std::uint32_t index) {
    const ConnectionShard& shard = zone_.connectionShard(index);
    begin(&shard, sizeof shard, shard.header);
    append(arena_.bytes(shard.buckets), (shard.bucketMask + 1) * sizeof(Ref));
    append(arena_.bytes(shard.recoveryBuckets), (shard.recoveryMask + 1) * sizeof(Ref));
    appendPages(shard.header);
    const Ref* buckets = arena_.at<Ref>(shard.buckets);
    for (std::uint32_t i = 0; i <= shard.bucketMask; ++i) {
      for (Ref c = buckets[i]; c != 0; c = arena_.at<ConnectionRecord>(c)->hashNext) {
        const auto& record = *arena_.at<ConnectionRecord>(c);
        clear(&record.queued, sizeof record.queued);
        clear(&record.mailNext, sizeof record.mailNext);
        clear(&record.mailSlot, sizeof record.mailSlot);
        clearPadding(record.owner);
        clearPadding(record.poster);
        clearPadding(record.prober);
        clearPadding(record.acks, &AcksAsked::next);
        clearPadding(record.realm, &Realm::application);
        clearPadding(record.seat, &SeatRef::shard, &SeatRef::sessionSerial);
        for (const ItemChain* chain : {&record.items, &record.parts, &record.auth}) {
          for (Ref item = chain->first; item != 0; item = arena_.at<Item>(item)->next)
            clearPadding(*arena_.at<Item>(item), &Item::continues);
        }
        for (Ref n = record.namespaces; n != 0; n = arena_.at<NamespaceRecord>(n)->next)
          clearPadding(arena_.at<NamespaceRecord>(n)->acks, &AcksAsked::next);
      }
    }
    const Ref* recoveries = arena_.at<Ref>(shard.recoveryBuckets);
    for (std::uint32_t i = 0; i <= shard.recoveryMask; ++i) {
      for (Ref r = recoveries[i]; r != 0; r = arena_.at<RecoveryRecord>(r)->hashNext) {
        const auto& record = *arena_.at<RecoveryRecord>(r);
        clearPadding(record.connection, &ConnectionRef::ref, &ConnectionRef::serial);
        clearPadding(record.connection, &ConnectionRef::shard);
        clearPadding(record.seat, &LostSeat::awaitingSnapshot, &LostSeat::sessionSerial);
      }
    }
    return std::hash<std::string>()(bytes_);
  }

 private:
  void begin(const void* shard, std::size_t size, const ShardHeader& header) {
    bytes_.clear();
    pages_.clear();
    append(shard, size);
    // The header is the first of the shard's record.
    std::memset(bytes_.data(), 0, sizeof header.mutex);
    std::memset(bytes_.data() + offsetof(ShardHeader, transactions), 0, sizeof header.transactions);
  }
  void append(const void* from, std::size_t size) { bytes_.append(static_cast<const char*>(from), size); }
  void appendPages(const ShardHeader& shard) {
    const PageHeap& heap = zone_.header().heap;
    for (memory::PageIndex page = 1; page <= heap.total(); ++page) {
      memory::PageDescriptor d = heap.descriptor(arena_, page);
      if (d.state != memory::PageState::kInUse || d.owner != shard.id) continue;
      d.notedBy = 0;
      append(&d, sizeof d);
      pages_[page] = bytes_.size();
      append(heap.page(arena_, page), kPageSize);
      const std::size_t size = memory::kSizeClasses[d.sizeClass];
      for (std::size_t slot = 0; slot < kPageSize / size; ++slot) {
        if (!d.used.has(static_cast<std::uint32_t>(slot))) std::memset(bytes_.data() + pages_[page] + slot * size, 0, size);
      }
    }
  }
  void clear(const void* address, std::size_t size) {
    const PageHeap& heap = zone_.header().heap;
    const memory::PageIndex page = heap.pageOf(arena_, address);
    const auto found = pages_.find(page);
    if (found == pages_.end()) return;
    const auto offset = static_cast<std::size_t>(static_cast<const std::byte*>(address) - heap.page(arena_, page));
    std::memset(bytes_.data() + found->second + offset, 0, size);
  }
  // What lies between two members, or behind the last, is copied from wherever the record was made.
  template <class T, class A, class B>
  void clearPadding(const T& record, A T::*member, B T::*next) {
    const auto* end = reinterpret_cast<const std::byte*>(&(record.*member) + 1);
    clear(end, static_cast<std::size_t>(reinterpret_cast<const std::byte*>(&(record.*next)) - end));
  }
  template <class T, class A>
  void clearPadding(const T& record, A T::*last) {
    const auto* end = reinterpret_cast<const std::byte*>(&(record.*last) + 1);
    clear(end, static_cast<std::size_t>(reinterpret_cast<const std::byte*>(&record + 1) - end));
  }
  void clearPadding(const WorkerId& id) { clearPadding(id, &WorkerId::slot, &WorkerId::generation); }

  Zone zone_;
  const Arena& arena_;
  std::string bytes_;
  std::map<memory::PageIndex, std::size_t> pages_;  // where they begin in bytes_
};

// Of each shard: what it held when no transaction was under way in it last. Session shards first.
using Contents = std::vector<std::size_t>;

// An object does not fill its place to the end; what lies behind it is of whoever had the place before. So that this is
// the same in every run, memory that no object holds is cleared beforehand.
inline void clearFreeMemory(const Zone& zone) {
  const PageHeap& heap = zone.header().heap;
  for (memory::PageIndex page = 1; page <= heap.total(); ++page) {
    const memory::PageDescriptor& d = heap.descriptor(zone.arena(), page);
    std::byte* bytes = heap.page(zone.arena(), page);
    if (d.state != memory::PageState::kInUse) {
      std::memset(bytes, 0, kPageSize);
      continue;
    }
    const std::size_t size = memory::kSizeClasses[d.sizeClass];
    for (std::size_t slot = 0; slot < kPageSize / size; ++slot) {
      if (!d.used.has(static_cast<std::uint32_t>(slot))) std::memset(bytes + slot * size, 0, size);
    }
  }
}

class ContentWatch {
 public:
  explicit ContentWatch(const Zone& zone) : zone_(zone), contents_(2 * zone.shards()), open_(2 * zone.shards(), true) {
    look();
  }
  // Between two instructions of the process at work.
  const Contents& look() {
    for (std::uint32_t i = 0; i < zone_.shards(); ++i) {
      if (hasClosed(i, zone_.sessionShard(i).header)) contents_[i] = ShardContent(zone_).ofSessions(i);
      const std::uint32_t c = zone_.shards() + i;
      if (hasClosed(c, zone_.connectionShard(i).header)) contents_[c] = ShardContent(zone_).ofConnections(i);
    }
    return contents_;
  }

 private:
  bool hasClosed(std::uint32_t at, const ShardHeader& shard) {
    const bool wasOpen = open_[at];
    open_[at] = !zone_.arena().at<UndoLog>(shard.undo)->empty();
    return wasOpen && !open_[at];
  }

  Zone zone_;
  Contents contents_;
  std::vector<bool> open_;
};

// Locks every shard, which repairs it, and says what they hold.
inline Contents repairedContents(const Zone& zone) {
  for (std::uint32_t i = 0; i < zone.shards(); ++i) {
    { ShardLock lock(zone.region(), zone.sessionShard(i).header); }
    { ShardLock lock(zone.region(), zone.connectionShard(i).header); }
  }
  return ContentWatch(zone).look();
}

}  // namespace mediasync::store::test
