// The parts of a worker that a caller acts through.
#pragma once

namespace mediasync::store {
class Zone;
}

namespace mediasync::server {

class Links;
class Outbox;
class Rooms;
class Snapshots;
class SocketWriter;

struct CallerParts {
  store::Zone& zone;
  Links& links;
  Outbox& outbox;
  Rooms& rooms;
  Snapshots& snapshots;
  SocketWriter& writer;
};

}  // namespace mediasync::server
