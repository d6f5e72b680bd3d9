// The Engine.IO connections of the zone. Any worker may look one up by its sid; one worker owns it. All changes to a
// connection's record are transitions here.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/store/connection_contents.h"

namespace mediasync::store {

// The parameters of a connection from its handshake, and its origin.
struct Handshake {
  std::uint8_t revision = 4;  // of Engine.IO
  bool base64 = false;        // accepts binary messages only as text
  std::uint8_t timestampUnit = 0;
  std::uint32_t pingInterval = 0;  // milliseconds
  std::uint32_t pingTimeout = 0;
  Realm realm;
  std::optional<SecretHash> secret;          // the client's, if the realm asks for one
  std::uint64_t client = 0;                  // see Zone::clientOf()
  std::array<std::uint32_t, 6> allowance{};  // its rates, packed
};

// An accepted CONNECT to "/".
struct MainNamespace {
  RandomId socketId{};
  std::optional<RandomId> pid;       // for its recovery
  std::optional<SecretHash> secret;  // that the client presented with it
};

// The place that a client recovers.
struct Recovered {
  RandomId socketId{};
  RandomId pid{};
  std::optional<SecretHash> secret;
  SeatRef seat;
  std::uint64_t cursor = 0;     // the first missed event
  std::uint64_t joinedAt = 0;   // as in the record
  std::uint64_t ownBefore = 0;  // as in the record
};

// The source of a change: the worker that owns the connection's WebSocket, and therefore knows; or any worker with a
// POST, which must notify the owner.
enum class Origin : std::uint8_t { kOwner, kPost };

// One connection during one change. Transitions apply to the current connection and take effect together at the commit.
// "Notifies …" is done by commit(wake).
class ConnectionTransaction : public ConnectionContents {
 public:
  using ConnectionContents::ConnectionContents;

  // Creates a connection and makes it current. Throws OutOfSpace.
  void create(const RandomId& sid, WorkerId owner, Transport, Instant now);
  // For a connection that was just created.
  void shakeHands(const Handshake&);
  // Removes the current connection and drops its waiting output.
  void destroy();

  // ---- its end
  // Marks the connection to be closed by its owner. The first reason counts. Notifies the owner.
  void markClosing(Closing, EndReason);

  // ---- its owner
  // A poll has arrived at `owner`, which owns the connection from now on, with the log of that location. Notifies the
  // former owner, if that was another.
  void beginPoll(WorkerId owner, std::uint64_t location);
  // The poll was answered or closed.
  void endPoll() { edit(record_->pollWaiting) = false; }
  // `owner` adopts a connection whose owner has died. Notifies the new owner.
  void inherit(WorkerId owner);
  // The owner offers the WebSocket to other processes, under this number; meanwhile it stays the owner.
  void offer(std::uint32_t ticket) { edit(record_->handover) = ticket; }
  void withdrawOffer() { edit(record_->handover) = 0; }
  // No process can take it. Notifies the owner.
  void declineOffer();
  // `owner` owns it from now on, with the log of that location. The cursor is used if it belongs to the present
  // membership. Notifies the process that offered it.
  void acceptOffer(WorkerId owner, std::uint64_t membershipSerial, std::uint64_t cursor, std::uint64_t location);

  // ---- what its client sends
  void beginPost(WorkerId poster);
  void endPost(const Traffic&, const std::array<std::uint32_t, 6>& allowance);
  // The POST in progress is abandoned, or its worker has died.
  void dropPost(const Traffic& = {});
  // The client was heard at that time, monotonic.
  void heard(std::int64_t at) { edit(record_->lastHeard) = at; }
  // A ping was due at that time, monotonic: the next poll is answered with it.
  void pingSent(std::int64_t at);
  // Returns whether a ping is due, and clears that.
  bool takePingDue();

  // ---- the upgrade
  // A WebSocket of `prober` is about to upgrade the connection, by `until` (monotonic).
  void beginProbe(WorkerId prober, std::int64_t until);
  // The probe is answered; until that time polls end at once. Notifies the owner.
  void answerProbe(std::int64_t until);
  // The WebSocket that was to upgrade the connection is gone.
  void endProbe();
  // WebSocket is the transport from now on, and `owner` owns the connection. Notifies the former owner, if that was
  // another.
  void becomeWebSocket(WorkerId owner);

  // ---- its namespaces
  // Sets the deadline, monotonic, for connecting to a namespace.
  void awaitConnect(std::int64_t by) { edit(record_->connectBy) = by; }
  void connectMain(const MainNamespace&);
  // The seat must have ended before. Notifies the owner for a POST.
  void disconnectMain(Origin);
  // Throws OutOfSpace. Returns false if there are too many.
  bool connectOther(std::string_view name, const RandomId& socketId);
  // Returns false if the connection has no such namespace. Notifies the owner for a POST.
  bool disconnectOther(std::string_view name, Origin);

  // ---- its seat
  // The connection has joined a session and receives events from `cursor` on. A poll must be answered with
  // session_joined, of which the owner is notified.
  void seat(const SeatRef&, std::uint64_t cursor, Origin);
  // The client has left the session. Notifies the owner for a POST.
  void leave(Origin);
  // The connection has no seat any more; its account keeps the last one. `userSerial` 0: the user has left.
  void endSeat(std::uint64_t userSerial = 0);
  // The user has left by another connection.
  void markEvicted() { edit(record_->evicted) = true; }
  // All events before that offset have been sent.
  void readTo(std::uint64_t cursor) { edit(record_->cursor) = cursor; }
  // session_joined no longer needs to be sent.
  void endAwaitingSnapshot();

  // ---- its recovery
  // The client has recovered its place.
  void recover(const Recovered&);
  // After that: the next poll is answered with this packet, and with session_joined if it is awaited. Notifies the
  // owner.
  void welcomeBack(std::string_view answer, bool awaitsSnapshot);
  // The connection can no longer be recovered.
  void endRecovery() { edit(record_->recoverable) = false; }
  // The recoverable place has changed: the state file needs it.
  void noteUnsaved();

 private:
  std::atomic<std::uint32_t>& kindCount();
  void become(Transport, std::uint8_t revision);
};

}  // namespace mediasync::store
