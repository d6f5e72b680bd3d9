// Packets with attachments: the text comes first, then a binary message for each. Over polling the parts may come with
// several POSTs, to several workers.
#include <utility>

#include "core/server/caller.h"
#include "core/server/worker.h"

namespace mediasync::server {

using store::ConnectionTransaction;
using store::ItemKind;
using store::WaitingItem;

namespace {

Worker::Assembled assembled(std::vector<WaitingItem> parts) {
  Worker::Assembled whole;
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

bool Worker::awaitsAttachments(const Caller& caller) {
  if (caller.link != nullptr) return caller.link->binaryLeft > 0;
  ConnectionTransaction txn(zone_, caller.connection.shard);
  return txn.open(caller.connection) && txn.record().binaryLeft > 0;
}

bool Worker::expectAttachments(Caller& caller, std::uint32_t count, std::string_view packet, bool wanted) {
  if (Link* link = caller.link; link != nullptr) {
    link->binaryLeft = count;
    if (!wanted) return true;
    link->parts = std::make_unique<std::vector<WaitingItem>>();
    link->parts->push_back({ItemKind::kPacket, std::string(packet)});
    return true;
  }
  ConnectionTransaction txn(zone_, caller.connection.shard);
  if (!txn.open(caller.connection)) return false;
  txn.edit(txn.record().binaryLeft) = static_cast<std::uint8_t>(count);
  if (wanted && !txn.keepPart(ItemKind::kPacket, packet)) return false;
  txn.commit();
  return true;
}

Worker::Attached Worker::attachment(Caller& caller, std::string_view bytes, Assembled& whole) {
  if (Link* link = caller.link; link != nullptr) {
    if (link->binaryLeft == 0) return Attached::kRefused;
    --link->binaryLeft;
    if (link->parts == nullptr) return Attached::kMore;
    link->parts->push_back({ItemKind::kBinary, std::string(bytes)});
    if (sizeOf(*link->parts) > link->options->engine.maxPayload) return Attached::kRefused;
    if (link->binaryLeft > 0) return Attached::kMore;
    whole = assembled(std::move(*std::exchange(link->parts, nullptr)));
    return Attached::kAssembled;
  }
  ConnectionTransaction txn(zone_, caller.connection.shard);
  if (!txn.open(caller.connection) || txn.record().binaryLeft == 0) return Attached::kRefused;
  const bool isLast = --txn.edit(txn.record().binaryLeft) == 0;
  const bool wanted = txn.record().parts.first != 0;
  if (wanted && !txn.keepPart(ItemKind::kBinary, bytes)) return Attached::kRefused;
  if (wanted && isLast) whole = assembled(txn.takeParts());
  txn.commit();
  return wanted && isLast ? Attached::kAssembled : Attached::kMore;
}

}  // namespace mediasync::server
