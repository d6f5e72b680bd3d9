// What must hold of a zone whenever no transaction is under way, whatever was done and whoever was killed.
#pragma once

#include <algorithm>
#include <iterator>
#include <string>

#include "core/store/random_id.h"
#include "tests/unit/store/test_zone.h"

namespace mediasync::store::test {

struct Findings {
  std::vector<std::string> problems;  // empty: all is well
  std::uint32_t leakedObjects = 0;    // allocated, and nothing refers to them
  std::uint32_t usedPages = 0;
  bool ok() const { return problems.empty() && leakedObjects == 0; }
  std::string text() const {
    std::string all = leakedObjects == 0 ? "" : std::to_string(leakedObjects) + " leaked objects\n";
    for (const std::string& problem : problems)
      all += problem + "\n";
    return all;
  }
};

// Walks everything that can be reached from the shards and compares it with the counters, the hash chains and
// the pages. Locks every shard once before, which repairs what a dead process left. Nothing else may use the
// zone meanwhile.
class InvariantCheck {
 public:
  explicit InvariantCheck(const Zone& zone) : zone_(zone), arena_(zone.arena()) {}

  Findings run() {
    for (std::uint32_t i = 0; i < zone_.shards(); ++i) {
      { ShardLock lock(zone_.region(), zone_.sessionShard(i).header); }
      { ShardLock lock(zone_.region(), zone_.connectionShard(i).header); }
    }
    // A process may have died in the heap as well; taking and giving a page repairs it.
    PageHeap& heap = zone_.header().heap;
    if (const memory::PageIndex page = heap.take(arena_, 0, 0)) heap.give(arena_, page);
    for (std::uint32_t i = 0; i < zone_.shards(); ++i) {
      checkUndo(zone_.sessionShard(i).header);
      checkUndo(zone_.connectionShard(i).header);
      checkSessionShard(i);
      checkConnectionShard(i);
    }
    checkPages();
    return std::move(found_);
  }

 private:
  template <class... Parts>
  void expect(bool holds, const Parts&... parts) {
    if (holds || found_.problems.size() > 20) return;
    std::string text;
    (text.append(parts).append(" "), ...);
    found_.problems.push_back(text);
  }
  static std::string n(std::uint64_t number) { return std::to_string(number); }

  // Something refers to the object: its place must be allocated, to this shard, and referred to once.
  void reach(Ref ref, ShardId owner, std::size_t size, const char* what) {
    if (ref == 0) return;
    const PageHeap& heap = zone_.header().heap;
    const memory::PageIndex page = heap.pageOf(arena_, arena_.bytes(ref));
    if (page == 0 || page > heap.total()) return expect(false, what, "lies outside the pages");
    const memory::PageDescriptor& d = heap.descriptor(arena_, page);
    if (d.state != memory::PageState::kInUse) return expect(false, what, "lies in a page that is not in use");
    const std::size_t slotSize = memory::kSizeClasses[d.sizeClass];
    const std::size_t offset = static_cast<std::size_t>(arena_.bytes(ref) - heap.page(arena_, page));
    expect(d.owner == owner, what, "lies in a page of another shard");
    expect(offset % slotSize == 0, what, "does not begin where an object begins");
    expect(size <= slotSize, what, "is larger than its object");
    expect(d.used.has(static_cast<std::uint32_t>(offset / slotSize)), what, "lies in an object that is free");
    expect(reached_.insert(ref).second, what, "shares its object with something else");
  }
  void reach(const SharedText& text, ShardId owner, const char* what) {
    reach(text.ref, owner, text.size, what);
    if (text.ref == 0) expect(text.size == 0, what, "has a size and no place");
  }

  void checkUndo(const ShardHeader& shard) {
    expect(arena_.at<UndoLog>(shard.undo)->empty(), "undo log of shard", n(shard.id), "is not empty");
  }

