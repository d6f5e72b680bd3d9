#include "core/store/recovery_table.h"

#include "core/memory/linked.h"
#include "core/store/random_id.h"

namespace mediasync::store {
namespace {

// The share of a zone that all lost connections may take: an eighth.
constexpr std::uint32_t kShare = 8;
// Lost ones that make way for a new connection when memory is out: a page has room for so many at the most.
constexpr int kEvictions = 64;

std::uint32_t mostLost(const Zone& zone) {
  const std::uint64_t bytes = std::uint64_t{zone.header().heap.total()} * kPageSize / kShare;
  return static_cast<std::uint32_t>(bytes / sizeof(RecoveryRecord) / zone.shards());
}

}  // namespace

RecoveryTransaction::RecoveryTransaction(const Zone& zone, const RandomId& pid)
    : RecoveryTransaction(zone, shardOf(zone, pid)) {}

RecoveryTransaction::RecoveryTransaction(const Zone& zone, std::uint32_t shard)
    : zone_(zone), shard_(zone_.connectionShard(shard)), txn_(zone_.region(), shard_.header) {}

const Ref& RecoveryTransaction::bucket(const RandomId& pid) const {
  return zone_.arena().at<Ref>(shard_.recoveryBuckets)[hashOf(pid) & shard_.recoveryMask];
}

bool RecoveryTransaction::use(Ref ref) {
  if (ref == 0) return false;
  record_ = zone_.arena().at<RecoveryRecord>(ref);
  recordRef_ = ref;
  return true;
}

bool RecoveryTransaction::find(const RandomId& pid) {
  Ref ref = bucket(pid);
  while (ref != 0 && zone_.arena().at<RecoveryRecord>(ref)->pid != pid)
    ref = zone_.arena().at<RecoveryRecord>(ref)->hashNext;
  return use(ref);
}

bool RecoveryTransaction::findOldestLost() {
  return use(shard_.lost.first);
}

void RecoveryTransaction::create(const RandomId& pid, const RandomId& socketId, const ConnectionRef& connection,
                                 const Realm& realm) {
  auto& record = txn_.create<RecoveryRecord>();
  use(zone_.arena().refOf(&record));
  record.pid = pid;
  record.socketId = socketId;
  record.connection = connection;
  record.application = realm.application;
  record.identity = realm.identity;
  chain<RecoveryRecord>(txn_, bucket(pid), recordRef_);
  bump(txn_, shard_.recoveries, 1);
}

bool RecoveryTransaction::belongsTo(const ConnectionRef& connection) const {
  const ConnectionRef& own = record_->connection;
  return own.ref == connection.ref && own.serial == connection.serial && own.shard == connection.shard;
}

void RecoveryTransaction::lose(const LostSeat& seat, Instant now) {
  const Ref ref = recordRef_;
  if (shard_.lostCount >= mostLost(zone_)) dropOldest();
  use(ref);
  RecoveryRecord& record = txn_.edit(*record_);
  record.connection = {};
  record.lostAt = now.mono;
  record.saved = false;
  record.seat = seat;
  pushBack(txn_, shard_.lost, &RecoveryRecord::inQueue, ref);
  ++txn_.edit(shard_.lostCount);
}

void RecoveryTransaction::leaveQueue() {
  if (!isLost()) return;
  unlink(txn_, shard_.lost, &RecoveryRecord::inQueue, recordRef_);
  --txn_.edit(shard_.lostCount);
}

void RecoveryTransaction::claim(const ConnectionRef& connection, const LostSeat& seat) {
  leaveQueue();
  RecoveryRecord& record = txn_.edit(*record_);
  record.connection = connection;
  record.seat = seat;
}

void RecoveryTransaction::remove() {
  leaveQueue();
  unchain<RecoveryRecord>(txn_, bucket(record_->pid), recordRef_);
  bump(txn_, shard_.recoveries, -1);
  txn_.release(recordRef_);
}

bool RecoveryTransaction::evict() {
  int dropped = 0;
  while (dropped < kEvictions && dropOldest())
    ++dropped;
  return dropped > 0;
}

bool RecoveryTransaction::dropOldest() {
  if (!findOldestLost()) return false;
  remove();
  return true;
}

}  // namespace mediasync::store
