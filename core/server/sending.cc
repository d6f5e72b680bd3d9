// Bytes to one connection: a packet to a WebSocket, the payload of a poll.
#include <algorithm>
#include <utility>

#include "core/api/events.h"
#include "core/engineio/base64.h"
#include "core/engineio/packet.h"
#include "core/engineio/payload_writer.h"
#include "core/server/worker.h"
#include "core/socketio/encoder.h"
#include "core/websocket/frame.h"

namespace mediasync::server {

using store::ConnectionTransaction;
using store::ItemKind;
using store::SessionTransaction;

namespace {

Format payloadFormat(const Link& link) {
  return {Format::Framing::kPayload, link.protocol.revision, link.options->timestamps, link.recoverable, {}};
}

// A poll takes at most about so much of the log at once.
constexpr std::size_t kPollBytes = 256 * 1024;
// Replies that gather while input is worked off are written from this size on.
constexpr std::size_t kCorkBytes = 16 * 1024;
// A buffer that is larger is given back once it is empty.
constexpr std::size_t kKeptBytes = 64 * 1024;
// Of a snapshot without its users, as a rule.
constexpr std::size_t kSnapshotBytes = 1024;
constexpr std::int64_t kRosterKept = 5'000;
// Of what happened before a snapshot, at most; others may go on and on.
constexpr int kDeliveriesBefore = 4;

}  // namespace

// What goes out is gathered in one buffer, which goes from link to link: as a rule its bytes are sent at once.
void Worker::lendBuffer(Link& link) {
  if (link.out.empty()) link.out.swap(spareOut_);
}

void Worker::takeBackBuffer(Link& link) {
  link.out.clear();
  if (link.out.capacity() <= kKeptBytes) link.out.swap(spareOut_);
  std::string().swap(link.out);
}

void Worker::send(Link& link, std::string_view packet) {
  lendBuffer(link);
  ++link.traffic.messagesOut;
  compressor_.appendFrame(link.out, link.compression, websocket::Opcode::kText, packet);
  if (!link.corked || link.out.size() > kCorkBytes) sendRaw(link, {});
}

void Worker::sendBinary(Link& link, std::string_view bytes) {
  const bool typed = link.protocol.revision == engineio::Revision::kV3;  // the packet's type goes along
  if (typed && link.protocol.base64) {
    std::string packet = "b4";
    engineio::appendBase64(packet, bytes);
    return send(link, packet);
  }
  std::string message;
  if (typed) message.push_back(static_cast<char>(engineio::PacketType::kMessage));
  message.append(bytes);
  lendBuffer(link);
  ++link.traffic.messagesOut;
  compressor_.appendFrame(link.out, link.compression, websocket::Opcode::kBinary, message);
  if (!link.corked || link.out.size() > kCorkBytes) sendRaw(link, {});
}

// Ends the poll that waits, if one does, with one packet.
void Worker::endPoll(Link& link, std::string_view packet) {
  Poll* poll = std::exchange(link.poll, nullptr);
  if (poll == nullptr) return;
  engineio::Payload payload = engineio::payloadOf(link.protocol, packet);
  link.traffic.sent(payload.bytes.size(), 1);
  poll->answer(std::move(payload));
}

void Worker::uncork(Link& link) {
  link.corked = false;
  if (!link.out.empty()) sendRaw(link, {});
}

void Worker::sendRaw(Link& link, std::string_view frames) {
  link.out.append(frames);
  if (link.full || link.out.empty()) return;
  const std::ptrdiff_t taken = link.socket->write(link.out);
  if (taken > 0) link.traffic.sent(static_cast<std::size_t>(taken));
  if (taken == static_cast<std::ptrdiff_t>(link.out.size())) {
    link.hasRead = !link.awaitsSnapshot;
    return takeBackBuffer(link);
  }
  if (taken > 0) link.out.erase(0, static_cast<std::size_t>(taken));
  link.full = true;
}

// session_joined or session_state, as the session is now. What happened up to now is sent before it, unless the
// snapshot is how the connection comes in.
void Worker::sendSnapshot(Link& link, ItemKind kind) {
  store::Snapshot snapshot;
  std::string userId;
  for (int tries = kDeliveriesBefore; userId.empty(); --tries) {
    const bool isMember = !link.awaitsSnapshot && link.room != nullptr;
    if (isMember) deliver(*link.room);
    SessionTransaction session(zone_, link.seat.shard);
    if (!link.seat || !session.openSeat(link.seat)) return;
    // Another worker may have added to the log since.
    if (isMember && tries > 1 && link.room != nullptr && session.logEnd() != link.room->pulled) continue;
    takeSnapshot(link, session, snapshot);
    userId = session.user(session.seatUser()).id;
    if (std::exchange(link.awaitsSnapshot, false)) link.cursor = session.logEnd();
  }
  if (link.room != nullptr && link.cursor >= link.room->pulled) caughtUp(link);
  send(link, snapshotPacket(link, kind, snapshot, userId));
}

// The session as it is now. Of a large one, the users are in the room's roster instead.
void Worker::takeSnapshot(const Link& link, const SessionTransaction& session, store::Snapshot& snapshot) {
  const Instant now = env_.now();
  const bool isRoom = link.room != nullptr && link.room->session == session.ref();
  if (!isRoom || session.userCount() < Roster::kLeastUsers) return session.copyTo(snapshot, now);
  session.copyTo(snapshot, now, SessionTransaction::Users::kNone);
  if (link.room->roster == nullptr) link.room->roster = std::make_unique<Roster>();
  link.room->roster->update(session, link.options->timestamps, now);
}

void Worker::dropRoster(Room& room, Instant now) {
  if (room.roster != nullptr && now.mono - room.roster->usedAt() > kRosterKept) room.roster.reset();
}

std::string Worker::snapshotPacket(const Link& link, ItemKind kind, const store::Snapshot& snapshot,
                                   std::string_view userId) {
  const session::SessionView& view = snapshot.view;
  const std::string_view users = view.users.empty() ? link.room->roster->json() : std::string_view();
  std::string packet;
  packet.reserve(users.size() + kSnapshotBytes);
  packet = "4";
  socketio::appendEventPrefix(packet);
  if (kind == ItemKind::kSessionState) {
    api::appendSessionState(packet, view, link.options->timestamps, users);
    return packet;
  }
  api::appendSessionJoined(packet, view, userId, view.leaderId == userId, link.options->timestamps, users);
  if (link.recoverable) appendOffset(packet, {link.seat.sessionSerial, link.cursor - 1});
  return packet;
}

// What a poll is answered with, as it was found under the locks.
struct Worker::Harvest {
  std::vector<store::WaitingItem> items;
  store::LogSlice slice;  // its events are in ownBatch_
  store::Snapshot snapshot;
  std::string userId;  // whose seat it is; empty: there is none
  store::SeatRef seat;
  bool seatLost = false;
};

void Worker::answerPoll(Link& link) {
  engineio::Payload payload;
  const Collected collected = collect(link, payload);
  if (collected == Collected::kNothing) return;
  if (Poll* poll = std::exchange(link.poll, nullptr)) poll->answer(std::move(payload));
  if (collected == Collected::kLost) doom(link);
}

// Takes what waits for a polling connection: events of the log, then replies. kLost: the connection cannot go on, and
// the payload closes it.
Worker::Collected Worker::collect(Link& link, engineio::Payload& payload) {
  Harvest harvested;
  const Collected collected = harvest(link, harvested);
  if (collected == Collected::kLost) payload = engineio::payloadOf(link.protocol, "1");
  if (collected == Collected::kPayload) {
    engineio::PayloadWriter writer(link.protocol);
    appendHarvest(link, harvested, writer);
    payload = writer.take();
    link.traffic.sent(payload.bytes.size());
  }
  if (harvested.seatLost) leaveRoom(link);
  if (collected != Collected::kPayload) return collected;
  if (link.room != nullptr && link.cursor >= link.room->pulled) caughtUp(link);
  return payload.bytes.empty() ? Collected::kNothing : Collected::kPayload;
}

// What goes before the events of the session, then those, then replies.
void Worker::appendHarvest(Link& link, const Harvest& harvest, engineio::PayloadWriter& writer) {
  link.traffic.messagesOut += harvest.items.size();
  for (const auto& item : harvest.items) {
    if (item.kind == ItemKind::kRecovered) writer.text(item.text);
  }
  appendEvents(link, harvest, writer);
  for (const auto& item : harvest.items)
    appendItem(link, harvest, item, writer);
}

Worker::Collected Worker::harvest(Link& link, Harvest& harvest) {
  ConnectionTransaction txn(zone_, link.connection.shard);
  if (!txn.open(link.connection)) return Collected::kNothing;
  const store::ConnectionRecord& record = txn.record();
  if (record.owner != id_ || record.transport != store::Transport::kPolling) return Collected::kNothing;
  if (record.overrun) return Collected::kLost;
  if (record.closing != store::Closing::kNo || !isInStep(link, record)) return Collected::kNothing;
  if (record.items.first != 0) harvest.items = txn.takeItems();
  if (record.pingDue) {
    harvest.items.push_back({ItemKind::kPacket, "2"});
    txn.edit(record.pingDue) = false;
  }
  if (record.seat) harvestSeat(link, txn, harvest);
  if (harvest.slice.lost) return Collected::kLost;
  if (harvest.userId.empty()) {  // one who has left in the meantime is shown nothing
    std::erase_if(harvest.items, [](const auto& item) { return store::isSnapshot(item.kind); });
  }
  const bool nothing = harvest.slice.end == harvest.slice.first && harvest.items.empty();
  if (nothing && record.upgradingUntil > env_.now().mono) {
    harvest.items.push_back({ItemKind::kPacket, "6"});  // the client waits for this poll to end before it upgrades
  } else if (nothing) {
    txn.commit();
    return Collected::kNothing;
  }
  txn.edit(record.pollWaiting) = false;
  txn.addToAccount(std::exchange(link.traffic, {}));
  txn.commit();
  return Collected::kPayload;
}

// The part that comes from the session: new events, and the snapshot that a waiting reply asks for.
void Worker::harvestSeat(Link& link, ConnectionTransaction& txn, Harvest& harvest) {
  const store::ConnectionRecord& record = txn.record();
  bool wantsSnapshot = false;
  for (const auto& item : harvest.items)
    wantsSnapshot = wantsSnapshot || store::isSnapshot(item.kind);
  SessionTransaction session(zone_, record.seat.shard);
  link.cursor = record.cursor;  // other workers may have answered polls since this one did
  harvest.seat = record.seat;
  harvest.seatLost = true;
  if (session.open(record.seat.session, record.seat.sessionSerial)) {
    if (!record.awaitingSnapshot) {
      ownBatch_.raw().clear();
      harvest.slice = store::readLog(zone_.arena(), session.record().log, record.cursor, kPollBytes, ownBatch_.raw());
      link.cursor = harvest.slice.end;
    }
    const bool seated = session.openSeat(record.seat);
    if (seated) harvest.userId = session.user(session.seatUser()).id;
    if (seated && wantsSnapshot) {
      takeSnapshot(link, session, harvest.snapshot);
      if (record.awaitingSnapshot) link.cursor = session.logEnd();
    }
    harvest.seatLost = !seated && link.cursor == session.logEnd();
  }
  if (record.cursor != link.cursor) txn.edit(record.cursor) = link.cursor;
  if (wantsSnapshot) txn.endAwaitingSnapshot();
  if (harvest.seatLost) {
    txn.endSeat();
    txn.edit(record.evicted) = true;
  }
}

void Worker::appendEvents(Link& link, const Harvest& harvest, engineio::PayloadWriter& writer) {
  const store::LogSlice& slice = harvest.slice;
  if (slice.end == slice.first) return;
  counters().deliveries += slice.end - slice.first;
  link.traffic.messagesOut += slice.end - slice.first;
  const Format format = payloadFormat(link);
  const bool isShared = slice.first >= link.ownBefore;
  if (isShared && link.room != nullptr && delivering_ == link.room && batch_.first() <= slice.first &&
      batch_.end() == slice.end) {
    writer.encoded(batch_.encoded(format).from(slice.first));  // the same for all who poll
    return;
  }
  ownBatch_.load(slice, harvest.seat.sessionSerial);
  if (isShared) {
    writer.encoded(ownBatch_.encoded(format).from(slice.first));
  } else {
    std::uint64_t skipped = 0;
    writer.encoded(ownBatch_.encodedWithout({0, link.ownBefore, harvest.userId}, format, slice.first, &skipped));
    link.traffic.messagesOut -= skipped;
  }
  counters().encodings += ownBatch_.takeEncodings();
}

void Worker::appendItem(Link& link, const Harvest& harvest, const store::WaitingItem& item,
                        engineio::PayloadWriter& writer) {
  if (item.kind == ItemKind::kPacket) return writer.text(item.text);
  if (item.kind == ItemKind::kBinary) return writer.binary(item.text);
  if (!store::isSnapshot(item.kind)) return;
  writer.text(snapshotPacket(link, item.kind, harvest.snapshot, harvest.userId));
}

}  // namespace mediasync::server
