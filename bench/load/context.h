// What every part of a run shares, and how a scenario waits.
#pragma once

#include <utility>  // before awaitable.hpp, which needs it and does not say so in Boost 1.74

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <vector>

#include "bench/load/clock.h"
#include "bench/load/options.h"
#include "bench/load/read_set.h"
#include "bench/load/tally.h"

namespace mediasync::bench {

namespace asio = boost::asio;

struct Context {
  explicit Context(const Options& given) : options(given), readSet(io), buffer(512 * 1024) {}

  const Options& options;
  asio::io_context io{1};
  ReadSet readSet;
  Tally tally;
  // Where all sockets are read into: what is read is worked off before the next read.
  std::vector<char> buffer;
};

asio::awaitable<void> sleepUntil(Context& context, std::int64_t ns);
asio::awaitable<void> pause(Context& context, double seconds);

// Comes back once `done()` is true; with false when that takes longer than `seconds`.
template <class Done>
asio::awaitable<bool> until(Context& context, double seconds, Done done) {
  constexpr std::int64_t kLookEveryNs = 1'000'000;
  const std::int64_t end = nowNs() + static_cast<std::int64_t>(seconds * kNsPerSecond);
  while (!done()) {
    if (nowNs() > end) co_return false;
    co_await sleepUntil(context, nowNs() + kLookEveryNs);
  }
  co_return true;
}

}  // namespace mediasync::bench
