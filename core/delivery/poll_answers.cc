#include "core/delivery/poll_answers.h"

#include <utility>

#include "core/delivery/rooms.h"
#include "core/delivery/snapshots.h"
#include "core/engineio/packet.h"
#include "core/engineio/payload_writer.h"
#include "core/websocket/frame.h"

namespace mediasync::server {

using store::ConnectionTransaction;
using store::ItemKind;
using store::SessionTransaction;

namespace {

Format payloadFormat(const Recipient& member) {
  return {Format::Framing::kPayload, member.protocol.revision, member.options->timestamps, member.recoverable, {}};
}

// A poll takes at most about so much of the log at once.
constexpr std::size_t kPollBytes = 256 * 1024;

}  // namespace

PollAnswers::PollAnswers(Context& context, Rooms& rooms, Snapshots& snapshots)
    : Part(context), rooms_(rooms), snapshots_(snapshots) {}

// True if this worker knows the seat of the connection. If not, the mail that tells it is on its way.
bool PollAnswers::isInStep(const Recipient& member, const store::ConnectionRecord& record) {
  return member.namespaceConnected == record.namespaceConnected && member.recoverable == record.recoverable &&
         member.ownBefore == record.ownBefore && member.seat.membershipSerial == record.seat.membershipSerial;
}

// Ends the poll that waits, if one does, with one packet.
void PollAnswers::endPoll(Recipient& member, std::string_view packet) {
  Poll* poll = std::exchange(member.poll, nullptr);
  if (poll == nullptr) return;
  engineio::Payload payload = engineio::payloadOf(member.protocol, packet);
  member.traffic.sent(payload.bytes.size(), 1);
  poll->answer(std::move(payload));
}

// The answer to a poll, as it was found under the locks.
struct PollAnswers::Harvest {
  std::vector<store::WaitingItem> items;
  store::LogSlice slice;  // its events are in Rooms::ownBatch()
  store::Snapshot snapshot;
  std::string userId;  // whose seat it is; empty: there is none
  store::SeatRef seat;
  bool seatLost = false;
};

void PollAnswers::answerPoll(Recipient& member) {
  engineio::Payload payload;
  const Collected collected = collect(member, payload);
  if (collected == Collected::kNothing) return;
  if (Poll* poll = std::exchange(member.poll, nullptr)) poll->answer(std::move(payload));
  if (collected == Collected::kLost) doom(context_, member);
}

// Takes what waits for a polling connection: events of the log, then replies. kLost: the connection cannot go on, and
// the payload closes it.
PollAnswers::Collected PollAnswers::collect(Recipient& member, engineio::Payload& payload) {
  Harvest harvested;
  const Collected collected = harvest(member, harvested);
  if (collected == Collected::kLost) payload = engineio::payloadOf(member.protocol, engineio::kClosePacket);
  if (collected == Collected::kPayload) {
    engineio::PayloadWriter writer(member.protocol);
    appendHarvest(member, harvested, writer);
    payload = writer.take();
    member.traffic.sent(payload.bytes.size());
  }
  if (harvested.seatLost) rooms_.leaveRoom(member);
  if (collected != Collected::kPayload) return collected;
  if (member.room != nullptr && member.cursor >= member.room->pulled) rooms_.caughtUp(member);
  return payload.bytes.empty() ? Collected::kNothing : Collected::kPayload;
}

// Appends the packets that go before the events of the session, then those events, then replies.
void PollAnswers::appendHarvest(Recipient& member, const Harvest& harvest, engineio::PayloadWriter& writer) {
  member.traffic.messagesOut += harvest.items.size();
  for (const auto& item : harvest.items) {
    if (item.kind == ItemKind::kRecovered) writer.text(item.text);
  }
  appendEvents(member, harvest, writer);
  for (const auto& item : harvest.items)
    appendItem(member, harvest, item, writer);
}

PollAnswers::Collected PollAnswers::harvest(Recipient& member, Harvest& harvest) {
  ConnectionTransaction txn(zone_, member.connection.shard);
  if (!txn.open(member.connection)) return Collected::kNothing;
  const store::ConnectionRecord& record = txn.record();
  if (record.owner != id_ || record.transport != store::Transport::kPolling) return Collected::kNothing;
  if (record.overrun) return Collected::kLost;
  if (record.closing != store::Closing::kNo || !isInStep(member, record)) return Collected::kNothing;
  if (record.items.first != 0) harvest.items = txn.takeItems();
  if (txn.takePingDue()) harvest.items.push_back({ItemKind::kPacket, std::string(engineio::kPingPacket)});
  if (record.seat) harvestSeat(member, txn, harvest);
  if (harvest.slice.lost) return Collected::kLost;
  if (harvest.userId.empty()) {  // one who has left in the meantime is shown nothing
    std::erase_if(harvest.items, [](const auto& item) { return store::isSnapshot(item.kind); });
  }
  const bool nothing = harvest.slice.end == harvest.slice.first && harvest.items.empty();
  if (nothing && record.upgradingUntil > env_.now().mono) {
    // The client waits for this poll to end before it upgrades.
    harvest.items.push_back({ItemKind::kPacket, std::string(engineio::kNoopPacket)});
  } else if (nothing) {
    txn.commit();
    return Collected::kNothing;
  }
  txn.endPoll();
  txn.addToAccount(std::exchange(member.traffic, {}));
  txn.commit();
  return Collected::kPayload;
}

// The part that comes from the session: new events, and the snapshot that a waiting reply asks for.
void PollAnswers::harvestSeat(Recipient& member, ConnectionTransaction& txn, Harvest& harvest) {
  const store::ConnectionRecord& record = txn.record();
  bool wantsSnapshot = false;
  for (const auto& item : harvest.items)
    wantsSnapshot = wantsSnapshot || store::isSnapshot(item.kind);
  SessionTransaction session(zone_, record.seat.shard);
  member.cursor = record.cursor;  // other workers may have answered polls since this one did
  harvest.seat = record.seat;
  harvest.seatLost = true;
  if (session.open(record.seat.session, record.seat.sessionSerial)) {
    if (!record.awaitingSnapshot) {
      rooms_.ownBatch().raw().clear();
      harvest.slice = session.readLog(record.cursor, kPollBytes, rooms_.ownBatch().raw());
      member.cursor = harvest.slice.end;
    }
    const bool seated = session.openSeat(record.seat);
    if (seated) harvest.userId = session.user(session.seatUser()).id;
    if (seated && wantsSnapshot) {
      snapshots_.takeSnapshot(member, session, harvest.snapshot);
      if (record.awaitingSnapshot) member.cursor = session.logEnd();
    }
    harvest.seatLost = !seated && member.cursor == session.logEnd();
  }
  if (record.cursor != member.cursor) txn.readTo(member.cursor);
  if (wantsSnapshot) txn.endAwaitingSnapshot();
  if (harvest.seatLost) {
    txn.endSeat();
    txn.markEvicted();
  }
}

void PollAnswers::appendEvents(Recipient& member, const Harvest& harvest, engineio::PayloadWriter& writer) {
  const store::LogSlice& slice = harvest.slice;
  if (slice.end == slice.first) return;
  counters().deliveries += slice.end - slice.first;
  member.traffic.messagesOut += slice.end - slice.first;
  const Format format = payloadFormat(member);
  const bool isShared = slice.first >= member.ownBefore;
  if (Batch* shared = isShared ? rooms_.sharedBatch(member.room, slice.first, slice.end) : nullptr) {
    writer.encoded(shared->encoded(format).from(slice.first));  // the same for all who poll
    return;
  }
  rooms_.ownBatch().load(slice, harvest.seat.sessionSerial);
  if (isShared) {
    writer.encoded(rooms_.ownBatch().encoded(format).from(slice.first));
  } else {
    std::uint64_t skipped = 0;
    writer.encoded(
        rooms_.ownBatch().encodedWithout({0, member.ownBefore, harvest.userId}, format, slice.first, &skipped));
    member.traffic.messagesOut -= skipped;
  }
  counters().encodings += rooms_.ownBatch().takeEncodings();
}

void PollAnswers::appendItem(Recipient& member, const Harvest& harvest, const store::WaitingItem& item,
                             engineio::PayloadWriter& writer) {
  if (item.kind == ItemKind::kPacket) return writer.text(item.text);
  if (item.kind == ItemKind::kBinary) return writer.binary(item.text);
  if (!store::isSnapshot(item.kind)) return;
  writer.text(snapshots_.snapshotPacket(member, item.kind, harvest.snapshot, harvest.userId));
}

}  // namespace mediasync::server
