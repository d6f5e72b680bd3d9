// Commands that wait are tried again.
#pragma once

#include <cstdint>

#include "core/connection/channel.h"
#include "core/connection/post_job.h"
#include "core/context/part.h"

namespace mediasync::server {

class Applications;
class Outbox;
class Polls;
class Sockets;
class WaitingLine;

class Retries : Part {
 public:
  Retries(Context&, Outbox&, Polls&, Sockets&, WaitingLine&, Applications&);
  // Monotonic milliseconds.
  std::int64_t next() const;
  void runDue(Instant now);
  // Some of their questions have been answered.
  void scriptsAnswered();
  void retryWaiting();

 private:
  bool retry(Channel&);
  bool retry(PostJob&);

  Outbox& outbox_;
  Polls& polls_;
  Sockets& sockets_;
  WaitingLine& waiting_;
  Applications& applications_;
  std::int64_t retryDelay_ = kRetryDelay;
  std::int64_t lastRetry_ = 0;  // monotonic
};

}  // namespace mediasync::server
