// One connection at a time of a shard that is locked: it is found, it is read, and its owner hears of news.
//
// Locks: a connection's shard before a session's shard, never the other way round, never two of a kind.
#pragma once

#include <optional>

#include "core/memory/mailbox.h"
#include "core/store/random_id.h"
#include "core/store/records.h"
#include "core/store/zone.h"

namespace mediasync::store {

// A record that was taken out of a mailbox, see takeConnectionMail().
struct QueuedConnection {
  Ref ref;
};

// Holds the lock of the shard for as long as it lives; what has been changed is rolled back unless committed.
class ConnectionAccess {
 public:
  // By sid: where it must be, if it is there.
  ConnectionAccess(const Zone&, const RandomId& sid);
  ConnectionAccess(const Zone&, std::uint32_t shard);
  // Makes a record from a mailbox the current one. Later news queue it again.
  ConnectionAccess(const Zone&, QueuedConnection);

  // Each makes the connection the current one; false when there is no such connection (any more).
  bool find(const RandomId& sid);
  bool open(const ConnectionRef&);
  // Also one that is dead but still in a mailbox.
  bool openEvenDead(const ConnectionRef&);
  // A record from a mailbox, which pins it: always there.
  void openQueued(Ref ref);

  const ConnectionRecord& record() const { return *record_; }
  // Nothing has been made the current one.
  bool isNone() const { return record_ == nullptr; }
  ConnectionRef ref() const;
  bool isConnectedSomewhere() const { return record_->namespaceConnected || record_->namespaces != 0; }

  // Calls fn(const ConnectionRef&, const ConnectionRecord&) for every connection of the shard, the dead included.
  template <class Fn>
  void forEach(Fn fn) const {
    const Ref* buckets = zone_.arena().at<Ref>(shard_.buckets);
    for (std::uint32_t i = 0; i <= shard_.bucketMask; ++i) {
      for (Ref ref = buckets[i]; ref != 0;) {
        const auto& record = *zone_.arena().at<ConnectionRecord>(ref);
        fn(ConnectionRef{ref, record.serial, record.shard}, record);
        ref = record.hashNext;
      }
    }
  }

  // The owner is told of this change when it is committed. Most transitions ask for that themselves.
  void tellOwner() { tellsOwner_ = true; }
  // Makes the changes final, and has the worker look at the connection that a transition named: its owner, or the one
  // that was its owner until now. That worker is added to `wake`.
  void commit(WakeSet& wake);
  // The same for changes that the owner makes, of which nobody need be told.
  void commit() { txn_.commit(); }

  // At once: has the owner look at the connection, whether it has news or not.
  void notifyOwner(WakeSet& wake) { notify(record_->owner.slot, wake); }
  // Has that worker look at it, which is or was its owner.
  void notify(std::uint16_t slot, WakeSet& wake);
  // After a repair: a process may have died between marking the record as queued and queueing it. Clears the mark of
  // one that is said to be in the mailbox of `slot`, and is not.
  void mendQueued(std::uint16_t slot);
  // The mail about it is being opened: later news queue it again.
  void clearQueued();

 protected:
  // Writable, noted: edit(record().field) = value.
  template <class T>
  T& edit(const T& field) {
    return txn_.edit(field);
  }
  const Ref& bucket(const RandomId& sid) const;
  // The owner until now is told with the commit.
  void tellFormerOwner() { formerOwner_ = record_->owner.slot; }

  Zone zone_;
  ConnectionShard& shard_;
  Transaction txn_;
  const ConnectionRecord* record_ = nullptr;
  Ref recordRef_ = 0;

 private:
  std::optional<std::uint16_t> formerOwner_;
  bool tellsOwner_ = false;
};

// Takes all that is in a worker's mailbox of connections: calls fn(QueuedConnection) for each. What fn throws is thrown
// when all have had their turn.
template <class Fn>
void takeConnectionMail(const Zone& zone, WorkerEntry& worker, Fn fn) {
  memory::takeMail<ConnectionRecord>(zone.arena(), worker.connectionMail,
                                     [&fn](Ref ref) { fn(QueuedConnection{ref}); });
}

}  // namespace mediasync::store
