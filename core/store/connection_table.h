// The Engine.IO connections of the zone. Any worker may look one up by its sid; one worker owns it.
//
// Locks: a connection's shard before a session's shard, never the other way round, never two of a kind.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/store/records.h"
#include "core/store/zone.h"

namespace mediasync::store {

// Text form of an id: 22 characters of the URL-safe base64 alphabet.
std::string idText(const RandomId&);
std::optional<RandomId> parseId(std::string_view text);

// What waited to be sent.
struct WaitingItem {
  ItemKind kind;
  std::string text;
};

// One connection during one change. Holds the lock of its shard for as long as it lives; rolls back unless committed.
class ConnectionTransaction {
 public:
  // Bytes that may wait to be sent to one connection between two polls.
  static constexpr std::uint32_t kMaxItemBytes = 64 * 1024;
  // What a snapshot counts for among them, as it becomes large when it is sent.
  static constexpr std::uint32_t kSnapshotBytes = 8 * 1024;
  // And so many items; and pieces of a binary packet that is coming in. Each may lie on a page of its own, and dropping
  // them must fit one transaction.
  static constexpr std::uint32_t kMaxItems = 128;
  static constexpr std::uint32_t kMaxParts = 48;
  // Bytes of what a client may say about itself with CONNECT.
  static constexpr std::uint32_t kMaxAuthBytes = 8 * 1024;
  static constexpr std::uint32_t kMaxNamespaces = 8;

  // By sid: where it must be, if it is there.
  ConnectionTransaction(const Zone&, const RandomId& sid);
  ConnectionTransaction(const Zone&, std::uint32_t shard);

  // Each makes the connection the current one; false when there is no such connection (any more).
  bool find(const RandomId& sid);
  bool open(const ConnectionRef&);
  // Also one that is dead but still in a mailbox.
  bool openEvenDead(const ConnectionRef&);
  // A record from a mailbox, which pins it: always there.
  void openQueued(Ref ref);

  // Makes a new connection the current one. Throws OutOfSpace.
  void create(const RandomId& sid, WorkerId owner, Transport, Instant now);
  // It goes on with this transport and revision.
  void become(Transport, std::uint8_t revision);
  // Removes the current one; what waited to be sent is dropped.
  void destroy();

  const ConnectionRecord& record() const { return *record_; }
  // Nothing has been made the current one.
  bool isNone() const { return record_ == nullptr; }
  ConnectionRef ref() const;
  // Writable, noted. For one field: txn.edit(txn.record().field) = value.
  template <class T>
  T& edit(const T& field) {
    return txn_.edit(field);
  }

  // Adds something to send. Beyond kMaxItemBytes, or when memory is out, the connection is marked `overrun` instead,
  // and its owner closes it.
  void push(ItemKind, std::string_view text);
  // The same for what need not be sent: it leaves some room, and false is returned instead of that mark. The
  // transaction must not be committed then.
  bool tryPush(ItemKind, std::string_view text);
  // What is left of the zone is for newcomers, for what members say of themselves, and for replies.
  bool isMemoryScarce() const;
  // So much waits already that the client should first collect it.
  bool isBacklogged() const { return record_->items.bytes > kMaxItemBytes / 2 || record_->items.count > kMaxItems / 2; }
  // Takes everything that waited.
  std::vector<WaitingItem> takeItems();

  // A binary packet that comes in pieces. False, with the piece not kept, when it would be too much.
  bool keepPart(ItemKind, std::string_view bytes);
  std::vector<WaitingItem> takeParts();

  // The account of the current one, for the log of `location`. Throws OutOfSpace. Null: it has none.
  void openAccount(std::uint64_t location, const Address&, Instant now);
  const AccountRecord* account() const;
  void addToAccount(const Traffic&);
  // It has no seat any more; its account keeps where that was. `userSerial` 0: the user has left.
  void endSeat(std::uint64_t userSerial = 0);

  // What came with CONNECT, at most kMaxAuthBytes. Throws OutOfSpace.
  void keepAuth(std::string_view json);
  std::string auth() const;

  // Namespaces other than "/". Adding throws OutOfSpace; false when there are too many.
  bool addNamespace(std::string_view name, const RandomId& socketId);
  bool hasNamespace(std::string_view name) const;
  bool removeNamespace(std::string_view name);
  // Acknowledgements asked of the client in a namespace that it is connected to: the id of a new one; whether that one
  // is awaited, which it then is no longer.
  std::uint32_t askAck(std::string_view nsp);
  bool takeAck(std::string_view nsp, std::uint64_t id);
  // Where the client can come back to has changed: the state file is to be told.
  void noteUnsaved();
  // The record no longer says that session_joined has to be sent.
  void endAwaitingSnapshot();
  // No WebSocket is there any more to upgrade the connection.
  void endProbe();
  bool isConnectedSomewhere() const { return record_->namespaceConnected || record_->namespaces != 0; }

  void commit() { txn_.commit(); }
  // After the commit: lets the owner know.
  void notifyOwner(WakeSet& wake) { notify(record_->owner.slot, wake); }
  // The same for a worker that was the owner until now.
  void notify(std::uint16_t slot, WakeSet& wake);
  // After a repair: a process may have died between marking the record as queued and queueing it in the owner's list.
  void mendQueued(const std::atomic<Ref>& list);
  // After takeMail: later news queue it again.
  void clearQueued();

  // Calls fn(Ref) for every connection of the shard; fn may edit but not destroy.
  template <class Fn>
  void forEach(Fn fn) const {
    const Ref* buckets = zone_.arena().at<Ref>(shard_.buckets);
    for (std::uint32_t i = 0; i <= shard_.bucketMask; ++i) {
      for (Ref ref = buckets[i]; ref != 0; ref = zone_.arena().at<ConnectionRecord>(ref)->hashNext)
        fn(ref);
    }
  }

 private:
  const Ref& bucket(const RandomId& sid) const;
  static constexpr std::uint32_t kOpenAcks = 64;
  const AcksAsked* acksOf(std::string_view nsp) const;
  struct Limit {
    std::size_t bytes;  // items' headers included
    std::size_t items;
  };
  bool append(const ItemChain&, const Limit&, ItemKind, std::string_view text);
  bool appendOne(const ItemChain&, ItemKind, std::string_view text, bool continues);
  std::vector<WaitingItem> contents(const ItemChain&) const;
  void drop(const ItemChain&);

  Zone zone_;
  ConnectionShard& shard_;
  Transaction txn_;
  const ConnectionRecord* record_ = nullptr;
  Ref recordRef_ = 0;
};

}  // namespace mediasync::store
