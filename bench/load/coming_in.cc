// Clients that connect, join and come back.
#include "bench/load/crowd.h"
#include "bench/load/measurement.h"
#include "bench/load/scenarios.h"

namespace mediasync::bench {
namespace {

using nlohmann::json;

// What members are to be told of those who joined after them.
std::uint64_t expectedAnnouncements(const Crowd& crowd) {
  std::uint64_t sum = 0;
  for (const auto& client : crowd.clients())
    sum += static_cast<std::uint64_t>(crowd.size() - client->usersAtJoin());
  return sum;
}

}  // namespace

Figures connects(Context& context, const ServerProbe& probe) {
  Crowd crowd(context);
  const Measurement measurement(context, probe);
  const bool gathered = co_await crowd.gather(true);
  if (context.options.bare) context.tally.lastNs = nowNs();
  json figures = measurement.end(static_cast<std::uint64_t>(crowd.size()));
  figures.update(troubleOf(context.tally));
  figures["ok"] = gathered && context.tally.errors == 0;
  co_return figures;
}

Figures joins(Context& context, const ServerProbe& probe) {
  Crowd crowd(context);
  const std::int64_t began = nowNs();
  const Measurement measurement(context, probe);
  const bool gathered = co_await crowd.gather(true);
  json figures = measurement.end(static_cast<std::uint64_t>(crowd.size()));
  const std::uint64_t expected = expectedAnnouncements(crowd);
  const bool told =
      co_await until(context, context.options.patience, [&] { return context.tally.announcements >= expected; });
  figures["seconds_until_told"] = static_cast<double>(nowNs() - began) / kNsPerSecond;
  figures["cpu_us_until_told"] = measurement.end(static_cast<std::uint64_t>(crowd.size()))["cpu_us"];
  figures["announcements"] = context.tally.announcements;
  figures["lost"] = static_cast<std::int64_t>(expected) - static_cast<std::int64_t>(context.tally.announcements);
  figures.update(troubleOf(context.tally));
  figures["ok"] = gathered && told && figures["lost"] == 0 && context.tally.errors == 0;
  co_return figures;
}

Figures reconnects(Context& context, const ServerProbe& probe) {
  constexpr double kSettleSeconds = 1;
  Crowd crowd(context);
  if (!co_await crowd.gather(true)) co_return json{{"ok", false}, {"problem", "not everybody came in"}};
  co_await pause(context, kSettleSeconds);
  context.tally = {};
  const Measurement measurement(context, probe);
  for (const auto& client : crowd.clients())
    client->drop();
  const bool gathered = co_await crowd.gather(true);
  if (context.options.bare) context.tally.lastNs = nowNs();
  json figures = measurement.end(static_cast<std::uint64_t>(crowd.size()));
  figures.update(troubleOf(context.tally));
  figures["ok"] = gathered && context.tally.errors == 0;
  co_return figures;
}

}  // namespace mediasync::bench
