// Opens the mail that other workers have left for this one.
#pragma once

#include <vector>

#include "core/connection/link.h"
#include "core/context/part.h"
#include "core/store/connection_table.h"

namespace mediasync::server {

class Links;
class PollAnswers;
class Reload;
class Rooms;
class Snapshots;
class SocketWriter;

class Mailboxes : Part {
 public:
  Mailboxes(Context&, Links&, PollAnswers&, Reload&, Rooms&, Snapshots&, SocketWriter&);
  void sendFirst(Link&, const std::vector<store::WaitingItem>&);
  void sendItems(Link&, const std::vector<store::WaitingItem>&);
  void takeSessionMail();
  void takeConnectionMail();
  void fetchItems(Link&);

 private:
  void openMail(store::QueuedConnection);
  std::vector<store::WaitingItem> takeNews(Link&, store::ConnectionTransaction&);

  Links& links_;
  PollAnswers& pollAnswers_;
  Reload& reload_;
  Rooms& rooms_;
  Snapshots& snapshots_;
  SocketWriter& writer_;
};

}  // namespace mediasync::server
