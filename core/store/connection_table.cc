#include "core/store/connection_table.h"

#include <algorithm>
#include <cstring>

#include "core/memory/fault_point.h"
#include "core/memory/linked.h"
#include "core/memory/mailbox.h"
#include "core/store/random_id.h"
#include "core/store/reserve.h"

namespace mediasync::store {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::size_t kIdText = 22;
constexpr std::size_t kItemText = kMaxObject - sizeof(Item);
constexpr std::size_t kMaxAuthItems = ConnectionTransaction::kMaxAuthBytes / kItemText + 1;

// A connection may have to go in one transaction, with all that it has on pages of their own which become free by it.
constexpr std::size_t kMostReleased = ConnectionTransaction::kMaxItems + ConnectionTransaction::kMaxParts +
                                      kMaxAuthItems + ConnectionTransaction::kMaxNamespaces + 2;
constexpr std::size_t kEdits = 2048;  // of the records themselves, noted on the way
static_assert(kMostReleased * Transaction::kReleaseNotes + kEdits <= UndoLog::kBytes);

constexpr std::uint8_t kOldRevision = 3;

std::atomic<std::uint32_t>& kindCount(ConnectionShard& shard, const ConnectionRecord& record) {
  return shard.kinds[kindOf(record.transport, record.revision == kOldRevision)];
}

std::string_view nameOf(const Arena& arena, Ref ref) {
  const auto* record = arena.at<NamespaceRecord>(ref);
  return {reinterpret_cast<const char*>(record + 1), record->size};
}

}  // namespace

std::string idText(const RandomId& id) {
  std::string text;
  text.reserve(kIdText);
  std::uint32_t bits = 0;
  int count = 0;
  for (const std::uint8_t byte : id) {
    bits = bits << 8 | byte;
    for (count += 8; count >= 6; count -= 6)
      text.push_back(kAlphabet[bits >> (count - 6) & 63]);
  }
  text.push_back(kAlphabet[bits << (6 - count) & 63]);
  return text;
}

std::optional<RandomId> parseId(std::string_view text) {
  if (text.size() != kIdText) return std::nullopt;
  RandomId id{};
  std::uint32_t bits = 0;
  int count = 0;
  std::size_t at = 0;
  for (const char c : text) {
    const std::size_t value = kAlphabet.find(c);
    if (value == std::string_view::npos) return std::nullopt;
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    count += 6;
    if (count >= 8 && at < id.size()) {
      count -= 8;
      id[at++] = static_cast<std::uint8_t>(bits >> count);
    }
  }
  return id;
}

ConnectionTransaction::ConnectionTransaction(const Zone& zone, const RandomId& sid)
    : ConnectionTransaction(zone, shardOf(zone, sid)) {}

ConnectionTransaction::ConnectionTransaction(const Zone& zone, std::uint32_t shard)
    : zone_(zone), shard_(zone_.connectionShard(shard)), txn_(zone_.region(), shard_.header) {}

const Ref& ConnectionTransaction::bucket(const RandomId& sid) const {
  return zone_.arena().at<Ref>(shard_.buckets)[hashOf(sid) & shard_.bucketMask];
}

