// Bytes to commands, and events to bytes.
#include <benchmark/benchmark.h>

#include <vector>

#include "bench/masked_frame.h"
#include "bench/micro/samples.h"
#include "core/api/command_parser.h"
#include "core/api/events.h"
#include "core/engineio/packet.h"
#include "core/socketio/decoder.h"
#include "core/store/event_codec.h"
#include "core/websocket/decoder.h"
#include "core/websocket/frame.h"

namespace mediasync::bench {
namespace {

session::Event syncEvent() {
  session::PlaybackSync sync;
  sync.state.mediaUrl = "https://example.com/films/demo.mp4";
  sync.state.mediaId = "film-1";
  sync.state.position = 12.5;
  sync.leaderId = "user-0-0";
  return {1'640'995'200'123, sync};
}

void frameEncode(benchmark::State& state) {
  const std::string payload(static_cast<std::size_t>(state.range(0)), 'x');
  std::string out;
  for (auto _ : state) {
    out.clear();
    websocket::appendFrame(out, websocket::Opcode::kText, payload);
    benchmark::DoNotOptimize(out.data());
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(frameEncode)->Arg(15)->Arg(253)->Arg(4096);

void frameDecode(benchmark::State& state) {
  const std::string frame = maskedFrame(std::string(static_cast<std::size_t>(state.range(0)), 'x'), kMaskingKey);
  std::vector<std::uint8_t> input(frame.size());
  websocket::Decoder decoder(1'000'000);
  for (auto _ : state) {
    input.assign(frame.begin(), frame.end());  // decoding unmasks in place
    std::span<std::uint8_t> bytes(input);
    websocket::Message message;
    benchmark::DoNotOptimize(decoder.next(bytes, message));
    benchmark::DoNotOptimize(decoder.next(bytes, message));
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(frameDecode)->Arg(15)->Arg(253)->Arg(4096);

void packetDecode(benchmark::State& state, std::string_view text) {
  const socketio::Limits limits;
  for (auto _ : state) {
    const auto packet = engineio::decodeText(text);
    socketio::Packet decoded;
    benchmark::DoNotOptimize(socketio::decode(packet->data, limits, decoded));
  }
}
BENCHMARK_CAPTURE(packetDecode, heartbeat, kHeartbeat);
BENCHMARK_CAPTURE(packetDecode, sync_playback, kSync);

void commandParse(benchmark::State& state) {
  socketio::Packet packet;
  socketio::decode(kSync.substr(1), {}, packet);
  for (auto _ : state)
    benchmark::DoNotOptimize(api::parseCommand(packet.data));
}
BENCHMARK(commandParse);

void eventToJson(benchmark::State& state) {
  const session::Event event = syncEvent();
  std::string out;
  for (auto _ : state) {
    out.clear();
    api::appendEvent(out, event, api::TimestampUnit::kSeconds);
    benchmark::DoNotOptimize(out.data());
  }
}
BENCHMARK(eventToJson);

void eventThroughLog(benchmark::State& state) {
  const session::Event event = syncEvent();
  std::string bytes;
  for (auto _ : state) {
    store::encodeEvent(event, bytes);
    benchmark::DoNotOptimize(store::decodeEvent(std::as_bytes(std::span(bytes))));
  }
}
BENCHMARK(eventThroughLog);

}  // namespace
}  // namespace mediasync::bench
