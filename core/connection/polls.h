// Engine.IO over HTTP: handshakes, polls and POSTs, each on whichever worker it arrives.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "core/connection/application.h"
#include "core/connection/handshakes.h"
#include "core/connection/post_job.h"
#include "core/context/part.h"
#include "core/engineio/error.h"
#include "core/engineio/packet.h"
#include "core/engineio/payload.h"

namespace mediasync::server {

class Applications;
class Accounts;
class Alarms;
class Eviction;
class Handshakes;
class Links;
class Outbox;
class PollAnswers;
class WaitingLine;

class Polls : Part {
 public:
  Polls(Context&, Accounts&, Alarms&, Eviction&, Handshakes&, Links&, Outbox&, PollAnswers&, WaitingLine&,
        Applications&);
  struct Opened {
    std::string sid;
    engineio::Payload payload;  // to answer with
  };
  enum class PollOutcome { kWaits, kAnswered, kRefused };
  struct PollResult {
    PollOutcome outcome;
    engineio::Payload payload;                             // kAnswered
    engineio::Error error = engineio::Error::kUnknownSid;  // kRefused
  };
  struct PostResult {
    std::optional<engineio::Error> error;
  };
  std::variant<Opened, NoSpace> open(const Options&, engineio::Protocol = {}, const Newcomer& = {});
  // A poll. When it waits, `poll` is kept until it is answered or abandon() is called.
  PollResult poll(const store::RandomId& sid, Poll& poll, const Options&);
  void abandon(const store::RandomId& sid, Poll& poll);
  std::optional<PostResult> post(PostJob& job);
  void cancel(PostJob& job);
  std::optional<PostResult> runPost(PostJob&);

 private:
  PollResult lastPoll(store::ConnectionTransaction&, const Options&);
  std::optional<engineio::Error> beginPost(PostJob&);
  void endPost(PostJob&);
  Handled handlePacket(PostJob&, const engineio::Packet&);
  std::optional<PostResult> wait(PostJob&);
  std::optional<PostResult> rest(PostJob&, std::int64_t ms);
  bool isBacklogged(PostJob&);
  static bool isAtEnd(const PostJob&);
  engineio::PayloadDecoder::Result nextPacket(PostJob&, engineio::Packet&);
  void noteHeard(PostJob&);

  Accounts& accounts_;
  Alarms& alarms_;
  Eviction& eviction_;
  Handshakes& handshakes_;
  Links& links_;
  Outbox& outbox_;
  PollAnswers& pollAnswers_;
  WaitingLine& waiting_;
  Applications& applications_;
};

}  // namespace mediasync::server
