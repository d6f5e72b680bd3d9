// Members of sessions on this worker. What a session's log has gained goes to every member: encoded once, one write for
// each connection.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/context/part.h"
#include "core/delivery/batch.h"
#include "core/delivery/room.h"

namespace mediasync::server {

class Sessions;
class SocketWriter;

// Answers the polls of members.
class PolledMembers {
 public:
  virtual ~PolledMembers() = default;
  virtual void answerPoll(Recipient&) = 0;
};

class Rooms : Part {
 public:
  Rooms(Context&, Sessions&, SocketWriter&);
  void answerPollsBy(PolledMembers& members) { pollAnswers_ = &members; }
  // `session`: its serial.
  Room* find(std::uint64_t session);
  bool has(std::uint64_t session) const { return rooms_.contains(session); }
  const std::unordered_map<std::uint64_t, std::unique_ptr<Room>>& all() const { return rooms_; }
  // The time at which comings and goings that wait are due, in monotonic milliseconds.
  std::int64_t nextRound() const;
  // The batch that the members of the room are being sent, if it is the same from `from` to `end`; null otherwise.
  Batch* sharedBatch(const Room*, std::uint64_t from, std::uint64_t end);
  // For what one connection reads for itself.
  Batch& ownBatch() { return ownBatch_; }
  void enterRoom(Recipient&, std::uint64_t cursor, std::uint64_t head = 0);
  void leaveRoom(Recipient&);
  // From now on sessions stay watched when their last member here leaves: logs keep the events that members need until
  // the worker that adopts them needs those, and removes this worker's watchers.
  void keepWatches() { keepsWatches_ = true; }
  void watch(Room&);
  void announce(Room&);
  void deliver(Room&);
  void deliverDue(std::int64_t now);
  void fallBehind(Recipient&);
  void catchUp(Recipient&);
  void caughtUp(Recipient&);
  void needsChanged(Room&);
  void publishNeeds();
  void publishNeeds(Room&);

 private:
  bool isUrgent(const Room&);
  void unwatch(const Room&);
  void keepFor(const Recipient&);
  bool pull(Room&);
  void deliverBatch(Room&);
  void deliverTo(Recipient&);
  std::size_t writeEvents(Recipient&, const EncodedBatch&, std::uint64_t from);
  void overrun(Recipient&);
  void checkSeats(Room&);
  bool isSeated(const Recipient&);
  void unseat(Recipient&);
  bool sendSome(Recipient&, std::uint64_t newestSync);
  std::string seatUserId(const Recipient&);

  Sessions& sessions_;
  SocketWriter& writer_;
  PolledMembers* pollAnswers_ = nullptr;
  std::unordered_map<std::uint64_t, std::unique_ptr<Room>> rooms_;  // by the serial of the session
  Batch batch_{context_.compressor};                                // what a room is being sent
  Batch ownBatch_{context_.compressor};                             // what one connection reads for itself
  Room* delivering_ = nullptr;                                      // whose events batch_ holds
  std::vector<std::uint64_t> waitingRooms_;                         // sessions whose events wait for the next round
  std::vector<std::uint64_t> roomsWithNews_;                        // sessions whose needs have changed
  bool keepsWatches_ = false;                                       // this worker ends
};

}  // namespace mediasync::server
