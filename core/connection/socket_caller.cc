#include "core/connection/socket_caller.h"

#include "core/connection/attachments.h"
#include "core/connection/caller_parts.h"
#include "core/connection/channel.h"
#include "core/connection/links.h"
#include "core/delivery/rooms.h"
#include "core/delivery/snapshots.h"
#include "core/delivery/socket_writer.h"
#include "core/sessions/outcome.h"

namespace mediasync::server {

SocketCaller::SocketCaller(const CallerParts& parts, Channel& channel, bool isAgain)
    : Caller(channel.link->connection, store::Origin::kOwner, *channel.options, channel.link->protocol,
             channel.link->allowance, isAgain),
      parts_(parts),
      link_(*channel.link) {}

void SocketCaller::reply(std::string_view packet) {
  parts_.writer.send(link_, packet);
}

void SocketCaller::replyBinary(std::string_view bytes) {
  parts_.writer.sendBinary(link_, bytes);
}

void SocketCaller::reply(std::string_view packet, const std::vector<std::string>& attachments) {
  parts_.writer.send(link_, packet);
  for (const std::string& attachment : attachments)
    parts_.writer.sendBinary(link_, attachment);
}

// While a client does not read, its input is left alone: not much can gather.
bool SocketCaller::tryReply(const Assembled& whole) {
  reply(whole.packet, whole.attachments);
  return true;
}

void SocketCaller::sendSnapshot(store::ItemKind kind) {
  parts_.snapshots.sendSnapshot(link_, kind);
}

void SocketCaller::joined(const Place& place) {
  parts_.rooms.leaveRoom(link_);  // of the seat that was none any more
  link_.seat = place.seat;
  link_.ownBefore = 0;
  parts_.rooms.enterRoom(link_, place.cursor);
  link_.awaitsSnapshot = place.needsSnapshot;
  sendSnapshot(store::ItemKind::kSessionJoined);
}

void SocketCaller::beforeLeaving() {
  if (link_.room != nullptr) parts_.rooms.deliver(*link_.room);
}

void SocketCaller::left() {
  parts_.rooms.leaveRoom(link_);
}

void SocketCaller::connectedToMain(bool recoverable) {
  link_.namespaceConnected = true;
  link_.recoverable = recoverable;
}

void SocketCaller::recordChanged(const store::ConnectionRecord& record) {
  parts_.links.syncSeat(link_, record);
}

void SocketCaller::cameBack(const Place& place, std::string_view answer) {
  link_.namespaceConnected = true;
  link_.recoverable = true;
  link_.seat = place.seat;
  reply(answer);
  if (!place.seat) return;
  // The others here are brought up to date first, so that this one reads what it has missed on its own.
  if (Room* room = parts_.rooms.find(place.seat.sessionSerial)) parts_.rooms.deliver(*room);
  link_.ownBefore = place.head;
  parts_.rooms.enterRoom(link_, place.cursor, place.head);
  link_.hasRead = true;  // it did before
  link_.awaitsSnapshot = place.needsSnapshot;
  if (place.needsSnapshot) {
    sendSnapshot(store::ItemKind::kSessionJoined);
  } else {
    parts_.rooms.catchUp(link_);
  }
}

bool SocketCaller::expectAttachments(std::uint32_t count, std::string_view packet, std::size_t maxBytes) {
  return server::expectAttachments(link_, count, packet, maxBytes);
}

Attached SocketCaller::takeAttachment(std::string_view bytes, Assembled& whole) {
  return server::takeAttachment(link_, bytes, whole);
}

}  // namespace mediasync::server
