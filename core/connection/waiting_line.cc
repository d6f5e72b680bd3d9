#include "core/connection/waiting_line.h"

#include <algorithm>
#include <utility>

#include "core/connection/post_job.h"

namespace mediasync::server {

const Deferred* WaitingLine::Waiting::deferred() const {
  return channel != nullptr ? channel->deferred.get() : job->deferred.get();
}

WaitsFor WaitingLine::Waiting::waitsFor() const {
  return deferred() != nullptr ? deferred()->waitsFor : WaitsFor{};
}

bool WaitingLine::Waiting::goesBefore(const Waiting& other) const {
  const WaitsFor own = waitsFor(), others = other.waitsFor();
  return own.isMinor != others.isMinor ? others.isMinor : own.place < others.place;
}

std::vector<WaitingLine::Waiting> WaitingLine::takeWaiting() {
  std::vector<Waiting> all;
  for (Channel* channel : std::exchange(pending_.waiting, {}))
    all.push_back({channel, nullptr});
  for (PostJob* job : std::exchange(pending_.posts, {}))
    all.push_back({nullptr, job});
  std::stable_sort(all.begin(), all.end(), [](const Waiting& a, const Waiting& b) { return a.goesBefore(b); });
  return all;
}

// A command begins to wait, or goes on to.
void WaitingLine::noteWaiting(Deferred* deferred) {
  const WaitsFor busy = std::exchange(lastBusy_, {});
  if (deferred == nullptr) return;
  const std::uint64_t place = deferred->waitsFor.place;
  deferred->waitsFor = busy;
  deferred->waitsFor.place = place != 0 ? place : ++waitingCount_;
  line_.add(busy);
}

}  // namespace mediasync::server