  // The records of a doubly linked list, which must be the same both ways.
  template <class T>
  std::vector<Ref> list(const Queue& queue, QueueLinks T::*links, const char* what) {
    std::vector<Ref> forward, backward;
    for (Ref ref = queue.first; ref != 0 && forward.size() < kEndless; ref = (arena_.at<T>(ref)->*links).next) {
      forward.push_back(ref);
    }
    for (Ref ref = queue.last; ref != 0 && backward.size() < kEndless; ref = (arena_.at<T>(ref)->*links).previous) {
      backward.insert(backward.begin(), ref);
    }
    expect(forward.size() < kEndless, what, "is a circle");
    expect(forward == backward, what, "differs forward and backward");
    return forward;
  }

  template <class T>
  std::vector<Ref> chained(Ref buckets, std::uint32_t mask, const char* what, std::uint64_t (*hashOf)(const T&)) {
    std::vector<Ref> all;
    for (std::uint32_t i = 0; i <= mask; ++i) {
      std::size_t length = 0;
      for (Ref ref = arena_.at<Ref>(buckets)[i]; ref != 0 && ++length < kEndless; ref = arena_.at<T>(ref)->hashNext) {
        expect((hashOf(*arena_.at<T>(ref)) & mask) == i, what, "is in a wrong chain");
        all.push_back(ref);
      }
      expect(length < kEndless, what, "chain is a circle");
    }
    return all;
  }

  void checkSessionShard(std::uint32_t index) {
    SessionShard& shard = zone_.sessionShard(index);
    const ShardId id = shard.header.id;
    const auto sessions = list(shard.allSessions, &SessionRecord::all, "list of sessions");
    std::vector<Ref> named;  // one that is being taken apart cannot be found any more
    std::copy_if(sessions.begin(), sessions.end(), std::back_inserter(named),
                 [this](Ref ref) { return !arena_.at<SessionRecord>(ref)->ending; });
    expectSame(named,
               chained<SessionRecord>(shard.sessionBuckets, shard.bucketMask, "session",
                                      [](const SessionRecord& r) { return r.hash; }),
               "sessions in the list and in the hash chains");
    std::vector<Ref> users, idle, logged, vacant, grace, away;
    std::uint32_t memberships = 0;
    for (const Ref ref : sessions) {
      const auto& session = *arena_.at<SessionRecord>(ref);
      reach(ref, id, sizeof(SessionRecord), "session");
      expect(session.serial != 0, "session without a serial");
      if (session.idle) idle.push_back(ref);
      const bool isLeft = session.idle && !session.ending;
      if (isLeft && session.log.firstChunk != 0) logged.push_back(ref);
      if (isLeft && session.userCount == 0) vacant.push_back(ref);
      checkTexts(session, id);
      checkSession(session, ref, id, users, grace, away, memberships);
      checkLog(session, id);
      checkWatchers(session, ref, id);
    }
    expectSame(users,
               chained<UserRecord>(shard.userBuckets, shard.userBucketMask, "user",
                                   [](const UserRecord& r) { return r.hash; }),
               "users of the sessions and in the hash chains");
    expectSame(idle, list(shard.idle, &SessionRecord::inIdle, "idle queue"), "idle sessions and the idle queue");
    expectSame(logged, list(shard.logged, &SessionRecord::inLogged, "queue of idle logs"), "idle logs and their queue");
    expectSame(vacant, list(shard.vacant, &SessionRecord::inVacant, "queue of vacant sessions"),
               "sessions without users and their queue");
    auto inGrace = list(shard.grace, &UserRecord::inQueue, "grace queue");
    const auto late = list(shard.lateGrace, &UserRecord::inQueue, "queue of late graces");
    inGrace.insert(inGrace.end(), late.begin(), late.end());
    expectSame(grace, inGrace, "users in grace and the grace queues");
    expectSame(away, list(shard.away, &UserRecord::inQueue, "away queue"), "users away and the away queue");
    expect(shard.sessions.load() == sessions.size(), "sessions counted", n(shard.sessions.load()), "are",
           n(sessions.size()));
    expect(shard.users.load() == users.size(), "users counted", n(shard.users.load()), "are", n(users.size()));
    expect(shard.memberships.load() == memberships, "memberships counted", n(shard.memberships.load()), "are",
           n(memberships));
  }

