#include "core/connection/outbox.h"

#include <string>
#include <utility>

#include "core/connection/post_job.h"
#include "core/engineio/payload_writer.h"

namespace mediasync::server {

using store::ConnectionTransaction;
using store::EndReason;
using store::ItemKind;

Outbox::Outbox(Context& context) : Part(context) {}

// In the record: whoever owns the connection sends it.
void Outbox::leaveFor(const store::ConnectionRef& connection, ItemKind kind, std::string_view text,
                      const std::vector<std::string>& attachments) {
  ConnectionTransaction txn(zone_, connection.shard);
  if (!txn.open(connection)) return;
  txn.push(kind, text);
  for (const std::string& attachment : attachments)
    txn.push(ItemKind::kBinary, attachment);
  txn.commit(wake_);
}

// Ends a polling connection from any worker: its owner does what there is to do.
void Outbox::closeFromAfar(PostJob& job, store::Closing closing, EndReason reason) {
  closeFromAfar(job.connection, closing, reason, std::exchange(job.traffic, {}));
}

void Outbox::closeFromAfar(const store::ConnectionRef& connection, store::Closing closing, EndReason reason,
                           const store::Traffic& traffic) {
  ConnectionTransaction txn(zone_, connection.shard);
  if (!txn.open(connection)) return;
  txn.markClosing(closing, reason);
  txn.dropPost(traffic);
  txn.commit(wake_);
}

// In the record, if the client has room for all of it.
bool Outbox::tryLeave(ConnectionTransaction& txn, const Assembled& whole) {
  if (!txn.tryPush(store::ItemKind::kPacket, whole.packet)) return false;
  for (const std::string& attachment : whole.attachments) {
    if (!txn.tryPush(store::ItemKind::kBinary, attachment)) return false;
  }
  txn.commit(wake_);
  return true;
}

}  // namespace mediasync::server
