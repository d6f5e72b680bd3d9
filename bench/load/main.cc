// mediasync_load: loads a server that speaks this API, and prints what came of it as JSON. bench/README.md has the
// scenarios.
#include <utility>  // before co_spawn.hpp, which needs it and does not say so in Boost 1.74

#include <boost/asio/co_spawn.hpp>
#include <iostream>
#include <map>

#include "bench/load/scenarios.h"

namespace {

using namespace mediasync::bench;

using Scenario = Figures (*)(Context&, const ServerProbe&);

const std::map<std::string, Scenario> kScenarios{
    {"fan-out", fanOut},           {"fan-out-maximum", fanOutMaximum},
    {"slow-readers", slowReaders}, {"idle", idle},
    {"connect", connects},         {"join", joins},
    {"reconnect", reconnects},     {"heartbeat", heartbeats},
    {"rest", restReads},           {"film", filmRanges},
};

int run(const Options& options, Scenario scenario) {
  Context context(options);
  const ServerProbe probe(options.pid, options.port, options.statusPath);
  int status = 1;
  asio::co_spawn(
      context.io,
      [&]() -> asio::awaitable<void> {
        const nlohmann::json figures = co_await scenario(context, probe);
        std::cout << figures.dump() << std::endl;
        status = figures["ok"] == true ? 0 : 2;
        context.io.stop();
      },
      [](const std::exception_ptr& failure) {
        if (failure) std::rethrow_exception(failure);
      });
  context.io.run();
  return status;
}

}  // namespace

int main(int count, char** words) {
  std::string problem;
  const auto options = parseOptions(count, words, problem);
  const auto scenario = options ? kScenarios.find(options->scenario) : kScenarios.end();
  if (scenario == kScenarios.end()) {
    std::cerr << "mediasync_load: " << (options ? "there is no scenario " + options->scenario : problem) << '\n';
    return 1;
  }
  try {
    return run(*options, scenario->second);
  } catch (const std::exception& failure) {
    std::cerr << "mediasync_load: " << failure.what() << '\n';
    return 1;
  }
}
