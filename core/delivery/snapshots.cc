#include "core/delivery/snapshots.h"

#include <utility>

#include "core/api/events.h"
#include "core/delivery/rooms.h"
#include "core/delivery/socket_writer.h"
#include "core/engineio/packet.h"
#include "core/engineio/payload_writer.h"
#include "core/sessions/offset.h"
#include "core/socketio/encoder.h"

namespace mediasync::server {

using store::ItemKind;
using store::SessionTransaction;

namespace {

// The usual size of a snapshot without its users.
constexpr std::size_t kSnapshotBytes = 1024;
constexpr std::int64_t kRosterKept = 5'000;
// Deliveries of earlier events before a snapshot, at most: there may always be more.
constexpr int kDeliveriesBefore = 4;

}  // namespace

Snapshots::Snapshots(Context& context, Rooms& rooms, SocketWriter& writer)
    : Part(context), rooms_(rooms), writer_(writer) {}

// session_joined or session_state, as the session is now. What happened up to now is sent before it, unless the
// snapshot is how the connection comes in.
void Snapshots::sendSnapshot(Recipient& member, ItemKind kind) {
  store::Snapshot snapshot;
  std::string userId;
  for (int tries = kDeliveriesBefore; userId.empty(); --tries) {
    const bool isMember = !member.awaitsSnapshot && member.room != nullptr;
    if (isMember) rooms_.deliver(*member.room);
    SessionTransaction session(zone_, member.seat.shard);
    if (!member.seat || !session.openSeat(member.seat)) return;
    // Another worker may have added to the log since.
    if (isMember && tries > 1 && member.room != nullptr && session.logEnd() != member.room->pulled) continue;
    takeSnapshot(member, session, snapshot);
    userId = session.user(session.seatUser()).id;
    if (std::exchange(member.awaitsSnapshot, false)) member.cursor = session.logEnd();
  }
  if (member.room != nullptr && member.cursor >= member.room->pulled) rooms_.caughtUp(member);
  writer_.send(member, snapshotPacket(member, kind, snapshot, userId));
}

// The session as it is now. Of a large one, the users are in the room's roster instead.
void Snapshots::takeSnapshot(const Recipient& member, const SessionTransaction& session, store::Snapshot& snapshot) {
  const Instant now = env_.now();
  const bool isRoom = member.room != nullptr && member.room->session == session.ref();
  if (!isRoom || session.userCount() < Roster::kLeastUsers) return session.copyTo(snapshot, now);
  session.copyTo(snapshot, now, SessionTransaction::Users::kNone);
  if (member.room->roster == nullptr) member.room->roster = std::make_unique<Roster>();
  member.room->roster->update(session, member.options->timestamps, now);
}

void Snapshots::dropRoster(Room& room, Instant now) {
  if (room.roster != nullptr && now.mono - room.roster->usedAt() > kRosterKept) room.roster.reset();
}

std::string Snapshots::snapshotPacket(const Recipient& member, ItemKind kind, const store::Snapshot& snapshot,
                                      std::string_view userId) {
  const session::SessionView& view = snapshot.view;
  const std::string_view users = view.users.empty() ? member.room->roster->json() : std::string_view();
  std::string packet;
  packet.reserve(users.size() + kSnapshotBytes);
  packet = engineio::kMessagePrefix;
  socketio::appendEventPrefix(packet);
  if (kind == ItemKind::kSessionState) {
    api::appendSessionState(packet, view, member.options->timestamps, users);
    return packet;
  }
  api::appendSessionJoined(packet, view, userId, view.leaderId == userId, member.options->timestamps, users);
  if (member.recoverable) appendOffset(packet, {member.seat.sessionSerial, member.cursor - 1});
  return packet;
}

}  // namespace mediasync::server
