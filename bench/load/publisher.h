// Puts messages into the channels of a server whose WebSockets only receive: one POST each, in order for each session.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "bench/load/http_stream.h"

namespace mediasync::bench {

class Publisher {
 public:
  explicit Publisher(Context& context);
  void publish(int session, std::string message);

 private:
  struct Lane {
    std::unique_ptr<HttpStream> stream;
    std::deque<std::string> waiting;
  };
  void next(Lane& lane);

  Context& context_;
  std::vector<Lane> lanes_;
};

}  // namespace mediasync::bench
