#include "core/worker/status.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "core/session/refusal.h"
#include "core/store/reserve.h"

namespace mediasync::server {

using Kind = api::Metric::Kind;
using C = store::WorkerCounters;
using Metrics = std::vector<api::Metric>;

namespace {

constexpr std::uint32_t kMilliseconds = 1000;
// The longest time for which a worker may have nothing to do, see Worker::tickDelay().
constexpr std::int64_t kIdle = 500;

// In the order of their enumerations.
constexpr std::array<std::string_view, store::CountsBy<store::HandshakeRefusal>::kSize> kHandshakeRefusals{
    "revision_3", "revision", "transport", "method", "malformed", "origin", "user", "connections", "memory", "unready"};
constexpr std::array<std::string_view, store::CountsBy<store::Forbidden>::kSize> kForbidden{"origin", "member", "user"};

// Sums over all workers.
template <class Read>
std::uint64_t sum(const store::Zone& zone, Read read) {
  std::uint64_t total = 0;
  for (std::uint32_t block = 0; block < zone.counterBlocks(); ++block)
    total += read(zone.counterBlock(block));
  return total;
}

std::uint64_t total(const store::Zone& zone, store::Count C::*counter) {
  return sum(zone, [counter](const C& counters) { return (counters.*counter).load(); });
}

// One figure for each value of an enumeration.
template <class Which>
void addBy(Metrics& out, const store::Zone& zone, const api::Metric& pattern, store::CountsBy<Which> C::*counts,
           const std::array<std::string_view, store::CountsBy<Which>::kSize>& names) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    out.push_back(pattern);
    out.back().label.value = names[i];
    out.back().value = sum(zone, [&](const C& counters) { return (counters.*counts).of(static_cast<Which>(i)); });
  }
}

void addConnections(Metrics& out, const store::Zone& zone) {
  for (const auto& [transport, name] :
       {std::pair(store::Transport::kPolling, "polling"), std::pair(store::Transport::kWebSocket, "websocket")}) {
    for (const bool isOld : {false, true}) {
      out.push_back({"transport_connections",
                     "Engine.IO connections by their transport and their revision of the protocol",
                     Kind::kGauge,
                     zone.connectionCount(transport, isOld),
                     {"transport", name},
                     {"revision", isOld ? "3" : "4"}});
    }
  }
}

void addRefusals(Metrics& out, const store::Zone& zone) {
  for (std::size_t i = 0; i <= session::kRefusals.size(); ++i) {
    const std::string_view code = i < session::kRefusals.size() ? session::kRefusals[i].code : "OTHER";
    out.push_back({"refusals_total",
                   "Events refused",
                   Kind::kCounter,
                   sum(zone, [i](const C& counters) { return counters.refusals[i].load(); }),
                   {"code", std::string(code)}});
  }
}

void addRest(Metrics& out, const store::Zone& zone) {
  for (std::size_t i = 0; i <= store::kRestStatuses.size(); ++i) {
    const bool isKnown = i < store::kRestStatuses.size();
    out.push_back({"rest_responses_total",
                   "Answers of REST",
                   Kind::kCounter,
                   sum(zone, [i](const C& counters) { return counters.rest[i].load(); }),
                   {"status", isKnown ? std::to_string(store::kRestStatuses[i]) : "other"}});
  }
}

void addEnds(Metrics& out, const store::Zone& zone) {
  for (std::size_t i = 0; i < store::kEndReasons; ++i) {
    out.push_back({"connections_ended_total",
                   "Connections that have ended",
                   Kind::kCounter,
                   zone.header().ended[i].load(),
                   {"reason", std::string(store::kEndReasonNames[i])}});
  }
}

// One that stands still has not said so: it is as late as it has not been seen.
std::int64_t lagOf(const store::WorkerEntry& worker, Instant now) {
  const std::int64_t silence = now.mono - worker.seenAt.load() - kIdle;
  return std::max({worker.lag.load(), worker.lagBefore.load(), silence, std::int64_t{0}});
}

void addWorkers(Metrics& out, const store::Zone& zone, Instant now) {
  for (std::uint16_t slot = 0; slot < store::kMaxWorkers; ++slot) {
    const store::WorkerEntry& worker = zone.worker(slot);
    if (worker.state.load() != store::WorkerState::kRunning) continue;
    out.push_back({"worker_lag_seconds",
                   "How late the event loop of a worker process was at most in the last 15 to 30 s",
                   Kind::kGauge,
                   static_cast<std::uint64_t>(lagOf(worker, now)),
                   {"worker", std::to_string(slot)},
                   {},
                   kMilliseconds});
  }
}

