#include "core/connection/post_caller.h"

#include "core/connection/attachments.h"
#include "core/connection/caller_parts.h"
#include "core/connection/link.h"
#include "core/connection/outbox.h"
#include "core/connection/post_job.h"
#include "core/sessions/outcome.h"

namespace mediasync::server {

using store::ConnectionTransaction;
using store::ItemKind;

PostCaller::PostCaller(const CallerParts& parts, PostJob& job, bool isAgain)
    : Caller(job.connection, store::Origin::kPost, job.options, job.protocol, job.allowance, isAgain), parts_(parts) {}

PostCaller::PostCaller(const CallerParts& parts, const Link& polled, Allowance& rates)
    : Caller(polled.connection, store::Origin::kPost, *polled.options, polled.protocol, rates, false), parts_(parts) {}

void PostCaller::reply(std::string_view packet) {
  parts_.outbox.leaveFor(connection, ItemKind::kPacket, packet);
}

void PostCaller::replyBinary(std::string_view bytes) {
  parts_.outbox.leaveFor(connection, ItemKind::kBinary, bytes);
}

void PostCaller::reply(std::string_view packet, const std::vector<std::string>& attachments) {
  parts_.outbox.leaveFor(connection, ItemKind::kPacket, packet, attachments);
}

bool PostCaller::tryReply(const Assembled& whole) {
  ConnectionTransaction txn(parts_.zone, connection.shard);
  return !txn.open(connection) || parts_.outbox.tryLeave(txn, whole);
}

void PostCaller::sendSnapshot(ItemKind kind) {
  parts_.outbox.leaveFor(connection, kind, {});
}

store::SeatRef PostCaller::seat() const {
  ConnectionTransaction txn(parts_.zone, connection.shard);
  return txn.open(connection) ? txn.record().seat : store::SeatRef{};
}

bool PostCaller::isConnectedToMain() const {
  ConnectionTransaction txn(parts_.zone, connection.shard);
  return txn.open(connection) && txn.record().namespaceConnected;
}

void PostCaller::comingBack(ConnectionTransaction& txn, const Place& place, std::string_view answer) {
  txn.welcomeBack(answer, place.needsSnapshot);
}

bool PostCaller::awaitsAttachments() const {
  ConnectionTransaction txn(parts_.zone, connection.shard);
  return txn.open(connection) && txn.record().binaryLeft > 0;
}

bool PostCaller::expectAttachments(std::uint32_t count, std::string_view packet, std::size_t maxBytes) {
  ConnectionTransaction txn(parts_.zone, connection.shard);
  if (!txn.open(connection)) return false;
  const bool isKept = server::expectAttachments(txn, count, packet, maxBytes);
  txn.commit();
  return isKept;
}

Attached PostCaller::takeAttachment(std::string_view bytes, Assembled& whole) {
  ConnectionTransaction txn(parts_.zone, connection.shard);
  if (!txn.open(connection)) return Attached::kRefused;
  const Attached attached = server::takeAttachment(txn, bytes, whole);
  if (attached != Attached::kRefused) txn.commit();
  return attached;
}

}  // namespace mediasync::server
