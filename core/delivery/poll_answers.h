// What a poll is answered with.
#pragma once

#include <string_view>

#include "core/context/part.h"
#include "core/delivery/rooms.h"
#include "core/engineio/payload.h"
#include "core/engineio/payload_writer.h"
#include "core/store/session_transaction.h"

namespace mediasync::server {

class Rooms;
class Snapshots;

class PollAnswers : Part, public PolledMembers {
 public:
  PollAnswers(Context&, Rooms&, Snapshots&);
  enum class Collected { kNothing, kPayload, kLost };
  void answerPoll(Link&) override;
  void endPoll(Link&, std::string_view packet);
  Collected collect(Link&, engineio::Payload& payload);

 private:
  struct Harvest;
  static bool isInStep(const Link&, const store::ConnectionRecord&);
  Collected harvest(Link&, Harvest&);
  void harvestSeat(Link&, store::ConnectionTransaction&, Harvest&);
  void appendEvents(Link&, const Harvest&, engineio::PayloadWriter&);
  void appendHarvest(Link&, const Harvest&, engineio::PayloadWriter&);
  void appendItem(Link&, const Harvest&, const store::WaitingItem&, engineio::PayloadWriter&);

  Rooms& rooms_;
  Snapshots& snapshots_;
};

}  // namespace mediasync::server