bool ConnectionTransaction::find(const RandomId& sid) {
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

bool ConnectionTransaction::open(const ConnectionRef& ref) {
  return openEvenDead(ref) && !record_->dead;
}

bool ConnectionTransaction::openEvenDead(const ConnectionRef& ref) {
  if (ref.ref == 0) return false;
  const auto* record = zone_.arena().at<ConnectionRecord>(ref.ref);
  if (!isObject<ConnectionRecord>(zone_.region(), shard_.header, ref.ref) || record->serial != ref.serial) return false;
  record_ = record;
  recordRef_ = ref.ref;
  return true;
}

void ConnectionTransaction::openQueued(Ref ref) {
  record_ = zone_.arena().at<ConnectionRecord>(ref);
  recordRef_ = ref;
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
  bump(txn_, kindCount(shard_, record), 1);
}

void ConnectionTransaction::become(Transport transport, std::uint8_t revision) {
  auto& before = kindCount(shard_, *record_);
  txn_.edit(record_->transport) = transport;
  txn_.edit(record_->revision) = revision;
  auto& after = kindCount(shard_, *record_);
  if (&after == &before) return;
  bump(txn_, before, -1);
  bump(txn_, after, 1);
}

ConnectionRef ConnectionTransaction::ref() const {
  return {recordRef_, record_->serial, static_cast<std::uint16_t>(&shard_ - &zone_.connectionShard(0))};
}

void ConnectionTransaction::destroy() {
  drop(record_->items);
  drop(record_->parts);
  drop(record_->auth);
  txn_.release(record_->account);
  if (record_->account != 0) txn_.edit(record_->account) = 0;
  while (record_->namespaces != 0)
    removeNamespace(nameOf(zone_.arena(), record_->namespaces));
  if (!record_->dead) {
    bump(txn_, shard_.connections, -1);
    bump(txn_, kindCount(shard_, *record_), -1);
  }
  if (record_->unsaved) {
    unlink(txn_, shard_.unsaved, &ConnectionRecord::inUnsaved, recordRef_);
    txn_.edit(record_->unsaved) = false;
  }
  if (record_->queued.load(std::memory_order_acquire) != 0) {
    txn_.edit(record_->dead) = true;  // a mailbox still refers to it: whoever empties that one frees it
    return;
  }
  unchain<ConnectionRecord>(txn_, bucket(record_->sid), recordRef_);
  txn_.edit(record_->serial) = 0;
  txn_.release(recordRef_);
}

void ConnectionTransaction::openAccount(std::uint64_t location, const Address& address, Instant now) {
  auto& account = txn_.create<AccountRecord>();
  account.location = location;
  account.address = address;
  account.since = now.mono;
  txn_.edit(record_->account) = zone_.arena().refOf(&account);
}

const AccountRecord* ConnectionTransaction::account() const {
  return record_->account == 0 ? nullptr : zone_.arena().at<AccountRecord>(record_->account);
}

void ConnectionTransaction::addToAccount(const Traffic& traffic) {
  if (record_->account == 0 || traffic.isNone()) return;
  txn_.edit(account()->polled).add(traffic);
}

void ConnectionTransaction::endSeat(std::uint64_t userSerial) {
  const SeatRef seat = record_->seat;
  if (seat && record_->account != 0) {
    auto& kept = txn_.edit(*account());
    kept.session = seat.session;
    kept.sessionSerial = seat.sessionSerial;
    kept.user = seat.user;
    kept.userSerial = userSerial;
    kept.shard = seat.shard;
  }
  txn_.edit(record_->seat) = {};
}

void ConnectionTransaction::endProbe() {
  txn_.edit(record_->probingUntil) = 0;
  txn_.edit(record_->upgradingUntil) = 0;
}

void ConnectionTransaction::noteUnsaved() {
  if (!record_->recoverable || record_->unsaved) return;
  if (zone_.header().state.enabled.load(std::memory_order_relaxed) == 0) return;
  pushBack(txn_, shard_.unsaved, &ConnectionRecord::inUnsaved, recordRef_);
  txn_.edit(record_->unsaved) = true;
}

void ConnectionTransaction::endAwaitingSnapshot() {
  if (!record_->awaitingSnapshot) return;
  txn_.edit(record_->awaitingSnapshot) = false;
  noteUnsaved();
}

void ConnectionTransaction::push(ItemKind kind, std::string_view text) {
  if (!append(record_->items, {kMaxItemBytes, kMaxItems}, kind, text)) txn_.edit(record_->overrun) = true;
}

bool ConnectionTransaction::tryPush(ItemKind kind, std::string_view text) {
  return append(record_->items, {kMaxItemBytes / 4 * 3, kMaxItems / 4 * 3}, kind, text);
}

bool ConnectionTransaction::isMemoryScarce() const {
  const PageHeap& heap = zone_.header().heap;
  return heap.freePages() <= pagesForConnections(heap.total());
}

std::vector<WaitingItem> ConnectionTransaction::takeItems() {
  auto items = contents(record_->items);
  drop(record_->items);
  return items;
}

bool ConnectionTransaction::keepPart(ItemKind kind, std::string_view bytes) {
  return !isMemoryScarce() && append(record_->parts, {kMaxItemBytes, kMaxParts}, kind, bytes);
}

std::vector<WaitingItem> ConnectionTransaction::takeParts() {
  auto parts = contents(record_->parts);
  drop(record_->parts);
  return parts;
}

void ConnectionTransaction::keepAuth(std::string_view json) {
  drop(record_->auth);
  if (!append(record_->auth, {kMaxAuthBytes + kMaxAuthItems * sizeof(Item), kMaxAuthItems}, ItemKind::kPacket, json)) {
    throw OutOfSpace();
  }
}

std::string ConnectionTransaction::auth() const {
  const auto kept = contents(record_->auth);
  return kept.empty() ? std::string() : kept.front().text;
}

bool ConnectionTransaction::addNamespace(std::string_view name, const RandomId& socketId) {
  std::uint32_t count = 0;
  for (Ref ref = record_->namespaces; ref != 0; ref = zone_.arena().at<NamespaceRecord>(ref)->next)
    ++count;
  if (count >= kMaxNamespaces) return false;
  const Ref ref = txn_.allocate(sizeof(NamespaceRecord) + name.size());
  auto& record = *new (zone_.arena().bytes(ref))
                     NamespaceRecord{record_->namespaces, static_cast<std::uint32_t>(name.size()), {}, socketId};
  std::copy(name.begin(), name.end(), reinterpret_cast<char*>(&record + 1));
  txn_.edit(record_->namespaces) = ref;
  return true;
}

bool ConnectionTransaction::hasNamespace(std::string_view name) const {
  for (Ref ref = record_->namespaces; ref != 0; ref = zone_.arena().at<NamespaceRecord>(ref)->next) {
    if (nameOf(zone_.arena(), ref) == name) return true;
  }
  return false;
}

const AcksAsked* ConnectionTransaction::acksOf(std::string_view nsp) const {
  if (nsp == "/") return &record_->acks;
  for (Ref ref = record_->namespaces; ref != 0; ref = zone_.arena().at<NamespaceRecord>(ref)->next) {
    if (nameOf(zone_.arena(), ref) == nsp) return &zone_.arena().at<NamespaceRecord>(ref)->acks;
  }
  return nullptr;
}

std::uint32_t ConnectionTransaction::askAck(std::string_view nsp) {
  const AcksAsked* asked = acksOf(nsp);
  if (asked == nullptr) return 0;
  AcksAsked& acks = txn_.edit(*asked);
  acks.open |= 1ULL << acks.next % kOpenAcks;
  return acks.next++;
}

bool ConnectionTransaction::takeAck(std::string_view nsp, std::uint64_t id) {
  const AcksAsked* asked = acksOf(nsp);
  if (asked == nullptr || id >= asked->next || asked->next - id > kOpenAcks) return false;
  const std::uint64_t bit = 1ULL << id % kOpenAcks;
  if ((asked->open & bit) == 0) return false;
  txn_.edit(*asked).open &= ~bit;
  return true;
}

bool ConnectionTransaction::removeNamespace(std::string_view name) {
  for (const Ref* link = &record_->namespaces; *link != 0;) {
    const Ref ref = *link;
    const auto& record = *zone_.arena().at<NamespaceRecord>(ref);
    if (nameOf(zone_.arena(), ref) == name) {
      txn_.edit(*link) = record.next;
      txn_.release(ref);
      return true;
    }
    link = &record.next;
  }
  return false;
}

// Adds the whole text, cut into items where it is long. False when it is too much; a part of it may be there when
// memory is out.
bool ConnectionTransaction::append(const ItemChain& chain, const Limit& limit, ItemKind kind, std::string_view text) {
  const std::size_t count = text.size() / kItemText + 1;
  if (chain.bytes + text.size() + count * sizeof(Item) > limit.bytes || chain.count + count > limit.items) return false;
  do {
    const std::string_view part = text.substr(0, kItemText);
    text.remove_prefix(part.size());
    if (!appendOne(chain, kind, part, !text.empty())) return false;
  } while (!text.empty());
  return true;
}

bool ConnectionTransaction::appendOne(const ItemChain& chain, ItemKind kind, std::string_view text, bool continues) {
  const std::size_t size = sizeof(Item) + text.size();
  const Ref ref = txn_.tryAllocate(size);
  if (ref == 0) return false;
  Item& item = *new (zone_.arena().bytes(ref)) Item{0, static_cast<std::uint32_t>(text.size()), kind, continues};
  std::copy(text.begin(), text.end(), reinterpret_cast<char*>(&item + 1));
  ItemChain& writable = txn_.edit(chain);
  if (writable.last != 0) {
    txn_.edit<Item>(writable.last).next = ref;
  } else {
    writable.first = ref;
  }
  writable.last = ref;
  writable.bytes += static_cast<std::uint32_t>(size) + (isSnapshot(kind) ? kSnapshotBytes : 0);
  ++writable.count;
  return true;
}

std::vector<WaitingItem> ConnectionTransaction::contents(const ItemChain& chain) const {
  std::vector<WaitingItem> items;
  bool continues = false;
  for (Ref ref = chain.first; ref != 0; ref = zone_.arena().at<Item>(ref)->next) {
    const auto* item = zone_.arena().at<Item>(ref);
    if (!continues) items.push_back({item->kind, {}});
    items.back().text.append(reinterpret_cast<const char*>(item + 1), item->size);
    continues = item->continues;
  }
  return items;
}

void ConnectionTransaction::drop(const ItemChain& chain) {
  if (chain.first == 0) return;
  for (Ref ref = chain.first; ref != 0; ref = zone_.arena().at<Item>(ref)->next)
    txn_.release(ref);
  txn_.edit(chain) = {};
}

void ConnectionTransaction::notify(std::uint16_t slot, WakeSet& wake) {
  auto* record = const_cast<ConnectionRecord*>(record_);
  if (record->queued.load(std::memory_order_acquire) == 0) {
    record->mailSlot = slot;  // first: whoever sees to a dead worker must know whose list it is in
    faultPoint();
    postMail<ConnectionRecord>(zone_.arena(), zone_.worker(slot).connectionMail, recordRef_);
  }
  wake.set(slot);
}

void ConnectionTransaction::mendQueued(const std::atomic<Ref>& list) {
  mendMail<ConnectionRecord>(zone_.arena(), list, recordRef_);
}

void ConnectionTransaction::clearQueued() {
  const_cast<ConnectionRecord*>(record_)->queued.store(0, std::memory_order_release);
  faultPoint();
}

}  // namespace mediasync::store