// A session with its first user has objects of so many sizes, and each size has pages of its own.
constexpr std::uint32_t kPagesOfNewcomer = 6;

// The bytes that newcomers can have of so many pages. The last ones are kept for members, and so few that a newcomer
// may be refused for want of one more are none.
std::uint64_t bytesForNewcomers(const store::PageHeap& heap, std::uint32_t pages) {
  const std::uint32_t reserve = store::pagesForConnections(heap.total());
  return pages >= reserve + kPagesOfNewcomer ? (pages - reserve) * store::kPageSize : 0;
}

std::uint64_t unsavedAge(const store::StateKeeping& state, Instant now) {
  const std::int64_t savedAt = state.savedAt.load();
  if (state.enabled.load() == 0 || savedAt == 0 || now.mono < savedAt) return 0;
  return static_cast<std::uint64_t>(now.mono - savedAt);
}

void addProcesses(Metrics& out, const store::Zone& zone, Instant now) {
  out.push_back({"start_time_seconds",
                 "When the zone was made, from when on counters count, since 1970",
                 Kind::kGauge,
                 static_cast<std::uint64_t>(zone.header().madeAt.load()),
                 {},
                 {},
                 kMilliseconds});
  std::uint64_t workers = 0;
  for (std::uint16_t slot = 0; slot < store::kMaxWorkers; ++slot)
    workers += zone.worker(slot).state.load() == store::WorkerState::kRunning;
  out.push_back({"workers", "Worker processes that use the zone", Kind::kGauge, workers});
  addWorkers(out, zone, now);
}

Metrics tables(const store::Zone& zone) {
  return {
      {"sessions", "Sessions", Kind::kGauge, zone.sessionCount()},
      {"users", "Users in sessions, the disconnected included", Kind::kGauge, zone.userCount()},
      {"session_connections", "Connections that are in a session", Kind::kGauge, zone.membershipCount()},
      {"connections", "Engine.IO connections", Kind::kGauge, zone.connectionCount()},
      {"recoverable_connections", "Connections that can be recovered, the lost ones included", Kind::kGauge,
       zone.recoveryCount()},
  };
}

Metrics memory(const store::Zone& zone) {
  const store::PageHeap& heap = zone.header().heap;
  return {
      {"sessions_evicted_total", "Abandoned sessions that gave way before their time", Kind::kCounter,
       total(zone, &C::evictions)},
      {"zone_size_bytes", "Memory for sessions and users, without what is kept for those who are there", Kind::kGauge,
       bytesForNewcomers(heap, heap.total())},
      {"zone_free_bytes", "Memory of it that no shard holds", Kind::kGauge, bytesForNewcomers(heap, heap.freePages())},
      {"zone_full_total", "Events, requests and handshakes refused since the zone was full", Kind::kCounter,
       zone.header().fullRefusals.load()},
      {"repairs_total", "Looks at the tables after the end of a worker", Kind::kCounter, zone.header().repairs.load()},
  };
}

Metrics stateFile(const store::Zone& zone, Instant now) {
  const store::StateKeeping& state = zone.header().state;
  return {
      {"state_unsaved_age_seconds",
       "How old the oldest change may be that is not in the state file",
       Kind::kGauge,
       unsavedAge(state, now),
       {},
       {},
       kMilliseconds},
      {"state_snapshots_total", "Snapshots written to the state file", Kind::kCounter, state.snapshots.load()},
      {"state_written_bytes_total", "Bytes written to the state file", Kind::kCounter, state.written.load()},
      {"state_failures_total", "Writes to the state file that failed", Kind::kCounter, state.failures.load()},
      {"state_unwritten_total", "Acknowledgements that were sent before the state file had the change", Kind::kCounter,
       state.unwritten.load()},
      {"state_restored_total", "Sessions read from the state file", Kind::kCounter, state.restored.load()},
  };
}

void addHandshakes(Metrics& out, const store::Zone& zone) {
  out.push_back({"handshakes_total", "Engine.IO handshakes", Kind::kCounter, total(zone, &C::handshakes)});
  addBy(out, zone, {"handshakes_refused_total", "Engine.IO handshakes turned away", Kind::kCounter, 0, {"reason", {}}},
        &C::turnedAway, kHandshakeRefusals);
  addBy(out, zone, {"forbidden_total", "Requests that the module refused with 403", Kind::kCounter, 0, {"reason", {}}},
        &C::forbidden, kForbidden);
}