  void checkTexts(const SessionRecord& session, ShardId id) {
    eachText(session, [&](const SharedText& text) { reach(text, id, "text of a session"); });
    expect(zone_.hash(textOf(arena_, session.id)) == session.hash, "session's hash is not its id's");
  }

  void checkSession(const SessionRecord& session, Ref ref, ShardId id, std::vector<Ref>& all, std::vector<Ref>& grace,
                    std::vector<Ref>& away, std::uint32_t& memberships) {
    std::uint32_t connected = 0, connections = 0, texts = 0;
    std::set<std::string> names;
    const auto users = list(session.users, &UserRecord::inSession, "users of a session");
    for (const Ref u : users) {
      const auto& user = *arena_.at<UserRecord>(u);
      all.push_back(u);
      reach(u, id, sizeof(UserRecord), "user");
      eachText(user, [&](const SharedText& text) { reach(text, id, "text of a user"); });
      expect(user.session == ref, "user of another session in the list");
      expect(names.insert(std::string(textOf(arena_, user.id))).second, "the same user is listed twice");
      std::uint32_t own = 0;
      for (Ref m = user.firstMembership; m != 0 && own < kEndless; m = arena_.at<Membership>(m)->next) {
        reach(m, id, sizeof(Membership), "membership");
        expect(arena_.at<Membership>(m)->user == u, "membership of another user");
        expect(arena_.at<Membership>(m)->serial != 0, "membership without a serial");
        ++own;
      }
      expect(own == user.connections, "connections of a user counted", n(user.connections), "are", n(own));
      const bool isConnected = user.presence == session::Presence::kConnected;
      expect(isConnected == (own > 0), "a user's presence does not fit its", n(own), "connections");
      expect(user.queuedForTime != isConnected, "a user is in a queue of time and connected, or neither");
      if (user.presence == session::Presence::kGrace) grace.push_back(u);
      if (user.presence == session::Presence::kAway) away.push_back(u);
      connected += isConnected;
      connections += own;
      texts += textBytes(user);
    }
    memberships += connections;
    expect(session.userTextBytes == texts, "userTextBytes", n(session.userTextBytes), "are", n(texts));
    expect(session.userCount == users.size(), "userCount", n(session.userCount), "is", n(users.size()));
    expect(session.connectedCount == connected, "connectedCount", n(session.connectedCount), "is", n(connected));
    expect(session.connectionCount == connections, "connectionCount", n(session.connectionCount), "is", n(connections));
    expect(session.idle == (connections == 0), "a session with", n(connections), "connections is idle or not");
  }

  void checkLog(const SessionRecord& session, ShardId id) {
    const SessionLog& log = session.log;
    std::uint64_t next = log.firstSeq;
    std::uint32_t bytes = 0, chunks = 0;
    Ref last = 0;
    for (Ref ref = log.firstChunk; ref != 0 && ++chunks < kEndless; ref = arena_.at<LogChunk>(ref)->next) {
      const auto& chunk = *arena_.at<LogChunk>(ref);
      last = ref;
      reach(ref, id, sizeof(LogChunk) + chunk.capacity, "log chunk");
      expect(chunk.firstSeq == next, "chunk begins at", n(chunk.firstSeq), "instead of", n(next));
      expect(chunk.used <= chunk.capacity, "chunk holds more than it can");
      bytes += static_cast<std::uint32_t>(sizeof(LogChunk)) + chunk.capacity;
      std::uint32_t used = 0;
      const std::byte* at = reinterpret_cast<const std::byte*>(&chunk + 1);
      for (std::uint32_t i = 0; i < chunk.count && used < chunk.used; ++i) {
        EventHeader header;
        std::memcpy(&header, at + used, sizeof header);
        used += static_cast<std::uint32_t>(sizeof header + (header.size + 7) / 8 * 8);
      }
      expect(used == chunk.used, "events of a chunk take", n(used), "bytes instead of", n(chunk.used));
      next += chunk.count;
    }
    expect(last == log.lastChunk, "the last chunk is another");
    expect(log.firstChunk != 0 || session.idle, "a session that is in use has a log without a chunk");
    expect(next == log.nextSeq, "log ends at", n(next), "instead of", n(log.nextSeq));
    expect(bytes == log.bytes, "log holds", n(bytes), "bytes instead of", n(log.bytes));
    expect(log.lastSyncSeq < log.nextSeq && log.lostSeq < log.nextSeq, "log names offsets to come");
  }

