#include "bench/load/crowd.h"
#include "bench/load/measurement.h"
#include "bench/load/scenarios.h"

namespace mediasync::bench {

using nlohmann::json;

Figures heartbeats(Context& context, const ServerProbe& probe) {
  constexpr double kSettleSeconds = 1;
  Crowd crowd(context);
  if (!co_await crowd.gather(true)) co_return json{{"ok", false}, {"problem", "not everybody came in"}};
  co_await pause(context, kSettleSeconds);
  context.tally = {};
  std::uint64_t asked = 0, tooLate = 0;
  const Measurement measurement(context, probe);
  const double rate = context.options.rate * crowd.size();
  co_await pace(context, rate, context.options.seconds, [&](std::uint64_t n, std::int64_t) {
    Client& client = *crowd.clients()[n % crowd.clients().size()];
    client.isAsking() ? ++tooLate : ++asked;
    if (!client.isAsking()) client.heartbeat();
  });
  co_await until(context, context.options.patience, [&] { return context.tally.answers >= asked; });

  json figures = measurement.end(context.tally.answers);
  figures.update({{"lost", asked - context.tally.answers},
                  {"not_asked", tooLate},  // the answer to the one before had not come
                  {"latency", latencyOf(context.tally.latency)}});
  figures.update(troubleOf(context.tally));
  figures["ok"] = figures["lost"] == 0 && context.tally.errors == 0 && context.tally.closed == 0;
  co_return figures;
}

}  // namespace mediasync::bench
