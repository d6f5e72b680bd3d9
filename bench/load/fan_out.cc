#include "bench/load/crowd.h"
#include "bench/load/measurement.h"
#include "bench/load/scenarios.h"

namespace mediasync::bench {
namespace {

constexpr double kSettleSeconds = 1;  // for the last announcements of who joined

using nlohmann::json;

struct Step {
  json figures;
  bool isInTime = false;
};

// Sends at `rate` for `seconds`, and waits for all of it.
asio::awaitable<Step> step(Context& context, const ServerProbe& probe, Crowd& crowd, double rate, double seconds) {
  crowd.startCounting();
  const Measurement measurement(context, probe);
  co_await crowd.play(rate, seconds);
  const bool drained = co_await crowd.drain();
  const Tally& tally = context.tally;
  Step result{measurement.end(tally.deliveries), false};
  const std::uint64_t lost = crowd.lost();
  result.figures.update({{"rate", rate}, {"lost", lost}, {"latency", latencyOf(tally.latency)}});
  result.figures.update(troubleOf(tally));
  result.isInTime = drained && lost == 0 && tally.latency.percentileUs(0.99) < context.options.latencyMs * 1e3;
  co_return result;
}

bool isWhole(const json& figures) {
  return figures["lost"] == 0 && figures["doubled"] == 0 && figures["errors"] == 0 && figures["closed"] == 0;
}

}  // namespace

Figures fanOut(Context& context, const ServerProbe& probe) {
  Crowd crowd(context);
  if (!co_await crowd.gather(true)) co_return json{{"ok", false}, {"problem", "not everybody came in"}};
  co_await pause(context, kSettleSeconds);
  co_await crowd.play(context.options.rate, context.options.warmup);
  co_await crowd.drain();
  Step measured = co_await step(context, probe, crowd, context.options.rate, context.options.seconds);
  measured.figures["ok"] = isWhole(measured.figures);
  co_return measured.figures;
}

Figures fanOutMaximum(Context& context, const ServerProbe& probe) {
  constexpr double kGrowth = 1.5;
  constexpr int kRefinements = 4;
  Crowd crowd(context);
  if (!co_await crowd.gather(true)) co_return json{{"ok", false}, {"problem", "not everybody came in"}};
  co_await pause(context, kSettleSeconds);
  json best;
  double good = 0, bad = 0;
  for (double rate = context.options.rate; bad == 0; rate *= kGrowth) {
    Step tried = co_await step(context, probe, crowd, rate, context.options.seconds);
    (tried.isInTime ? good : bad) = rate;
    if (tried.isInTime) best = tried.figures;
  }
  for (int i = 0; i < kRefinements && good > 0; ++i) {
    const double rate = (good + bad) / 2;
    Step tried = co_await step(context, probe, crowd, rate, context.options.seconds);
    (tried.isInTime ? good : bad) = rate;
    if (tried.isInTime) best = tried.figures;
  }
  if (best.is_null()) co_return json{{"ok", false}, {"problem", "even the first rate was too high"}};
  best["ok"] = isWhole(best);
  co_return best;
}

Figures slowReaders(Context& context, const ServerProbe& probe) {
  constexpr double kReadAgainSeconds = 3;
  Crowd crowd(context);
  if (!co_await crowd.gather(true)) co_return json{{"ok", false}, {"problem", "not everybody came in"}};
  co_await pause(context, kSettleSeconds);
  Tally slow;
  crowd.setApart(context.options.slow, slow);
  for (WebSocketClient* client : crowd.apart())
    client->stopReading();
  Step measured = co_await step(context, probe, crowd, context.options.rate, context.options.seconds);
  for (WebSocketClient* client : crowd.apart())
    client->goOnReading();
  co_await pause(context, kReadAgainSeconds);
  measured.figures["slow"] = {
      {"deliveries", slow.deliveries}, {"lost", slow.lost}, {"doubled", slow.doubled}, {"closed", slow.closed}};
  measured.figures["ok"] = isWhole(measured.figures) && slow.doubled == 0;
  co_return measured.figures;
}

}  // namespace mediasync::bench
