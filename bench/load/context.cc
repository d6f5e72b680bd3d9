#include "bench/load/context.h"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace mediasync::bench {

asio::awaitable<void> sleepUntil(Context& context, std::int64_t ns) {
  asio::steady_timer timer(context.io, atNs(ns));
  co_await timer.async_wait(asio::use_awaitable);
}

asio::awaitable<void> pause(Context& context, double seconds) {
  co_await sleepUntil(context, nowNs() + static_cast<std::int64_t>(seconds * kNsPerSecond));
}

}  // namespace mediasync::bench
