// Recoveries of lost connections, found by their private id (`pid`).
//
// Locks a connection shard: never use it while another connection shard is locked.
#pragma once

#include "core/store/records.h"
#include "core/store/zone.h"

namespace mediasync::store {

// One recovery during one change. Holds the lock of its shard during its lifetime; rolls back unless committed.
class RecoveryTransaction {
 public:
  // Locks the shard of the pid.
  RecoveryTransaction(const Zone&, const RandomId& pid);
  RecoveryTransaction(const Zone&, std::uint32_t shard);

  // Makes it current.
  bool find(const RandomId& pid);
  // Makes the oldest lost one current.
  bool findOldestLost();

  // Creates a recovery for the connection, which belongs to that realm. Throws OutOfSpace.
  void create(const RandomId& pid, const RandomId& socketId, const ConnectionRef&, const Realm& = {});
  const RecoveryRecord& record() const { return *record_; }
  bool isLost() const { return record_->connection.ref == 0; }
  bool belongsTo(const ConnectionRef&) const;

  // Its connection is lost. May drop the oldest lost one: all lost ones together have a bounded share of the zone.
  void lose(const LostSeat&, Instant now);
  // A connection claims it, with the client's former seat.
  void claim(const ConnectionRef&, const LostSeat&);
  void remove();
  // Memory is out: drops the oldest lost ones, as many as a page holds. Returns false if there is none.
  bool evict();

  void commit() { txn_.commit(); }

  // Calls fn(const RecoveryRecord&) for every recovery of the shard.
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
