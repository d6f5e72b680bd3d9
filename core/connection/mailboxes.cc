#include "core/connection/mailboxes.h"

#include <utility>

#include "core/connection/links.h"
#include "core/connection/reload.h"
#include "core/delivery/poll_answers.h"
#include "core/delivery/rooms.h"
#include "core/delivery/snapshots.h"
#include "core/delivery/socket_writer.h"
#include "core/store/session_feed.h"
#include "core/websocket/frame.h"

namespace mediasync::server {

using store::ConnectionTransaction;
using store::EndReason;

Mailboxes::Mailboxes(Context& context, Links& links, PollAnswers& pollAnswers, Reload& reload, Rooms& rooms,
                     Snapshots& snapshots, SocketWriter& writer)
    : Part(context),
      links_(links),
      pollAnswers_(pollAnswers),
      reload_(reload),
      rooms_(rooms),
      snapshots_(snapshots),
      writer_(writer) {}

// Items that waited for the next poll go over the WebSocket instead: before the events of the session, or after them.
void Mailboxes::sendFirst(Link& link, const std::vector<store::WaitingItem>& items) {
  for (const auto& item : items) {
    if (item.kind == store::ItemKind::kRecovered) writer_.send(link, item.text);
  }
}

void Mailboxes::sendItems(Link& link, const std::vector<store::WaitingItem>& items) {
  for (const auto& item : items) {
    if (item.kind == store::ItemKind::kPacket) writer_.send(link, item.text);
    if (item.kind == store::ItemKind::kBinary) writer_.sendBinary(link, item.text);
    if (store::isSnapshot(item.kind)) snapshots_.sendSnapshot(link, item.kind);
  }
}

// Sends the items that stayed in the record while the socket took nothing.
void Mailboxes::fetchItems(Link& link) {
  std::vector<store::WaitingItem> items;
  {
    ConnectionTransaction txn(zone_, link.connection.shard);
    if (!txn.open(link.connection) || txn.record().owner != id_) return;
    items = takeNews(link, txn);
  }
  sendFirst(link, items);
  sendItems(link, items);
}

void Mailboxes::takeSessionMail() {
  const auto roomOf = [this](std::uint64_t session) { return rooms_.find(session); };
  store::takeSessionMail(zone_, id_.slot, wake_, roomOf, [this](Room& room) { rooms_.announce(room); });
}

void Mailboxes::takeConnectionMail() {
  store::takeConnectionMail(zone_, zone_.worker(id_.slot), [this](store::QueuedConnection mail) { openMail(mail); });
}

// Another worker, or this one in another role, did something to a connection that this worker owns or has owned.
void Mailboxes::openMail(store::QueuedConnection mail) {
  Link* link = links_.linkOf(mail.ref);
  bool moved = false;
  bool isDeclined = false;
  store::Closing closing = store::Closing::kNo;
  EndReason ending{};
  std::vector<store::WaitingItem> items;
  {
    ConnectionTransaction txn(zone_, mail);
    const store::ConnectionRecord& record = txn.record();
    if (link != nullptr && link->connection.serial != record.serial) link = nullptr;
    if (record.dead) {
      txn.destroy();
      txn.commit();
      if (link != nullptr) links_.letGo(*link);
      return;
    }
    moved = record.owner != id_;
    // It can be in one mailbox at a time: news for the present owner may have found it in this one.
    if (moved && record.owner.slot != id_.slot) txn.notifyOwner(wake_);
    if (link == nullptr) return;
    if (moved && link->transport == store::Transport::kPolling) {
      txn.addToAccount(std::exchange(link->traffic, {}));
      txn.commit();
    }
    isDeclined = !moved && link->ticket != 0;
    if (isDeclined && record.handover == link->ticket) return;  // on its way: whoever gets it looks at the rest
    closing = record.closing;
    ending = record.ending;
    if (!moved && !isDeclined) items = takeNews(*link, txn);
  }
  if (moved) {
    links_.letGo(*link);
  } else if (isDeclined) {
    reload_.declined(*link);
  } else if (closing == store::Closing::kByClient && link->socket == nullptr) {
    links_.closedByClient(*link);
  } else if (closing != store::Closing::kNo) {
    links_.closeLink(*link, {ending});
  } else if (link->poll != nullptr) {
    pollAnswers_.answerPoll(*link);
  } else if (link->socket != nullptr) {
    sendFirst(*link, items);
    rooms_.catchUp(*link);
    sendItems(*link, items);
  }
}

// Brings the link level with its record, and returns the items to send.
std::vector<store::WaitingItem> Mailboxes::takeNews(Link& link, ConnectionTransaction& txn) {
  const store::ConnectionRecord& record = txn.record();
  if (record.closing == store::Closing::kNo) links_.syncSeat(link, record);
  if (record.overrun && link.socket != nullptr) doom(context_, link);  // something that it was to be sent is missing
  if (link.socket == nullptr || link.doomed) return {};
  // From a POST that was still at work when the connection was upgraded.
  if (record.awaitingSnapshot) link.awaitsSnapshot = true;
  txn.endAwaitingSnapshot();
  std::vector<store::WaitingItem> items;
  // One that reads slowly is sent no more than what waits in the process already: who sends is told in time.
  link.itemsLeft =
      record.items.first != 0 && link.full && link.out.size() > store::ConnectionTransaction::kMaxItemBytes;
  if (record.items.first != 0 && !link.itemsLeft) items = txn.takeItems();
  txn.commit();
  return items;
}

}  // namespace mediasync::server
