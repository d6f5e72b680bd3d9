#include "core/store/connection_contents.h"

#include <algorithm>
#include <utility>

#include "core/store/reserve.h"

namespace mediasync::store {
namespace {

constexpr std::size_t kItemText = kMaxObject - sizeof(Item);
constexpr std::uint32_t kOpenAcks = 64;
constexpr std::size_t kMaxAuthItems = ConnectionContents::kMaxAuthBytes / kItemText + 1;

// A connection may have to go in one transaction, with all that it has on pages of their own which become free by it.
constexpr std::size_t kMostReleased = ConnectionContents::kMaxItems + ConnectionContents::kMaxParts + kMaxAuthItems +
                                      ConnectionContents::kMaxNamespaces + 2;
constexpr std::size_t kEdits = 2048;  // of the records themselves, noted on the way
static_assert(kMostReleased * Transaction::kReleaseNotes + kEdits <= UndoLog::kBytes);

std::string_view nameOf(const Arena& arena, Ref ref) {
  const auto* record = arena.at<NamespaceRecord>(ref);
  return {reinterpret_cast<const char*>(record + 1), record->size};
}

}  // namespace

void ConnectionContents::push(ItemKind kind, std::string_view text) {
  if (!append(record_->items, {kMaxItemBytes, kMaxItems}, kind, text)) edit(record_->overrun) = true;
  tellOwner();
}

bool ConnectionContents::tryPush(ItemKind kind, std::string_view text) {
  tellOwner();
  return append(record_->items, {kMaxItemBytes / 4 * 3, kMaxItems / 4 * 3}, kind, text);
}

bool ConnectionContents::isMemoryScarce() const {
  const PageHeap& heap = zone_.header().heap;
  return heap.freePages() <= pagesForConnections(heap.total());
}

std::vector<WaitingItem> ConnectionContents::takeItems() {
  auto items = contents(record_->items);
  drop(record_->items);
  return items;
}

void ConnectionContents::expectParts(std::uint8_t count) {
  edit(record_->binaryLeft) = count;
  edit(record_->binaryStalled) = false;
}

bool ConnectionContents::partCame() {
  edit(record_->binaryStalled) = false;
  return --edit(record_->binaryLeft) == 0;
}

bool ConnectionContents::checkStalled() {
  return record_->binaryLeft > 0 && std::exchange(edit(record_->binaryStalled), true);
}

bool ConnectionContents::keepPart(ItemKind kind, std::string_view bytes) {
  return !isMemoryScarce() && append(record_->parts, {kMaxItemBytes, kMaxParts}, kind, bytes);
}

std::vector<WaitingItem> ConnectionContents::takeParts() {
  auto parts = contents(record_->parts);
  drop(record_->parts);
  return parts;
}

void ConnectionContents::openAccount(std::uint64_t location, const Address& address, Instant now) {
  auto& account = txn_.create<AccountRecord>();
  account.location = location;
  account.address = address;
  account.since = now.mono;
  txn_.edit(record_->account) = zone_.arena().refOf(&account);
}

const AccountRecord* ConnectionContents::account() const {
  return record_->account == 0 ? nullptr : zone_.arena().at<AccountRecord>(record_->account);
}

void ConnectionContents::addToAccount(const Traffic& traffic) {
  if (record_->account == 0 || traffic.isNone()) return;
  txn_.edit(account()->polled).add(traffic);
}

void ConnectionContents::moveAccount(std::uint64_t location) {
  if (record_->account != 0 && account()->location != location) edit(account()->location) = location;
}

void ConnectionContents::keepAuth(std::string_view json) {
  drop(record_->auth);
  if (!append(record_->auth, {kMaxAuthBytes + kMaxAuthItems * sizeof(Item), kMaxAuthItems}, ItemKind::kPacket, json)) {
    throw OutOfSpace();
  }
}

std::string ConnectionContents::auth() const {
  const auto kept = contents(record_->auth);
  return kept.empty() ? std::string() : kept.front().text;
}

bool ConnectionContents::addNamespace(std::string_view name, const RandomId& socketId) {
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

bool ConnectionContents::hasNamespace(std::string_view name) const {
  for (Ref ref = record_->namespaces; ref != 0; ref = zone_.arena().at<NamespaceRecord>(ref)->next) {
    if (nameOf(zone_.arena(), ref) == name) return true;
  }
  return false;
}

bool ConnectionContents::removeNamespace(std::string_view name) {
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

const AcksAsked* ConnectionContents::acksOf(std::string_view nsp) const {
  if (nsp == "/") return &record_->acks;
  for (Ref ref = record_->namespaces; ref != 0; ref = zone_.arena().at<NamespaceRecord>(ref)->next) {
    if (nameOf(zone_.arena(), ref) == nsp) return &zone_.arena().at<NamespaceRecord>(ref)->acks;
  }
  return nullptr;
}

std::uint32_t ConnectionContents::askAck(std::string_view nsp) {
  const AcksAsked* asked = acksOf(nsp);
  if (asked == nullptr) return 0;
  AcksAsked& acks = txn_.edit(*asked);
  acks.open |= 1ULL << acks.next % kOpenAcks;
  return acks.next++;
}

bool ConnectionContents::takeAck(std::string_view nsp, std::uint64_t id) {
  const AcksAsked* asked = acksOf(nsp);
  if (asked == nullptr || id >= asked->next || asked->next - id > kOpenAcks) return false;
  const std::uint64_t bit = 1ULL << id % kOpenAcks;
  if ((asked->open & bit) == 0) return false;
  txn_.edit(*asked).open &= ~bit;
  return true;
}

void ConnectionContents::dropContents() {
  drop(record_->items);
  drop(record_->parts);
  drop(record_->auth);
  txn_.release(record_->account);
  if (record_->account != 0) edit(record_->account) = 0;
  while (record_->namespaces != 0)
    removeNamespace(nameOf(zone_.arena(), record_->namespaces));
}

// Adds the whole text, cut into items where it is long. False when it is too much; a part of it may be there when
// memory is out.
bool ConnectionContents::append(const ItemChain& chain, const Limit& limit, ItemKind kind, std::string_view text) {
  const std::size_t count = text.size() / kItemText + 1;
  if (chain.bytes + text.size() + count * sizeof(Item) > limit.bytes || chain.count + count > limit.items) return false;
  do {
    const std::string_view part = text.substr(0, kItemText);
    text.remove_prefix(part.size());
    if (!appendOne(chain, kind, part, !text.empty())) return false;
  } while (!text.empty());
  return true;
}

bool ConnectionContents::appendOne(const ItemChain& chain, ItemKind kind, std::string_view text, bool continues) {
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

std::vector<WaitingItem> ConnectionContents::contents(const ItemChain& chain) const {
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

void ConnectionContents::drop(const ItemChain& chain) {
  if (chain.first == 0) return;
  for (Ref ref = chain.first; ref != 0; ref = zone_.arena().at<Item>(ref)->next)
    txn_.release(ref);
  txn_.edit(chain) = {};
}

}  // namespace mediasync::store
