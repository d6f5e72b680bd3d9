// What a worker does for a packet, without the kernel's part.
#include <benchmark/benchmark.h>

#include "bench/micro/room.h"

namespace mediasync::bench {
namespace {

void heartbeat(benchmark::State& state) {
  Room room;
  room.add();
  for (auto _ : state)
    room.say(0, kHeartbeat);
}
BENCHMARK(heartbeat);

// Time for each of the members that get it.
void broadcast(benchmark::State& state) {
  Room room;
  for (int i = 0; i < state.range(0); ++i)
    room.add();
  const std::size_t before = room.bytesSent(room.size() - 1);
  for (auto _ : state)
    room.say(0, kSync);
  if (room.bytesSent(room.size() - 1) == before) state.SkipWithError("nothing was delivered");
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(broadcast)->Arg(5)->Arg(100)->Arg(1000)->Arg(5000);

// One user more in a session that has so many.
void join(benchmark::State& state) {
  constexpr int kJoins = 20;
  Room room;
  for (int i = 0; i < state.range(0); ++i)
    room.add();
  for (int i = 0; i < kJoins; ++i)
    room.add(false);
  auto next = static_cast<std::size_t>(state.range(0));
  for (auto _ : state)
    room.join(next++);
  if (room.bytesSent(room.size() - 1) < static_cast<std::size_t>(state.range(0)) * 100)
    state.SkipWithError("nobody joined");
}
BENCHMARK(join)->Arg(5)->Arg(100)->Arg(1000)->Arg(5000)->Iterations(20);

}  // namespace
}  // namespace mediasync::bench