Metrics work(const store::Zone& zone) {
  return {
      {"unknown_sids_total", "Requests for an Engine.IO connection that is not there", Kind::kCounter,
       total(zone, &C::unknownSids)},
      {"upgrades_total", "Upgrades from polling to WebSocket", Kind::kCounter, total(zone, &C::upgrades)},
      {"recoveries_total", "Lost connections that came back to where they were", Kind::kCounter,
       total(zone, &C::recoveries)},
      {"handovers_total", "WebSockets that went from a worker to one of a newer configuration", Kind::kCounter,
       total(zone, &C::handovers)},
      {"commands_total", "Events received", Kind::kCounter, total(zone, &C::commands)},
      {"rate_limited_total", "Events and requests refused since there were too many in a short time", Kind::kCounter,
       total(zone, &C::limited)},
      {"floods_total", "Connections closed since they went on sending too many events", Kind::kCounter,
       total(zone, &C::floods)},
      {"hooks_unanswered_total", "Questions that Lua did not answer in time", Kind::kCounter,
       total(zone, &C::hooksUnanswered)},
  };
}

Metrics deliveries(const store::Zone& zone) {
  return {
      {"encodings_total", "Broadcast events encoded", Kind::kCounter, total(zone, &C::encodings)},
      {"deliveries_total", "Broadcast events handed to connections", Kind::kCounter, total(zone, &C::deliveries)},
      {"sends_total", "System calls that wrote broadcasts to WebSockets", Kind::kCounter, total(zone, &C::sends)},
      {"skipped_total", "Superseded playback events not sent to full sockets", Kind::kCounter,
       total(zone, &C::skipped)},
      {"overruns_total", "Connections closed because they fell off the log", Kind::kCounter, total(zone, &C::overruns)},
  };
}

api::Distribution distributionOf(const store::Zone& zone, std::string_view name, std::string_view help,
                                 store::Histogram C::*histogram, std::size_t first) {
  api::Distribution shown{name, help, {}};
  std::uint64_t below = 0;
  for (std::size_t place = 0; place <= store::Histogram::kBounds; ++place) {
    const std::uint64_t count = sum(zone, [&](const C& counters) { return (counters.*histogram).count(place); });
    if (place == store::Histogram::kBounds) {
      shown.above = count;
    } else if (place < first) {
      below += count;
    } else {
      shown.buckets.push_back({store::Histogram::bound(place), count + std::exchange(below, 0)});
    }
  }
  shown.sum = sum(zone, [&](const C& counters) { return (counters.*histogram).sum(); });
  return shown;
}

void append(Metrics& out, const Metrics& more) {
  out.insert(out.end(), more.begin(), more.end());
}

}  // namespace

Metrics statusOf(const store::Zone& zone, Instant now) {
  Metrics metrics;
  addProcesses(metrics, zone, now);
  append(metrics, tables(zone));
  append(metrics, memory(zone));
  append(metrics, stateFile(zone, now));
  addHandshakes(metrics, zone);
  addConnections(metrics, zone);
  addRefusals(metrics, zone);
  addRest(metrics, zone);
  append(metrics, work(zone));
  append(metrics, deliveries(zone));
  addEnds(metrics, zone);
  return metrics;
}

api::ZoneStatus statusOf(const store::Zone& zone, std::string_view name, Instant now) {
  // Histograms begin with 16 µs, or with 1 ms.
  constexpr std::size_t kFine = 0, kCoarse = 6;
  return {
      name,
      statusOf(zone, now),
      {distributionOf(zone, "command_seconds", "Time from reading input with events in it until it was handled",
                      &C::commandTime, kFine),
       distributionOf(zone, "broadcast_seconds",
                      "Time that one worker took to send what is new in a session to its members", &C::broadcastTime,
                      kFine),
       distributionOf(zone, "hook_seconds", "Time until Lua answered a question, or was given up", &C::hookTime, kFine),
       distributionOf(zone, "heartbeat_seconds", "Round trip of heartbeats over WebSocket", &C::roundTrip, kCoarse),
       distributionOf(zone, "desync_seconds", "How far from the timeline viewers were that reported it", &C::distance,
                      kCoarse)}};
}

}  // namespace mediasync::server