  void checkWatchers(const SessionRecord& session, Ref ref, ShardId id) {
    std::set<std::pair<std::uint16_t, std::uint32_t>> workers;
    std::uint32_t count = 0;
    for (Ref w = session.watchers; w != 0 && ++count < kEndless; w = arena_.at<SessionWatcher>(w)->next) {
      const auto& watcher = *arena_.at<SessionWatcher>(w);
      reach(w, id, sizeof(SessionWatcher), "watcher");
      expect(watcher.session == ref && watcher.sessionSerial == session.serial, "watcher of another session");
      expect(workers.emplace(watcher.worker.slot, watcher.worker.generation).second, "a worker watches twice");
    }
  }

  void checkConnectionShard(std::uint32_t index) {
    ConnectionShard& shard = zone_.connectionShard(index);
    const ShardId id = shard.header.id;
    std::uint32_t alive = 0;
    const auto all = chained<ConnectionRecord>(shard.buckets, shard.bucketMask, "connection",
                                               [](const ConnectionRecord& r) { return hashOf(r.sid); });
    for (const Ref ref : all) {
      const auto& record = *arena_.at<ConnectionRecord>(ref);
      reach(ref, id, sizeof(ConnectionRecord), "connection");
      expect(record.serial != 0, "connection without a serial");
      alive += !record.dead;
      if (record.dead) expect(record.queued.load() != 0, "dead connection in no mailbox: nobody will free it");
      checkItems(record.items, id);
      checkItems(record.parts, id);
      checkItems(record.auth, id);
      reach(record.account, id, sizeof(AccountRecord), "account");
      std::uint32_t count = 0;
      for (Ref ref2 = record.namespaces; ref2 != 0 && ++count < kEndless; ref2 = arena_.at<NamespaceRecord>(ref2)->next)
        reach(ref2, id, sizeof(NamespaceRecord) + arena_.at<NamespaceRecord>(ref2)->size, "namespace");
    }
    checkRecoveries(shard, id);
    std::uint32_t kinds = 0;
    for (const auto& kind : shard.kinds)
      kinds += kind.load();
    expect(kinds == alive, "connections of all kinds counted", n(kinds), "are", n(alive));
    expect(shard.connections.load() == alive, "connections counted", n(shard.connections.load()), "are", n(alive));
  }

  void checkItems(const ItemChain& chain, ShardId id) {
    std::uint32_t bytes = 0, count = 0;
    Ref last = 0;
    for (Ref item = chain.first; item != 0 && ++count < kEndless; item = arena_.at<Item>(item)->next) {
      const std::size_t size = sizeof(Item) + arena_.at<Item>(item)->size;
      reach(item, id, size, "item");
      bytes += static_cast<std::uint32_t>(size);
      if (isSnapshot(arena_.at<Item>(item)->kind)) bytes += ConnectionTransaction::kSnapshotBytes;
      last = item;
    }
    expect(count == chain.count, "items counted", n(chain.count), "are", n(count));
    expect(last == chain.last, "the last item is another");
    expect(bytes == chain.bytes, "items take", n(bytes), "bytes instead of", n(chain.bytes));
  }

  void checkRecoveries(const ConnectionShard& shard, ShardId id) {
    const auto all = chained<RecoveryRecord>(shard.recoveryBuckets, shard.recoveryMask, "recovery",
                                             [](const RecoveryRecord& r) { return hashOf(r.pid); });
    std::vector<Ref> lost;
    for (const Ref ref : all) {
      reach(ref, id, sizeof(RecoveryRecord), "recovery");
      if (arena_.at<RecoveryRecord>(ref)->connection.ref == 0) lost.push_back(ref);
    }
    expectSame(lost, list(shard.lost, &RecoveryRecord::inQueue, "queue of lost connections"),
               "lost connections and their queue");
    expect(shard.lostCount == lost.size(), "lost connections counted", n(shard.lostCount), "are", n(lost.size()));
    expect(shard.recoveries.load() == all.size(), "recoveries counted", n(shard.recoveries.load()), "are",
           n(all.size()));
  }

