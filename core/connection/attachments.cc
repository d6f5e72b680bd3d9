#include "core/connection/attachments.h"

#include <memory>
#include <numeric>
#include <utility>

#include "core/connection/link.h"

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

std::size_t Assembled::size() const {
  return std::accumulate(attachments.begin(), attachments.end(), packet.size(),
                         [](std::size_t size, const std::string& one) { return size + one.size(); });
}

bool expectAttachments(Link& link, std::uint32_t count, std::string_view packet, std::size_t maxBytes) {
  link.binaryLeft = count;
  link.binaryStalled = false;
  link.maxBinary = static_cast<std::uint32_t>(maxBytes);
  if (packet.size() > maxBytes) return false;
  link.parts = std::make_unique<std::vector<WaitingItem>>();
  link.parts->push_back({ItemKind::kPacket, std::string(packet)});
  return true;
}

bool expectAttachments(ConnectionTransaction& txn, std::uint32_t count, std::string_view packet, std::size_t maxBytes) {
  txn.expectParts(static_cast<std::uint8_t>(count));
  const bool isKept = packet.size() <= maxBytes && txn.keepPart(ItemKind::kPacket, packet);
  if (!isKept) txn.takeParts();
  return isKept;
}

Attached takeAttachment(Link& link, std::string_view bytes, Assembled& whole) {
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

Attached takeAttachment(ConnectionTransaction& txn, std::string_view bytes, Assembled& whole) {
  if (txn.record().binaryLeft == 0) return Attached::kRefused;
  const bool isLast = txn.partCame();
  const bool isWanted = txn.record().parts.first != 0;
  const bool isTooLong = isWanted && !txn.keepPart(ItemKind::kBinary, bytes);
  if (isTooLong || (isWanted && isLast)) whole = assembled(txn.takeParts());
  if (isTooLong) return Attached::kTooLong;
  return isWanted && isLast ? Attached::kAssembled : Attached::kMore;
}

bool isBinaryStalled(Link& link) {
  return link.binaryLeft > 0 && std::exchange(link.binaryStalled, true);
}

}  // namespace mediasync::server
