// After a repair, and for what has no watcher: whoever made news may have died before telling.
#pragma once

#include <cstdint>

#include "core/context/part.h"

namespace mediasync::server {

class Links;
class Reaper;
class Rooms;
class Sockets;
class WaitingLine;

class Recheck : Part {
 public:
  Recheck(Context&, Links&, Reaper&, Rooms&, Sockets&, WaitingLine&);
  void lookAfterUnwatched();
  void lookAfterProbes();
  void recheckRooms();

 private:
  void recheckLink(store::Ref);
  void recheckConnections(std::uint32_t shard);

  Links& links_;
  Reaper& reaper_;
  Rooms& rooms_;
  Sockets& sockets_;
  WaitingLine& waiting_;
};

}  // namespace mediasync::server
