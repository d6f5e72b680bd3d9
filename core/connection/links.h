// The connections that this worker owns: they come, follow their records, and end.
#pragma once

#include <memory>
#include <unordered_map>

#include "core/connection/link.h"
#include "core/context/part.h"
#include "core/store/connection_table.h"

namespace mediasync::server {

class Accounts;
class Alarms;
class Departures;
class PollAnswers;
class Rooms;
class SocketWriter;
class WaitingLine;

class Links : Part {
 public:
  Links(Context&, Accounts&, Alarms&, Departures&, PollAnswers&, Rooms&, SocketWriter&, WaitingLine&);
  // Nothing is told to anybody: the process is gone.
  ~Links();
  const std::unordered_map<store::Ref, std::unique_ptr<Link>>& all() const { return links_; }
  Link& own(store::ConnectionTransaction&, const Options&, Instant now);
  Link* linkOf(store::Ref connection);
  Link* linkOf(const store::ConnectionRef&);
  void syncSeat(Link&, const store::ConnectionRecord&);
  void endDoomed();
  void letGo(Link&);
  void disown(Link&);
  void closedByClient(Link&);
  void closeLink(Link&, const Ending&);
  void sendToOthers(Link&);
  void dropConnection(Link&, const Ending&);

 private:
  Accounts& accounts_;
  Alarms& alarms_;
  Departures& departures_;
  PollAnswers& pollAnswers_;
  Rooms& rooms_;
  SocketWriter& writer_;
  WaitingLine& waiting_;
  std::unordered_map<store::Ref, std::unique_ptr<Link>> links_;
};

}  // namespace mediasync::server
