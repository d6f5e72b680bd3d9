#include "core/store/connection_table.h"

#include "core/store/reserve.h"

namespace mediasync::store {
namespace {

constexpr std::uint8_t kOldRevision = 3;

}  // namespace

std::atomic<std::uint32_t>& ConnectionTransaction::kindCount() {
  return shard_.kinds[kindOf(record_->transport, record_->revision == kOldRevision)];
}

void ConnectionTransaction::create(const RandomId& sid, WorkerId owner, Transport transport, Instant now) {
  const PageHeap& heap = zone_.header().heap;
  if (heap.freePages() <= pagesForReplies(heap.total())) throw OutOfSpace();
  auto& record = txn_.create<ConnectionRecord>();
  record_ = &record;
  recordRef_ = zone_.arena().refOf(&record);
  record.serial = txn_.newSerial();
  record.sid = sid;
  record.owner = owner;
  record.transport = transport;
  record.shard = ref().shard;
  record.lastHeard = now.mono;
  chain<ConnectionRecord>(txn_, bucket(sid), recordRef_);
  bump(txn_, shard_.connections, 1);
  bump(txn_, kindCount(), 1);
}

void ConnectionTransaction::shakeHands(const Handshake& handshake) {
  become(record_->transport, handshake.revision);
  ConnectionRecord& record = edit(*record_);
  record.base64 = handshake.base64;
  record.realm = handshake.realm;
  if (handshake.secret) record.secret = *handshake.secret;
  record.client = handshake.client;
  record.pingInterval = handshake.pingInterval;
  record.pingTimeout = handshake.pingTimeout;
  record.lastPing = record.lastHeard;
  record.timestampUnit = handshake.timestampUnit;
  record.allowance = handshake.allowance;
}

void ConnectionTransaction::destroy() {
  dropContents();
  if (!record_->dead) {
    bump(txn_, shard_.connections, -1);
    bump(txn_, kindCount(), -1);
  }
  if (record_->unsaved) {
    unlink(txn_, shard_.unsaved, &ConnectionRecord::inUnsaved, recordRef_);
    edit(record_->unsaved) = false;
  }
  if (record_->queued.load(std::memory_order_acquire) != 0) {
    edit(record_->dead) = true;  // a mailbox still refers to it: whoever empties that one frees it
    return;
  }
  unchain<ConnectionRecord>(txn_, bucket(record_->sid), recordRef_);
  edit(record_->serial) = 0;
  txn_.release(recordRef_);
}

}  // namespace mediasync::store
