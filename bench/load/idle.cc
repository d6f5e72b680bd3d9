#include "bench/load/crowd.h"
#include "bench/load/measurement.h"
#include "bench/load/scenarios.h"

namespace mediasync::bench {

using nlohmann::json;

Figures idle(Context& context, const ServerProbe& probe) {
  Crowd crowd(context);
  const std::int64_t memoryBefore = probe.memory();
  const json statusBefore = probe.status();
  const bool gathered = co_await crowd.gather(true);
  const auto connections = static_cast<std::uint64_t>(crowd.size()) - context.tally.failedToConnect;
  if (connections == 0) co_return json{{"ok", false}, {"problem", "nobody came in"}};
  co_await pause(context, context.options.idle);
  const Measurement measurement(context, probe);
  context.tally.lastNs = nowNs() + static_cast<std::int64_t>(context.options.idle * kNsPerSecond);
  co_await pause(context, context.options.idle);

  json figures = measurement.end(connections);
  figures.update(troubleOf(context.tally));
  figures["connections"] = connections;
  figures["memory_each"] = (probe.memory() - memoryBefore) / static_cast<std::int64_t>(connections);
  if (!statusBefore.is_null()) {
    const std::int64_t free =
        statusBefore["zone_free_bytes"].get<std::int64_t>() - probe.status()["zone_free_bytes"].get<std::int64_t>();
    figures["shared_memory_each"] = free / static_cast<std::int64_t>(connections);
    figures["shared_memory_per_session"] = free / context.options.sessions;
  }
  figures["ok"] = gathered && context.tally.closed == 0;
  co_return figures;
}

}  // namespace mediasync::bench
