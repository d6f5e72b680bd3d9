// Clients that read over HTTP while sessions are there: REST, and films.
#include <algorithm>
#include <functional>
#include <random>

#include "bench/load/crowd.h"
#include "bench/load/http_stream.h"
#include "bench/load/measurement.h"
#include "bench/load/scenarios.h"

namespace mediasync::bench {
namespace {

using nlohmann::json;

// Each reader asks again as soon as it was answered, until it is told to stop.
class Readers {
 public:
  Readers(Context& context, Tally& tally, std::function<std::string()> request)
      : tally_(tally), request_(std::move(request)) {
    for (int i = 0; i < context.options.readers; ++i) {
      streams_.push_back(std::make_unique<HttpStream>(context, i));
      streams_.back()->onlyCountBodies();
    }
  }
  void start() {
    for (const auto& stream : streams_)
      ask(*stream);
  }
  void stop() { isStopped_ = true; }
  bool areDone() const {
    return std::none_of(streams_.begin(), streams_.end(), [](const auto& stream) { return stream->isBusy(); });
  }
  std::uint64_t bytes() const { return bytes_; }

 private:
  void ask(HttpStream& stream) {
    stream.request(request_(), [this, &stream, askedNs = nowNs()](const Response& response) {
      tally_.answer(askedNs, nowNs());
      bytes_ += response.bodySize;
      if (response.status / 100 != 2) ++tally_.errors;
      if (response.status != 0 && !isStopped_) ask(stream);
    });
  }

  Tally& tally_;
  std::function<std::string()> request_;
  std::vector<std::unique_ptr<HttpStream>> streams_;
  std::uint64_t bytes_ = 0;
  bool isStopped_ = false;
};

std::function<std::string()> rangesOf(const Options& options) {
  const int last = options.filmBytes / options.rangeBytes - 1;
  return [&options, random = std::minstd_rand(), place = std::uniform_int_distribution<int>(0, last)]() mutable {
    const std::int64_t from = static_cast<std::int64_t>(place(random)) * options.rangeBytes;
    const std::string range = std::to_string(from) + "-" + std::to_string(from + options.rangeBytes - 1);
    return getRequest(options.film, "Range: bytes=" + range + "\r\n");
  };
}

// Megabytes a second that the readers get, with messages in the sessions or without.
asio::awaitable<json> readFilm(Context& context, const ServerProbe& probe, Crowd& crowd, bool withMessages) {
  constexpr double kMegabyte = 1e6;
  crowd.startCounting();
  Tally ranges;
  Readers readers(context, ranges, rangesOf(context.options));
  const std::int64_t began = nowNs();
  const std::int64_t cpuBefore = probe.cpuNs();
  readers.start();
  if (withMessages)
    co_await crowd.play(context.options.rate, context.options.seconds);
  else
    co_await pause(context, context.options.seconds);
  const double seconds = static_cast<double>(nowNs() - began) / kNsPerSecond;
  const double megabytes = static_cast<double>(readers.bytes()) / kMegabyte;
  const auto cpuNs = static_cast<double>(probe.cpuNs() - cpuBefore);
  json figures{{"megabytes_per_second", megabytes / seconds},
               {"cpu_us_per_megabyte", cpuNs / 1e3 / megabytes},
               {"server_busy", cpuNs / kNsPerSecond / seconds},
               {"range_latency", latencyOf(ranges.latency)}};
  readers.stop();
  co_await until(context, context.options.patience, [&] { return readers.areDone(); });
  co_await crowd.drain();
  figures.update({{"errors", ranges.errors + context.tally.errors},
                  {"lost", crowd.lost()},
                  {"deliveries", context.tally.deliveries},
                  {"latency", latencyOf(context.tally.latency)}});
  co_return figures;
}

}  // namespace

Figures restReads(Context& context, const ServerProbe& probe) {
  Crowd crowd(context);
  if (!co_await crowd.gather(true)) co_return json{{"ok", false}, {"problem", "not everybody came in"}};
  context.tally = {};
  int next = 0;
  Readers readers(context, context.tally,
                  [&] { return getRequest("/api/sessions/" + sessionName(next++ % context.options.sessions)); });
  const Measurement measurement(context, probe);
  readers.start();
  co_await pause(context, context.options.seconds);
  readers.stop();
  co_await until(context, context.options.patience, [&] { return readers.areDone(); });
  json figures = measurement.end(context.tally.answers);
  figures["latency"] = latencyOf(context.tally.latency);
  figures["bytes_each"] = readers.bytes() / std::max<std::uint64_t>(context.tally.answers, 1);
  figures.update(troubleOf(context.tally));
  figures["ok"] = context.tally.errors == 0;
  co_return figures;
}

Figures filmRanges(Context& context, const ServerProbe& probe) {
  Crowd crowd(context);
  if (!co_await crowd.gather(true)) co_return json{{"ok", false}, {"problem", "not everybody came in"}};
  json without = co_await readFilm(context, probe, crowd, false);
  json with = co_await readFilm(context, probe, crowd, true);
  json figures{{"without_messages", without}, {"with_messages", with}};
  figures["ok"] = with["lost"] == 0 && with["errors"] == 0 && without["errors"] == 0;
  co_return figures;
}

}  // namespace mediasync::bench