  void checkPages() {
    const PageHeap& heap = zone_.header().heap;
    std::map<ShardId, std::uint32_t> pagesOf;
    std::uint32_t free = 0;
    std::uint64_t used = 0;
    for (memory::PageIndex page = 1; page <= heap.total(); ++page) {
      const memory::PageDescriptor& d = heap.descriptor(arena_, page);
      if (d.state == memory::PageState::kFree) ++free;
      expect(d.state != memory::PageState::kTaken, "page", n(page), "was taken and belongs to nobody");
      if (d.state != memory::PageState::kInUse) continue;
      expect(d.used.count() != 0, "page", n(page), "is empty and was not given back");
      used += d.used.count();
      ++pagesOf[d.owner];
    }
    found_.usedPages = heap.total() - free;
    expect(heap.freePages() == free, "free pages counted", n(heap.freePages()), "are", n(free));
    if (used > reached_.size()) found_.leakedObjects = static_cast<std::uint32_t>(used - reached_.size());
    for (std::uint32_t i = 0; i < zone_.shards(); ++i) {
      checkRoomy(zone_.sessionShard(i).header, pagesOf);
      checkRoomy(zone_.connectionShard(i).header, pagesOf);
    }
  }

  // The lists of pages with room hold exactly the shard's pages that are not full.
  void checkRoomy(const ShardHeader& shard, std::map<ShardId, std::uint32_t>& pagesOf) {
    const PageHeap& heap = zone_.header().heap;
    expect(shard.lists.pages == pagesOf[shard.id], "pages of shard", n(shard.id), "counted", n(shard.lists.pages),
           "are", n(pagesOf[shard.id]));
    std::set<memory::PageIndex> listed;
    for (std::size_t c = 0; c < memory::kSizeClasses.size(); ++c) {
      memory::PageIndex previous = 0;
      for (memory::PageIndex page = shard.lists.roomy[c]; page != 0; page = heap.descriptor(arena_, page).next) {
        const memory::PageDescriptor& d = heap.descriptor(arena_, page);
        if (!listed.insert(page).second) return expect(false, "list of pages with room is a circle");
        expect(d.state == memory::PageState::kInUse && d.owner == shard.id && d.sizeClass == c,
               "foreign page in a list of room");
        expect(d.previous == previous, "list of pages with room differs backward");
        expect(!isFull(d), "full page in a list of room");
        previous = page;
      }
    }
    for (memory::PageIndex page = 1; page <= heap.total(); ++page) {
      const memory::PageDescriptor& d = heap.descriptor(arena_, page);
      if (d.state != memory::PageState::kInUse || d.owner != shard.id) continue;
      expect(listed.contains(page) != isFull(d), "page", n(page), "has room and is not listed, or the reverse");
    }
  }
  static bool isFull(const memory::PageDescriptor& d) { return d.used.count() == kPageSize / memory::kSizeClasses[d.sizeClass]; }

  void expectSame(std::vector<Ref> a, std::vector<Ref> b, const char* what) {
    std::sort(a.begin(), a.end());
    std::sort(b.begin(), b.end());
    expect(a == b, what, "differ:", n(a.size()), "and", n(b.size()));
  }
  static constexpr std::size_t kEndless = 1'000'000;

  Zone zone_;
  const Arena& arena_;
  Findings found_;
  std::set<Ref> reached_;
};

inline Findings checkInvariants(const Zone& zone) {
  return InvariantCheck(zone).run();
}

}  // namespace mediasync::store::test

// Says what is wrong when something is.
#define REQUIRE_INVARIANTS(zone)                                         \
  do {                                                                   \
    const auto findings = mediasync::store::test::checkInvariants(zone); \
    INFO(findings.text());                                               \
    REQUIRE(findings.ok());                                              \
  } while (false)
