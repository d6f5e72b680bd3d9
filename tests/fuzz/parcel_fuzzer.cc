// The parcel in which a worker gives away a WebSocket. Whatever the bytes, the worker that gets them takes the
// WebSocket or leaves it, neither is harmed, and in the end nothing is left of it.
//
// Input: a digit that is 1 when a real parcel is changed, and 0 when all of it is made up; a digit that is 1 when it is
// declined first. Of what is changed: four characters each, two for where, one for what, and '.' behind the last. Of
// what is made up: its size and its bytes. Then what the peer sends afterwards.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/connection/letter.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/require.h"
#include "tests/unit/worker/world.h"

using namespace mediasync;
using namespace mediasync::server;
using namespace mediasync::server::test;

namespace {

Options options() {
  Options made;
  made.engine.maxPayload = 20'000;
  made.user = "ann";
  made.log = 1;
  return made;
}

store::ZoneSettings settings() {
  store::ZoneSettings made;
  made.sessionTimeout = 60'000;
  made.recovery = 30'000;
  return made;
}

void receive(Worker& worker, Channel& channel, std::string bytes) {
  worker.sockets().received(channel, {reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size()});
  worker.flush();
}

std::string changed(std::string parcel, fuzz::Input& input) {
  while (!input.atEnd()) {
    const std::size_t high = input.byte();
    const std::size_t at = (high << 8 | input.byte()) % parcel.size();
    parcel[at] = static_cast<char>(input.byte());
    if (input.byte() == '.') break;
  }
  return parcel;
}

// A WebSocket of worker 0, on its way to worker 1 in the middle of a message.
class Journey {
 public:
  Journey() : world_(1, settings(), 2 << 20) {
    auto opened = world_.worker(0).sockets().openChannel(socket_, options(), Agreement{{}, Compression{15, 1, 60}});
    channel_ = std::move(std::get<std::unique_ptr<Channel>>(opened));
    receive(world_.worker(0), *channel_, clientFrame("40"));
    receive(world_.worker(0), *channel_,
            clientFrame(R"(42["join_session",{"sessionId":"a","userId":"ann","username":"Ann"}])"));
    receive(world_.worker(0), *channel_, clientFrame(R"(42["heartbeat"])").substr(0, 12));
    world_.reload({1});
    world_.retire(0);
    FUZZ_REQUIRE(socket_.gift);
  }

  std::string parcel() const { return socket_.gift->parcel; }

  void arrive(std::string_view parcel, std::string_view input) {
    auto adopted = world_.worker(1).reload().adopt(parcel, taken_, options(), true);
    world_.worker(1).flush();
    world_.settle();
    if (adopted != nullptr) {
      FUZZ_REQUIRE(socket_.letGoes == 1);
      receive(world_.worker(1), *adopted, std::string(input));
    }
    world_.advance(5'000, 500);
    if (adopted != nullptr && !taken_.finished) world_.worker(1).sockets().gone(*adopted);
    if (socket_.letGoes == 0 && !socket_.finished) world_.worker(0).sockets().gone(*channel_);
    world_.settle();
    world_.advance(120'000, 5'000);
    const auto findings = store::test::checkInvariants(world_.zone);
    if (!findings.ok()) std::fputs(findings.text().c_str(), stderr);
    FUZZ_REQUIRE(findings.ok() && isEmpty(world_));
  }

  void decline(std::string_view parcel) {
    world_.worker(1).reload().decline(parcel);
    world_.worker(1).flush();
    world_.settle();
  }

 private:
  World world_;
  FakeSocket socket_, taken_;
  std::unique_ptr<Channel> channel_;
};

// The letter around a parcel is all of its bytes, and any bytes are a letter or too short.
void checkLetter(std::string_view bytes) {
  const auto letter = readLetter(bytes);
  if (letter) FUZZ_REQUIRE(letterHead(*letter) + std::string(letter->parcel) == bytes);
  const std::string written = letterHead({bytes.substr(0, 8), bytes.size(), bytes}) + std::string(bytes);
  const auto again = readLetter(written);
  FUZZ_REQUIRE(again && again->zone == bytes.substr(0, 8) && again->location == bytes.size() && again->parcel == bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const std::uint32_t form = input.below(2);
  const bool isDeclined = input.below(2) == 1;
  checkLetter({reinterpret_cast<const char*>(data), size});
  Journey journey;
  std::string parcel;
  if (form == 0) parcel = input.bytes(input.byte());
  if (form == 1) parcel = changed(journey.parcel(), input);
  if (isDeclined) journey.decline(parcel);
  journey.arrive(parcel, input.rest());
  return 0;
}
