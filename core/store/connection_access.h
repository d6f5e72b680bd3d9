// Access to one connection at a time of a locked shard: finding it, reading it, and notifying its owner.
//
// Locks: a connection's shard before a session's shard, never the other way round, never two of a kind.
#pragma once

#include <optional>

#include "core/memory/mailbox.h"
#include "core/store/random_id.h"
#include "core/store/records.h"
#include "core/store/zone.h"

namespace mediasync::store {

// A record that was taken from a mailbox, see takeConnectionMail().
struct QueuedConnection {
  Ref ref;
};

// Holds the lock of the shard during its lifetime; rolls changes back unless committed.
class ConnectionAccess {
 public:
  // Locks the shard of the sid.
  ConnectionAccess(const Zone&, const RandomId& sid);
  ConnectionAccess(const Zone&, std::uint32_t shard);
  // Locks the shard of a record from a mailbox and makes the record current. Later news queue it again.
  ConnectionAccess(const Zone&, QueuedConnection);

  // Each makes the connection current; false if it does not exist (any more).
  bool find(const RandomId& sid);
  bool open(const ConnectionRef&);
  // The same, including a connection that is dead but still in a mailbox.
  bool openEvenDead(const ConnectionRef&);
  // A record from a mailbox, which pins it: it always exists.
  void openQueued(Ref ref);

  const ConnectionRecord& record() const { return *record_; }
  // True if no connection is current.
  bool isNone() const { return record_ == nullptr; }
  ConnectionRef ref() const;
  bool isConnectedSomewhere() const { return record_->namespaceConnected || record_->namespaces != 0; }

  // Calls fn(const ConnectionRef&, const ConnectionRecord&) for every connection of the shard, including dead ones.
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

  // Has the commit notify the owner. Most transitions call it themselves.
  void tellOwner() { tellsOwner_ = true; }
  // Makes the changes final, and notifies the worker that a transition chose: the owner, or the former owner. Adds that
  // worker to `wake`.
  void commit(WakeSet& wake);
  // The same for the owner's own changes, which need no notification.
  void commit() { txn_.commit(); }

  // Notifies the owner at once, whether there are news or not.
  void notifyOwner(WakeSet& wake) { notify(record_->owner.slot, wake); }
  // Notifies that worker, which is or was the owner.
  void notify(std::uint16_t slot, WakeSet& wake);
  // After a repair: a process may have died between marking the record as queued and queueing it. Clears the mark of a
  // record that should be in the mailbox of `slot` and is not.
  void mendQueued(std::uint16_t slot);
  // The owner opens the mail about the connection: later news queue it again.
  void clearQueued();

 protected:
  // A writable reference whose bytes are noted in the undo log: edit(record().field) = value.
  template <class T>
  T& edit(const T& field) {
    return txn_.edit(field);
  }
  const Ref& bucket(const RandomId& sid) const;
  // Has the commit notify the present owner, which is about to change.
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

// Takes the whole mailbox of connections of a worker: calls fn(QueuedConnection) for each. If fn throws, the remaining
// ones are still handled, and the exception is rethrown at the end.
template <class Fn>
void takeConnectionMail(const Zone& zone, WorkerEntry& worker, Fn fn) {
  memory::takeMail<ConnectionRecord>(zone.arena(), worker.connectionMail,
                                     [&fn](Ref ref) { fn(QueuedConnection{ref}); });
}

}  // namespace mediasync::store
