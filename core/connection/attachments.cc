#include "core/connection/attachments.h"

#include <numeric>
#include <utility>

#include "core/connection/caller.h"

namespace mediasync::server {

using store::ConnectionTransaction;
using store::ItemKind;
using store::WaitingItem;

namespace {

Assembled assembled(std::vector<WaitingItem> parts) {
  Assembled whole;
  for (WaitingItem& part : parts) {
    if (part.kind == ItemKind::kPacket) {
      whole.packet = std::move(part.text);
    } else {
      whole.attachments.push_back(std::move(part.text));
    }
  }
  return whole;
}

std::size_t sizeOf(const std::vector<WaitingItem>& parts) {
  std::size_t size = 0;
  for (const WaitingItem& part : parts)
    size += part.text.size();
  return size;
}

}  // namespace

Attachments::Attachments(Context& context) : Part(context) {}

std::size_t Assembled::size() const {
  return std::accumulate(attachments.begin(), attachments.end(), packet.size(),
                         [](std::size_t size, const std::string& one) { return size + one.size(); });
}

bool Attachments::awaitsAttachments(const Caller& caller) {
  if (caller.link != nullptr) return caller.link->binaryLeft > 0;
  ConnectionTransaction txn(zone_, caller.connection.shard);
  return txn.open(caller.connection) && txn.record().binaryLeft > 0;
}

bool Attachments::expectAttachments(Caller& caller, std::uint32_t count, std::string_view packet,
                                    std::size_t maxBytes) {
  if (Link* link = caller.link; link != nullptr) {
    link->binaryLeft = count;
    link->binaryStalled = false;
    link->maxBinary = static_cast<std::uint32_t>(maxBytes);
    if (packet.size() > maxBytes) return false;
    link->parts = std::make_unique<std::vector<WaitingItem>>();
    link->parts->push_back({ItemKind::kPacket, std::string(packet)});
    return true;
  }
  ConnectionTransaction txn(zone_, caller.connection.shard);
  if (!txn.open(caller.connection)) return false;
  txn.expectParts(static_cast<std::uint8_t>(count));
  const bool isKept = packet.size() <= maxBytes && txn.keepPart(ItemKind::kPacket, packet);
  if (!isKept) txn.takeParts();
  txn.commit();
  return isKept;
}

Attached Attachments::attachment(Caller& caller, std::string_view bytes, Assembled& whole) {
  return caller.link != nullptr ? attachmentOf(*caller.link, bytes, whole)
                                : attachmentOf(caller.connection, bytes, whole);
}

Attached Attachments::attachmentOf(Link& link, std::string_view bytes, Assembled& whole) {
  if (link.binaryLeft == 0) return Attached::kRefused;
  --link.binaryLeft;
  link.binaryStalled = false;
  if (link.parts == nullptr) return Attached::kMore;
  const bool isTooLong = sizeOf(*link.parts) + bytes.size() > link.maxBinary;
  if (!isTooLong) link.parts->push_back({ItemKind::kBinary, std::string(bytes)});
  if (!isTooLong && link.binaryLeft > 0) return Attached::kMore;
  whole = assembled(std::move(*std::exchange(link.parts, nullptr)));
  return isTooLong ? Attached::kTooLong : Attached::kAssembled;
}

Attached Attachments::attachmentOf(const store::ConnectionRef& connection, std::string_view bytes, Assembled& whole) {
  ConnectionTransaction txn(zone_, connection.shard);
  if (!txn.open(connection) || txn.record().binaryLeft == 0) return Attached::kRefused;
  const bool isLast = txn.partCame();
  const bool isWanted = txn.record().parts.first != 0;
  const bool isTooLong = isWanted && !txn.keepPart(ItemKind::kBinary, bytes);
  if (isTooLong || (isWanted && isLast)) whole = assembled(txn.takeParts());
  txn.commit();
  if (isTooLong) return Attached::kTooLong;
  return isWanted && isLast ? Attached::kAssembled : Attached::kMore;
}

// With each heartbeat: a client that has not sent any of its attachments since the last one keeps what has come for
// nothing.
bool Attachments::isBinaryStalled(Link& link) {
  return link.binaryLeft > 0 && std::exchange(link.binaryStalled, true);
}

bool Attachments::isBinaryStalled(ConnectionTransaction& txn) {
  return txn.checkStalled();
}

}  // namespace mediasync::server
