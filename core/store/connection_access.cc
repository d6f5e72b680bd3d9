#include "core/store/connection_access.h"

namespace mediasync::store {

ConnectionAccess::ConnectionAccess(const Zone& zone, const RandomId& sid)
    : ConnectionAccess(zone, shardOf(zone, sid)) {}

ConnectionAccess::ConnectionAccess(const Zone& zone, std::uint32_t shard)
    : zone_(zone), shard_(zone_.connectionShard(shard)), txn_(zone_.region(), shard_.header) {}

ConnectionAccess::ConnectionAccess(const Zone& zone, QueuedConnection queued)
    : ConnectionAccess(zone, std::uint32_t{zone.arena().at<ConnectionRecord>(queued.ref)->shard}) {
  openQueued(queued.ref);
  clearQueued();
}

const Ref& ConnectionAccess::bucket(const RandomId& sid) const {
  return zone_.arena().at<Ref>(shard_.buckets)[hashOf(sid) & shard_.bucketMask];
}

bool ConnectionAccess::find(const RandomId& sid) {
  for (Ref ref = bucket(sid); ref != 0;) {
    const auto* record = zone_.arena().at<ConnectionRecord>(ref);
    if (record->sid == sid) {
      record_ = record;
      recordRef_ = ref;
      return !record->dead;
    }
    ref = record->hashNext;
  }
  return false;
}

bool ConnectionAccess::open(const ConnectionRef& ref) {
  return openEvenDead(ref) && !record_->dead;
}

bool ConnectionAccess::openEvenDead(const ConnectionRef& ref) {
  if (ref.ref == 0) return false;
  const auto* record = zone_.arena().at<ConnectionRecord>(ref.ref);
  if (!isObject<ConnectionRecord>(zone_.region(), shard_.header, ref.ref) || record->serial != ref.serial) return false;
  record_ = record;
  recordRef_ = ref.ref;
  return true;
}

void ConnectionAccess::openQueued(Ref ref) {
  record_ = zone_.arena().at<ConnectionRecord>(ref);
  recordRef_ = ref;
}

ConnectionRef ConnectionAccess::ref() const {
  return {recordRef_, record_->serial, static_cast<std::uint16_t>(&shard_ - &zone_.connectionShard(0))};
}

void ConnectionAccess::commit(WakeSet& wake) {
  txn_.commit();
  if (formerOwner_) notify(*formerOwner_, wake);
  if (tellsOwner_) notifyOwner(wake);
  formerOwner_.reset();
  tellsOwner_ = false;
}

void ConnectionAccess::notify(std::uint16_t slot, WakeSet& wake) {
  auto* record = const_cast<ConnectionRecord*>(record_);
  if (record->queued.load(std::memory_order_acquire) == 0) {
    record->mailSlot = slot;  // first: whoever sees to a dead worker must know whose list it is in
    faultPoint();
    memory::postMail<ConnectionRecord>(zone_.arena(), zone_.worker(slot).connectionMail, recordRef_);
  }
  wake.set(slot);
}

void ConnectionAccess::mendQueued(std::uint16_t slot) {
  if (record_->mailSlot != slot) return;
  memory::mendMail<ConnectionRecord>(zone_.arena(), zone_.worker(slot).connectionMail, recordRef_);
}

void ConnectionAccess::clearQueued() {
  const_cast<ConnectionRecord*>(record_)->queued.store(0, std::memory_order_release);
  faultPoint();
}

}  // namespace mediasync::store
