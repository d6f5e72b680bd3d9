// The handover of WebSockets to the workers of a newer configuration.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/connection/channel.h"
#include "core/context/part.h"

namespace mediasync::server {

class Alarms;
class Handshakes;
class Links;
class PollAnswers;
class Rooms;
class SocketWriter;
class WaitingLine;
class Applications;

class Reload : Part {
 public:
  Reload(Context&, Alarms&, Handshakes&, Links&, PollAnswers&, Rooms&, SocketWriter&, WaitingLine&, Applications&);
  // The process does not serve for much longer: gives away as many WebSockets as are ready for it, and sends other
  // clients away, a few at a time. To be called again and again; false when nothing is left to wait for, or it has
  // taken too long, and stop() is due.
  bool retire();
  // This process can be given WebSockets.
  void takeHandovers();
  // A WebSocket that another worker has given away, with its `parcel`. Null: it is none of this worker's business.
  std::unique_ptr<Channel> adopt(std::string_view parcel, WebSocket&, const Options&, bool knowsUsers = false);
  // This process cannot have it: whoever gave it keeps it.
  void decline(std::string_view parcel);
  void takeBack(Link&);
  void declined(Link&);
  void sendElsewhere(Link&);

 private:
  struct Parcel;
  struct Contents;
  // Workers that take WebSockets, by their slots; `turn` goes round them.
  struct Successors {
    std::vector<std::uint16_t> slots;
    std::size_t turn;
  };
  bool isOvertaken() const;
  void findSuccessors();
  bool isReadyToGo(const Link&) const;
  static bool mustReconnect(const Link&);
  void giveAwayAll(const std::vector<store::ConnectionRef>& sockets);
  bool giveAway(Link&);
  void spreadDepartures(std::vector<Link*>, Instant now);
  void sendAway(Link&, Instant now);
  std::string pack(const Link&, std::uint32_t ticket) const;
  static bool unpack(std::string_view bytes, Parcel&, Contents&);
  bool markOffered(const Link&, std::uint32_t ticket);
  void suspend(Link&, std::uint32_t ticket);

  Alarms& alarms_;
  Handshakes& handshakes_;
  Links& links_;
  PollAnswers& pollAnswers_;
  Rooms& rooms_;
  SocketWriter& writer_;
  WaitingLine& waiting_;
  Applications& applications_;
  Successors successors_;
  std::uint32_t tickets_ = 0;
  std::int64_t drainUntil_ = 0;   // monotonic: by then clients have been sent away; 0: the process is not about to end
  std::int64_t retireUntil_ = 0;  // monotonic: nobody is waited for any longer
};

}  // namespace mediasync::server
