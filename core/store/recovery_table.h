// What clients come back to after they have lost their connection, found by their private id (`pid`).
//
// Locks a connection shard: never to be used while another connection shard is locked.
#pragma once

#include "core/store/records.h"
#include "core/store/zone.h"

namespace mediasync::store {

// One recovery during one change. Holds the lock of its shard for as long as it lives; rolls back unless committed.
class RecoveryTransaction {
 public:
  // By pid: where it must be, if it is there.
  RecoveryTransaction(const Zone&, const RandomId& pid);
  RecoveryTransaction(const Zone&, std::uint32_t shard);

  // Makes it the current one.
  bool find(const RandomId& pid);
  // The one that was lost first.
  bool findOldestLost();

  // Makes a new one for the connection, which is of that realm. Throws OutOfSpace.
  void create(const RandomId& pid, const RandomId& socketId, const ConnectionRef&, const Realm& = {});
  const RecoveryRecord& record() const { return *record_; }
  bool isLost() const { return record_->connection.ref == 0; }
  bool belongsTo(const ConnectionRef&) const;

  // Its connection is lost. It may push out the one that was lost first: all lost ones together have a bounded share of
  // the zone.
  void lose(const LostSeat&, Instant now);
  // A connection has come for it, to the seat that the client had.
  void claim(const ConnectionRef&, const LostSeat&);
  void remove();
  // Memory is out: those that were lost first go, as many as a page holds. False when there is none.
  bool evict();

  void commit() { txn_.commit(); }

  // Calls fn(const RecoveryRecord&) for every one of the shard.
  template <class Fn>
  void forEach(Fn fn) const {
    const Ref* buckets = zone_.arena().at<Ref>(shard_.recoveryBuckets);
    for (std::uint32_t i = 0; i <= shard_.recoveryMask; ++i) {
      for (Ref ref = buckets[i]; ref != 0; ref = zone_.arena().at<RecoveryRecord>(ref)->hashNext)
        fn(*zone_.arena().at<RecoveryRecord>(ref));
    }
  }

 private:
  const Ref& bucket(const RandomId& pid) const;
  bool use(Ref ref);
  void leaveQueue();
  bool dropOldest();

  Zone zone_;
  ConnectionShard& shard_;
  Transaction txn_;
  const RecoveryRecord* record_ = nullptr;
  Ref recordRef_ = 0;
};

}  // namespace mediasync::store
