// Answers polls.
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
  void answerPoll(Recipient&) override;
  void endPoll(Recipient&, std::string_view packet);
  Collected collect(Recipient&, engineio::Payload& payload);

 private:
  struct Harvest;
  static bool isInStep(const Recipient&, const store::ConnectionRecord&);
  Collected harvest(Recipient&, Harvest&);
  void harvestSeat(Recipient&, store::ConnectionTransaction&, Harvest&);
  void appendEvents(Recipient&, const Harvest&, engineio::PayloadWriter&);
  void appendHarvest(Recipient&, const Harvest&, engineio::PayloadWriter&);
  void appendItem(Recipient&, const Harvest&, const store::WaitingItem&, engineio::PayloadWriter&);

  Rooms& rooms_;
  Snapshots& snapshots_;
};

}  // namespace mediasync::server
