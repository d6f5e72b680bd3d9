// A worker without a process, and members in one session of it who take everything and look at nothing.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "bench/masked_frame.h"
#include "bench/micro/samples.h"
#include "core/worker/worker.h"
#include "tests/unit/store/test_zone.h"

namespace mediasync::bench {

class StandingClock final : public server::Environment {
 public:
  Instant time{1'640'995'200'000, 10'000'000};
  store::test::FixedRandom source;

  Instant now() override { return time; }
  std::int64_t wallMicroseconds() override { return time.wall * 1000; }
  RandomSource& random() override { return source; }
  void wakeWorker(std::uint16_t) override { isWoken = true; }
  bool processAlive(store::ProcessId) override { return true; }
  void log(Severity, std::string_view) override {}

  bool isWoken = false;
};

class CountingSocket final : public server::WebSocket {
 public:
  std::size_t bytes = 0;

  std::ptrdiff_t write(std::string_view data) override {
    bytes += data.size();
    return static_cast<std::ptrdiff_t>(data.size());
  }
  void pause(bool) override {}
  void finish() override {}
  bool canBeGiven() const override { return false; }
  Giving give(std::uint16_t, std::string_view) override { return Giving::kNotYet; }
  void letGo() override {}
  void goOn() override {}
};

class Room {
 public:
  Room() : memory_(256 << 20), zone_(store::Zone::create(memory_.span(), 2, {}, clock_.source).value()) {
    worker_ = std::make_unique<server::Worker>(zone_, std::uint16_t{0}, 1000, clock_);
    worker_->flush();
  }
  ~Room() {
    for (auto& member : members_)
      worker_->sockets().gone(*member->channel);
  }
  Room(const Room&) = delete;
  Room& operator=(const Room&) = delete;

  // One member more, connected and, where asked for, in the session; the first leads it. Each is another user.
  void add(bool joins = true) {
    auto member = std::make_unique<Member>();
    auto opened = worker_->sockets().openChannel(member->socket, options_);
    member->channel = std::move(std::get<std::unique_ptr<server::Channel>>(opened));
    members_.push_back(std::move(member));
    say(members_.size() - 1, "40");
    if (joins) join(members_.size() - 1);
  }
  void join(std::size_t member) {
    say(member, "42[\"join_session\",{\"sessionId\":\"session\",\"userId\":\"user-" + std::to_string(member) +
                    "\",\"username\":\"Alice Example\",\"avatar\":\"https://example.com/avatar.jpg\"}]");
  }
  // That member sends a packet, and the worker does all that follows from it.
  void say(std::size_t member, std::string_view packet) {
    std::string frame = maskedFrame(packet, kMaskingKey);
    worker_->sockets().received(*members_[member]->channel, {reinterpret_cast<std::uint8_t*>(frame.data()), frame.size()});
    worker_->flush();
    while (std::exchange(clock_.isWoken, false)) {
      worker_->wake();
      worker_->flush();
    }
  }
  std::size_t size() const { return members_.size(); }
  std::size_t bytesSent(std::size_t member) const { return members_[member]->socket.bytes; }

 private:
  struct Member {
    CountingSocket socket;
    std::unique_ptr<server::Channel> channel;
  };

  StandingClock clock_;
  store::test::SharedMemory memory_;
  store::Zone zone_;
  server::Options options_;
  std::unique_ptr<server::Worker> worker_;
  std::vector<std::unique_ptr<Member>> members_;
};

}  // namespace mediasync::bench
