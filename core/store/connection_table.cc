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

// ---- its states, and the transitions between them

void ConnectionTransaction::become(Transport transport, std::uint8_t revision) {
  auto& before = kindCount();
  edit(record_->transport) = transport;
  edit(record_->revision) = revision;
  auto& after = kindCount();
  if (&after == &before) return;
  bump(txn_, before, -1);
  bump(txn_, after, 1);
}

void ConnectionTransaction::markClosing(Closing closing, EndReason reason) {
  if (record_->closing == Closing::kNo) edit(record_->ending) = reason;
  edit(record_->closing) = closing;
  tellOwner();
}

// ---- its owner

void ConnectionTransaction::beginPoll(WorkerId owner, std::uint64_t location) {
  if (record_->owner != owner) tellFormerOwner();
  edit(record_->owner) = owner;
  edit(record_->pollWaiting) = true;
  moveAccount(location);
}

void ConnectionTransaction::inherit(WorkerId owner) {
  edit(record_->owner) = owner;
  edit(record_->pollWaiting) = false;
  tellOwner();
}

void ConnectionTransaction::declineOffer() {
  withdrawOffer();
  tellOwner();
}

void ConnectionTransaction::acceptOffer(WorkerId owner, std::uint64_t membershipSerial, std::uint64_t cursor,
                                        std::uint64_t location) {
  tellFormerOwner();
  edit(record_->owner) = owner;
  withdrawOffer();
  if (record_->seat.membershipSerial == membershipSerial) readTo(cursor);
  moveAccount(location);
}

// ---- what its client sends

void ConnectionTransaction::beginPost(WorkerId poster) {
  edit(record_->posting) = true;
  edit(record_->poster) = poster;
}

void ConnectionTransaction::endPost(const Traffic& traffic, const std::array<std::uint32_t, 6>& allowance) {
  dropPost(traffic);
  edit(record_->allowance) = allowance;
}

void ConnectionTransaction::dropPost(const Traffic& traffic) {
  edit(record_->posting) = false;
  addToAccount(traffic);
}

void ConnectionTransaction::pingSent(std::int64_t at) {
  edit(record_->pingDue) = true;
  edit(record_->lastPing) = at;
}

bool ConnectionTransaction::takePingDue() {
  if (!record_->pingDue) return false;
  edit(record_->pingDue) = false;
  return true;
}

// ---- the upgrade

void ConnectionTransaction::beginProbe(WorkerId prober, std::int64_t until) {
  edit(record_->probingUntil) = until;
  edit(record_->prober) = prober;
}

void ConnectionTransaction::answerProbe(std::int64_t until) {
  edit(record_->upgradingUntil) = until;
  tellOwner();
}

void ConnectionTransaction::endProbe() {
  edit(record_->probingUntil) = 0;
  edit(record_->upgradingUntil) = 0;
}

void ConnectionTransaction::becomeWebSocket(WorkerId owner) {
  if (record_->owner != owner) tellFormerOwner();
  edit(record_->owner) = owner;
  become(Transport::kWebSocket, record_->revision);
  endProbe();
  endPoll();
  endAwaitingSnapshot();
}

// ---- its namespaces

void ConnectionTransaction::connectMain(const MainNamespace& connected) {
  edit(record_->namespaceConnected) = true;
  edit(record_->connectBy) = 0;
  edit(record_->evicted) = false;
  edit(record_->socketId) = connected.socketId;
  edit(record_->pid) = connected.pid.value_or(RandomId{});
  edit(record_->recoverable) = connected.pid.has_value();
  if (connected.secret) edit(record_->secret) = *connected.secret;
  noteUnsaved();
}

void ConnectionTransaction::disconnectMain(Origin origin) {
  edit(record_->namespaceConnected) = false;
  edit(record_->recoverable) = false;
  edit(record_->acks) = {};
  if (origin == Origin::kPost) tellOwner();
}

bool ConnectionTransaction::connectOther(std::string_view name, const RandomId& socketId) {
  if (!addNamespace(name, socketId)) return false;
  edit(record_->connectBy) = 0;
  return true;
}

bool ConnectionTransaction::disconnectOther(std::string_view name, Origin origin) {
  if (!removeNamespace(name)) return false;
  if (origin == Origin::kPost) tellOwner();
  return true;
}

// ---- its seat

void ConnectionTransaction::seat(const SeatRef& seat, std::uint64_t cursor, Origin origin) {
  edit(record_->seat) = seat;
  edit(record_->evicted) = false;
  edit(record_->cursor) = cursor;
  edit(record_->joinedAt) = cursor;
  edit(record_->ownBefore) = 0;
  edit(record_->awaitingSnapshot) = origin == Origin::kPost;
  noteUnsaved();
  if (origin == Origin::kPost) push(ItemKind::kSessionJoined, {});
}

void ConnectionTransaction::leave(Origin origin) {
  endSeat();
  noteUnsaved();
  if (origin == Origin::kPost) tellOwner();
}

void ConnectionTransaction::endSeat(std::uint64_t userSerial) {
  const SeatRef seat = record_->seat;
  if (seat && record_->account != 0) {
    auto& kept = edit(*account());
    kept.session = seat.session;
    kept.sessionSerial = seat.sessionSerial;
    kept.user = seat.user;
    kept.userSerial = userSerial;
    kept.shard = seat.shard;
  }
  edit(record_->seat) = {};
}

void ConnectionTransaction::endAwaitingSnapshot() {
  if (!record_->awaitingSnapshot) return;
  edit(record_->awaitingSnapshot) = false;
  noteUnsaved();
}

// ---- its recovery

void ConnectionTransaction::recover(const Recovered& recovered) {
  edit(record_->namespaceConnected) = true;
  edit(record_->connectBy) = 0;
  edit(record_->socketId) = recovered.socketId;
  edit(record_->pid) = recovered.pid;
  edit(record_->recoverable) = true;
  if (recovered.secret) edit(record_->secret) = *recovered.secret;
  edit(record_->seat) = recovered.seat;
  edit(record_->cursor) = recovered.cursor;
  edit(record_->joinedAt) = recovered.joinedAt;
  edit(record_->ownBefore) = recovered.ownBefore;
  if (account() != nullptr) edit(account()->recovered) = true;
  noteUnsaved();
}

void ConnectionTransaction::welcomeBack(std::string_view answer, bool awaitsSnapshot) {
  push(ItemKind::kRecovered, answer);
  if (awaitsSnapshot) push(ItemKind::kSessionJoined, {});
  edit(record_->awaitingSnapshot) = awaitsSnapshot;
}

void ConnectionTransaction::noteUnsaved() {
  if (!record_->recoverable || record_->unsaved) return;
  if (zone_.header().state.enabled.load(std::memory_order_relaxed) == 0) return;
  pushBack(txn_, shard_.unsaved, &ConnectionRecord::inUnsaved, recordRef_);
  edit(record_->unsaved) = true;
}

}  // namespace mediasync::store
