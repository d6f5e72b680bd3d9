#include "bench/load/crowd.h"
#include "bench/load/measurement.h"
#include "bench/load/scenarios.h"

namespace mediasync::bench {

using nlohmann::json;

namespace {

struct Asked {
  std::uint64_t asked = 0;
  std::uint64_t notAsked = 0;  // the answer to the one before had not come
};

// All take turns, at the rate of the options, and wait for the last answers.
asio::awaitable<Asked> beat(Context& context, Crowd& crowd, double seconds) {
  constexpr std::int64_t kTickNs = 1'000'000;
  Asked result;
  context.tally = {};
  co_await pace(context, context.options.rate * crowd.size(), seconds, kTickNs, [&](std::uint64_t n, std::int64_t) {
    Client& client = *crowd.clients()[n % crowd.clients().size()];
    if (client.isAsking()) {
      ++result.notAsked;
    } else {
      ++result.asked;
      client.heartbeat();
    }
  });
  co_await until(context, context.options.patience, [&] { return context.tally.answers >= result.asked; });
  co_return result;
}

}  // namespace

Figures heartbeats(Context& context, const ServerProbe& probe) {
  constexpr double kSettleSeconds = 1;
  Crowd crowd(context);
  if (!co_await crowd.gather(true)) co_return json{{"ok", false}, {"problem", "not everybody came in"}};
  co_await pause(context, kSettleSeconds);
  co_await beat(context, crowd, context.options.warmup);
  const Measurement measurement(context, probe);
  const Asked result = co_await beat(context, crowd, context.options.seconds);

  json figures = measurement.end(context.tally.answers);
  figures.update({{"lost", result.asked - context.tally.answers},
                  {"not_asked", result.notAsked},
                  {"latency", latencyOf(context.tally.latency)}});
  figures.update(troubleOf(context.tally));
  figures["ok"] = figures["lost"] == 0 && context.tally.errors == 0 && context.tally.closed == 0;
  co_return figures;
}

}  // namespace mediasync::bench
