#include "core/worker/recheck.h"

#include "core/connection/links.h"
#include "core/connection/sockets.h"
#include "core/connection/waiting_line.h"
#include "core/delivery/rooms.h"
#include "core/worker/reaper.h"

namespace mediasync::server {

using store::ConnectionTransaction;
using store::Ref;
using store::SessionTransaction;

Recheck::Recheck(Context& context, Links& links, Reaper& reaper, Rooms& rooms, Sockets& sockets, WaitingLine& waiting)
    : Part(context), links_(links), reaper_(reaper), rooms_(rooms), sockets_(sockets), waiting_(waiting) {}

void Recheck::lookAfterUnwatched() {
  std::vector<std::uint64_t> sessions;
  for (const auto& [serial, room] : rooms_.all()) {
    if (!room->watched) sessions.push_back(serial);
  }
  for (const std::uint64_t session : sessions) {
    Room* room = rooms_.find(session);
    if (room == nullptr) continue;
    rooms_.watch(*room);
    rooms_.deliver(*room);
  }
}

// WebSockets that were to upgrade a connection which is gone by now.
void Recheck::lookAfterProbes() {
  const std::vector<Channel*> probing = waiting_.pending().probing;
  for (Channel* channel : probing) {
    bool alive = false;
    {
      ConnectionTransaction txn(zone_, channel->sid);
      alive = txn.find(channel->sid) && txn.record().closing == store::Closing::kNo;
    }
    if (!alive) sockets_.failChannel(*channel, {store::EndReason::kTransportClose});
  }
}

// After a repair: whoever made news may have died before telling.
void Recheck::recheckRooms() {
  reaper_.dropIdleWatchers();
  std::vector<std::uint64_t> sessions;
  for (const auto& [serial, room] : rooms_.all()) {
    SessionTransaction txn(zone_, room->shard);
    if (txn.open(room->session, room->serial)) txn.mendWatcher(id_);
    sessions.push_back(serial);
  }
  for (const std::uint64_t session : sessions) {
    if (Room* room = rooms_.find(session)) rooms_.deliver(*room);
  }
  std::vector<Ref> connections;
  for (const auto& [ref, link] : links_.all())
    connections.push_back(ref);
  for (const Ref ref : connections)
    recheckLink(ref);
  for (std::uint32_t shard = 0; shard < zone_.shards(); ++shard)
    recheckConnections(shard);
}

// Looks for connections that are this worker's business although it has no link for them.
void Recheck::recheckConnections(std::uint32_t shard) {
  std::vector<store::ConnectionRef> found;
  {
    ConnectionTransaction txn(zone_, shard);
    txn.forEach([&](const store::ConnectionRef& ref, const store::ConnectionRecord& record) {
      const bool unopened = record.mailSlot == id_.slot && record.queued.load() != 0;
      const bool unattended = record.owner == id_ && record.transport == store::Transport::kPolling;
      if (links_.linkOf(ref.ref) == nullptr && (unopened || unattended)) found.push_back(ref);
    });
  }
  for (const store::ConnectionRef& connection : found) {
    ConnectionTransaction txn(zone_, shard);
    if (!txn.openEvenDead(connection)) continue;
    const store::ConnectionRecord& record = txn.record();
    txn.mendQueued(id_.slot);
    if (record.dead && record.queued.load() == 0) {
      txn.destroy();
      txn.commit();
    } else if (!record.dead) {
      if (record.owner == id_ && links_.linkOf(connection) == nullptr) reaper_.lookAfter(txn, env_.now());
      txn.notifyOwner(wake_);
    }
  }
}

void Recheck::recheckLink(Ref ref) {
  Link* link = links_.linkOf(ref);
  if (link == nullptr) return;
  {
    ConnectionTransaction txn(zone_, link->connection.shard);
    if (!txn.open(link->connection)) return links_.letGo(*link);
    // Only this worker's own list can be searched: one that is in another's must not be put into a second.
    txn.mendQueued(id_.slot);
    txn.notify(id_.slot, wake_);  // looked at as if there were news
  }
}

}  // namespace mediasync::server
