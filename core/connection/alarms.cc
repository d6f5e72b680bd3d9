#include "core/connection/alarms.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace mediasync::server {

namespace {

// An offer is withdrawn after so long.
constexpr std::int64_t kOfferTime = 1'000;

}  // namespace

Alarms::Alarms(Context& context) : Part(context) {}

// The answer of the peer may be waiting in the socket: that takes nothing from its time.
void Alarms::resumeHeartbeat(Link& link, std::int64_t at, Instant now) {
  setDeadline(link, link.waiting == Link::Waiting::kForPing ? at : std::max(at, now.mono + kOfferTime));
}

// A polling connection that goes from worker to worker keeps its heartbeat.
void Alarms::syncHeartbeat(Link& link, const store::ConnectionRecord& record) {
  const engineio::Settings& engine = link.options->engine;
  if (link.protocol.revision == engineio::Revision::kV3) {
    link.pingSent = record.lastHeard + 1;
    setDeadline(link, record.lastHeard + engine.pingInterval + engine.pingTimeout);
  } else if (record.lastPing > record.lastHeard) {
    link.waiting = Link::Waiting::kForPong;
    link.pingSent = record.lastPing;
    setDeadline(link, record.lastPing + engine.pingTimeout);
  } else {
    link.waiting = Link::Waiting::kForPing;
    setDeadline(link, record.lastHeard + engine.pingInterval);
  }
}

void Alarms::setDeadline(Link& link, std::int64_t at) {
  link.heartbeatAt = at;
  setAlarm(link, link.connectBy != 0 ? std::min(link.connectBy, at) : at);
}

void Alarms::setAlarm(Link& link, std::int64_t at) {
  if (link.DeadlineHook::is_linked()) deadlines_.erase(deadlines_.iterator_to(link));
  link.deadline = at;
  deadlines_.insert(link);
}

// From revision 4 on the server pings; before that the client does, and is waited for from the start.
void Alarms::watchFor(Link& link, Instant now) {
  const engineio::Settings& engine = link.options->engine;
  const bool clientPings = link.protocol.revision == engineio::Revision::kV3;
  link.waiting = clientPings ? Link::Waiting::kForPong : Link::Waiting::kForPing;
  link.pingSent = now.mono;
  setDeadline(link, now.mono + engine.pingInterval + (clientPings ? engine.pingTimeout : 0));
}

void Alarms::awaitConnect(Link& link, std::int64_t connectBy) {
  link.connectBy = connectBy;
  setDeadline(link, link.heartbeatAt);
}

std::int64_t Alarms::next() const {
  return deadlines_.empty() ? std::numeric_limits<std::int64_t>::max() : deadlines_.begin()->deadline;
}

void Alarms::forget(Link& link) {
  if (link.DeadlineHook::is_linked()) deadlines_.erase(deadlines_.iterator_to(link));
}

}  // namespace mediasync::server
