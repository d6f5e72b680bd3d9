#include "core/server/status.h"

namespace mediasync::server {

using Kind = api::Metric::Kind;

std::vector<api::Metric> statusOf(const store::Zone& zone) {
  const auto total = [&zone](std::atomic<std::uint64_t> store::WorkerCounters::*counter) {
    std::uint64_t sum = 0;
    for (std::uint16_t slot = 0; slot < store::kMaxWorkers; ++slot)
      sum += (zone.worker(slot).counters.*counter).load();
    return sum;
  };
  std::uint64_t workers = 0;
  for (std::uint16_t slot = 0; slot < store::kMaxWorkers; ++slot) {
    workers += zone.worker(slot).state.load() == store::WorkerState::kRunning;
  }
  const store::PageHeap& heap = zone.header().heap;
  const store::StateKeeping& state = zone.header().state;
  using C = store::WorkerCounters;
  std::vector<api::Metric> metrics{
      {"workers", "Worker processes that use the zone", Kind::kGauge, workers},
      {"sessions", "Sessions", Kind::kGauge, zone.sessionCount()},
      {"users", "Users in sessions, the disconnected included", Kind::kGauge, zone.userCount()},
      {"session_connections", "Connections that are in a session", Kind::kGauge, zone.membershipCount()},
      {"connections", "Engine.IO connections", Kind::kGauge, zone.connectionCount()},
      {"recoverable_connections", "Connections that can be recovered, the lost ones included", Kind::kGauge,
       zone.recoveryCount()},
      {"sessions_evicted_total", "Abandoned sessions that gave way before their time", Kind::kCounter,
       total(&C::evictions)},
      {"zone_size_bytes", "Memory for records", Kind::kGauge, heap.total() * store::kPageSize},
      {"zone_free_bytes", "Memory for records that no shard holds", Kind::kGauge, heap.freePages() * store::kPageSize},
      {"repairs_total", "Looks at the tables after the end of a worker", Kind::kCounter, zone.header().repairs.load()},
      {"state_snapshots_total", "Snapshots written to the state file", Kind::kCounter, state.snapshots.load()},
      {"state_written_bytes_total", "Bytes written to the state file", Kind::kCounter, state.written.load()},
      {"state_failures_total", "Writes to the state file that failed", Kind::kCounter, state.failures.load()},
      {"state_unwritten_total", "Acknowledgements that were sent before the state file had the change", Kind::kCounter,
       state.unwritten.load()},
      {"state_restored_total", "Sessions read from the state file", Kind::kCounter, state.restored.load()},
      {"handshakes_total", "Engine.IO handshakes", Kind::kCounter, total(&C::handshakes)},
      {"handshakes_refused_total", "Engine.IO handshakes for which there was no room", Kind::kCounter,
       total(&C::turnedAway)},
      {"upgrades_total", "Upgrades from polling to WebSocket", Kind::kCounter, total(&C::upgrades)},
      {"recoveries_total", "Lost connections that came back to where they were", Kind::kCounter, total(&C::recoveries)},
      {"handovers_total", "WebSockets that went from a worker to one of a newer configuration", Kind::kCounter,
       total(&C::handovers)},
      {"commands_total", "Events received", Kind::kCounter, total(&C::commands)},
      {"refusals_total", "Events refused", Kind::kCounter, total(&C::refusals)},
      {"rate_limited_total", "Events and requests refused since there were too many in a short time", Kind::kCounter,
       total(&C::limited)},
      {"floods_total", "Connections closed since they went on sending too many events", Kind::kCounter,
       total(&C::floods)},
      {"hooks_unanswered_total", "Questions that Lua did not answer in time", Kind::kCounter,
       total(&C::hooksUnanswered)},
      {"encodings_total", "Broadcast events encoded", Kind::kCounter, total(&C::encodings)},
      {"deliveries_total", "Broadcast events handed to connections", Kind::kCounter, total(&C::deliveries)},
      {"sends_total", "System calls that wrote broadcasts to WebSockets", Kind::kCounter, total(&C::sends)},
      {"skipped_total", "Superseded playback events not sent to full sockets", Kind::kCounter, total(&C::skipped)},
      {"overruns_total", "Connections closed because they fell off the log", Kind::kCounter, total(&C::overruns)},
  };
  for (std::size_t i = 0; i < store::kEndReasons; ++i) {
    metrics.push_back({"connections_ended_total", "Connections that have ended", Kind::kCounter,
                       zone.header().ended[i].load(), api::Metric::Label{"reason", store::kEndReasonNames[i]}});
  }
  return metrics;
}

}  // namespace mediasync::server
