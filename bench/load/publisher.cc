#include "bench/load/publisher.h"

#include <algorithm>

#include "bench/load/client.h"

namespace mediasync::bench {
namespace {

constexpr int kMostLanes = 16;

}  // namespace

Publisher::Publisher(Context& context) : context_(context) {
  for (int i = 0; i < std::min(context.options.sessions, kMostLanes); ++i)
    lanes_.push_back({std::make_unique<HttpStream>(context, i), {}});
}

void Publisher::publish(int session, std::string message) {
  Lane& lane = lanes_[static_cast<std::size_t>(session) % lanes_.size()];
  lane.waiting.push_back(postRequest(context_.options.publishPath + sessionName(session), "text/plain", message));
  if (!lane.stream->isBusy()) next(lane);
}

void Publisher::next(Lane& lane) {
  std::string request = std::move(lane.waiting.front());
  lane.waiting.pop_front();
  lane.stream->request(std::move(request), [this, &lane](const Response& response) {
    if (response.status / 100 != 2) ++context_.tally.errors;
    if (!lane.waiting.empty()) next(lane);
  });
}

}  // namespace mediasync::bench
