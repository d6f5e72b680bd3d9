// The Engine.IO connections of the zone. Any worker may look one up by its sid; one worker owns it. All that can happen
// to the record of a connection is a transition here; those of its state are in connection_transitions.cc.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/store/connection_contents.h"

namespace mediasync::store {

// What a connection agrees on with its client when it begins, and where that came from.
struct Handshake {
  std::uint8_t revision = 4;  // of Engine.IO
  bool base64 = false;        // takes binary messages as text only
  std::uint8_t timestampUnit = 0;
  std::uint32_t pingInterval = 0;  // milliseconds
  std::uint32_t pingTimeout = 0;
  Realm realm;
  std::optional<SecretHash> secret;          // of the client, where the realm asks for one
  std::uint64_t client = 0;                  // see Zone::clientOf()
  std::array<std::uint32_t, 6> allowance{};  // what it may send, packed
};

// A CONNECT to "/" that was accepted.
struct MainNamespace {
  RandomId socketId{};
  std::optional<RandomId> pid;       // under which the connection can be recovered
  std::optional<SecretHash> secret;  // that the client has shown with it
};

// Where a client comes back to.
struct Recovered {
  RandomId socketId{};
  RandomId pid{};
  std::optional<SecretHash> secret;
  SeatRef seat;
  std::uint64_t cursor = 0;     // the first event that it has missed
  std::uint64_t joinedAt = 0;   // as in the record
  std::uint64_t ownBefore = 0;  // the same
};

// Who makes a change: the worker that owns the WebSocket of the connection, and knows of it; or any worker, for a POST,
// of which the owner has to be told.
enum class Origin : std::uint8_t { kOwner, kPost };

// One connection during one change. Transitions apply to the current one, and take effect together with the commit.
// "Tells …" is what commit(wake) does then.
class ConnectionTransaction : public ConnectionContents {
 public:
  using ConnectionContents::ConnectionContents;

  // Makes a new connection the current one. Throws OutOfSpace.
  void create(const RandomId& sid, WorkerId owner, Transport, Instant now);
  // Of one that was just created.
  void shakeHands(const Handshake&);
  // Removes the current one; what waited to be sent is dropped.
  void destroy();

  // ---- its end
  // It is to be closed: its owner does what there is to do. The first reason is the one that counts. Tells the owner.
  void markClosing(Closing, EndReason);

  // ---- its owner
  // A poll has come to `owner`, which has the connection from now on, with the log of that location. Tells whoever had
  // it before, if that was another.
  void beginPoll(WorkerId owner, std::uint64_t location);
  // The poll is answered, or was sent away.
  void endPoll() { edit(record_->pollWaiting) = false; }
  // `owner` sees to a connection whose owner has died. Tells the new one.
  void inherit(WorkerId owner);
  // The owner offers a WebSocket to other processes, under this number; it goes on with it itself.
  void offer(std::uint32_t ticket) { edit(record_->handover) = ticket; }
  void withdrawOffer() { edit(record_->handover) = 0; }
  // Nobody wants it. Tells the owner.
  void declineOffer();
  // `owner` has it from now on, with the log of that location. The cursor counts if it is of that membership. Tells
  // whoever offered it.
  void acceptOffer(WorkerId owner, std::uint64_t membershipSerial, std::uint64_t cursor, std::uint64_t location);

  // ---- what its client sends
  void beginPost(WorkerId poster);
  void endPost(const Traffic&, const std::array<std::uint32_t, 6>& allowance);
  // The POST at work comes to nothing, or its worker has died.
  void dropPost(const Traffic& = {});
  // Something was heard of it at that time, monotonic.
  void heard(std::int64_t at) { edit(record_->lastHeard) = at; }
  // A ping was due at that time, monotonic: the next poll is answered with it.
  void pingSent(std::int64_t at);
  // Whether that is so, once.
  bool takePingDue();

  // ---- the upgrade
  // A WebSocket that `prober` has is about to upgrade the connection, if it does so in time (monotonic).
  void beginProbe(WorkerId prober, std::int64_t until);
  // Its probe is answered; until that time polls end at once. Tells the owner.
  void answerProbe(std::int64_t until);
  // No WebSocket is there any more to upgrade the connection.
  void endProbe();
  // It is the transport from now on, and `owner` has it. Tells whoever had the connection before, if that was another.
  void becomeWebSocket(WorkerId owner);

  // ---- its namespaces
  // By that time, monotonic, it must be connected to one.
  void awaitConnect(std::int64_t by) { edit(record_->connectBy) = by; }
  void connectMain(const MainNamespace&);
  // Its seat has been ended before. A POST's is told the owner.
  void disconnectMain(Origin);
  // Throws OutOfSpace; false when there are too many.
  bool connectOther(std::string_view name, const RandomId& socketId);
  // False: it is not connected to that one. A POST's is told the owner.
  bool disconnectOther(std::string_view name, Origin);

  // ---- its seat
  // It has joined a session, and is told what comes from `cursor` on. A poll is to be answered with session_joined, of
  // which the owner is told.
  void seat(const SeatRef&, std::uint64_t cursor, Origin);
  // Its client has left the session. A POST's is told the owner.
  void leave(Origin);
  // It has no seat any more; its account keeps where that was. `userSerial` 0: the user has left.
  void endSeat(std::uint64_t userSerial = 0);
  // That was not its own doing: the user has left by another connection.
  void markEvicted() { edit(record_->evicted) = true; }
  // Has been sent all events before that offset.
  void readTo(std::uint64_t cursor) { edit(record_->cursor) = cursor; }
  // The record no longer says that session_joined has to be sent.
  void endAwaitingSnapshot();

  // ---- its recovery
  // Its client has come back to where it was.
  void recover(const Recovered&);
  // After that: the next poll is answered with this packet, and with session_joined, if it is awaited. Tells the owner.
  void welcomeBack(std::string_view answer, bool awaitsSnapshot);
  // Nobody can come back to it any more.
  void endRecovery() { edit(record_->recoverable) = false; }
  // Where the client can come back to has changed: the state file is to be told.
  void noteUnsaved();

 private:
  std::atomic<std::uint32_t>& kindCount();
  void become(Transport, std::uint8_t revision);
};

}  // namespace mediasync::store
