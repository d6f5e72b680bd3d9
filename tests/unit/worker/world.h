// Worker processes without processes: several server::Worker objects over one zone, with a clock that stands
// still, wake-ups that are delivered by hand, and clients that speak the protocols.
#pragma once

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/engineio/base64.h"
#include "core/websocket/deflate.h"
#include "core/worker/worker.h"
#include "tests/unit/store/invariants.h"

namespace mediasync::server::test {

using nlohmann::json;
using Strings = std::vector<std::string>;

class FakeEnvironment final : public Environment {
 public:
  explicit FakeEnvironment(std::uint64_t seed = 7) : source(seed) {}

  Instant time{1'640'995'200'000, 10'000'000};
  std::int64_t microseconds = 0;  // beyond `time`
  store::test::FixedRandom source;
  std::set<std::uint16_t> woken;
  std::set<store::ProcessId> dead;

  Instant now() override { return time; }
  std::int64_t wallMicroseconds() override { return time.wall * 1000 + microseconds; }
  RandomSource& random() override { return source; }
  void wakeWorker(std::uint16_t slot) override { woken.insert(slot); }
  void log(Severity, std::string_view line) override { logged.emplace_back(line); }
  Strings logged;
  void ended(const Ended& connection) override { endings.push_back(connection); }
  std::vector<Ended> endings;
  bool processAlive(store::ProcessId process) override { return !dead.contains(process); }
  Scripts* scripts() override { return rules; }
  Scripts* rules = nullptr;
};

class Client;

// The zone, the workers and the clock.
class World {
 public:
  explicit World(int workers = 2, store::ZoneSettings settings = {}, std::size_t size = 4 << 20, std::uint64_t seed = 7)
      : env(seed), memory(size), zone(store::Zone::create(memory.span(), 2, settings, env.source).value()) {
    for (int i = 0; i < workers; ++i)
      start(static_cast<std::uint16_t>(i));
  }

  Worker& worker(std::uint16_t slot) { return *workers_.at(slot); }
  bool runs(std::uint16_t slot) const { return workers_.contains(slot); }
  void start(std::uint16_t slot);
  // A reload: workers of a newer configuration start in these slots; the others have yet to be told to end.
  void reload(std::initializer_list<std::uint16_t> slots) {
    ++zone.header().cycle;
    for (const std::uint16_t slot : slots)
      start(slot);
  }
  // What a worker does again and again once it is told to end. False: it has nothing to wait for.
  bool retire(std::uint16_t slot);
  // SIGKILL: nothing of it runs any more, and its TCP connections break.
  void kill(std::uint16_t slot);
  // An orderly end. Its slot is free afterwards.
  void stop(std::uint16_t slot) {
    workers_.at(slot)->stop();
    kill(slot);
  }

  // Does everything that is due, for the workers that are not held.
  void settle();
  // A worker whose process does not get to run: its wake-ups wait.
  std::set<std::uint16_t> held;

  // Lets time pass. Heartbeats, retries and ticks happen on the way, every `step` milliseconds.
  void advance(std::int64_t ms, std::int64_t step = 50) {
    while (ms > 0) {
      const std::int64_t now = std::min(ms, step);
      env.time = env.time.after(now);
      ms -= now;
      turn();
    }
  }
  // What an event loop does when timers fire.
  void turn();

  FakeEnvironment env;
  store::test::SharedMemory memory;
  store::Zone zone;
  std::vector<Client*> clients;

 private:
  store::ProcessId processOf(std::uint16_t slot) {
    return static_cast<store::ProcessId>(1000 + slot + 1000 * generations_[slot]);
  }

  std::map<std::uint16_t, std::unique_ptr<Worker>> workers_;
  std::map<std::uint16_t, int> generations_;
};

// Engine.IO packets that a client got, and what they say. A binary message is noted as 'b' and its bytes, however it
// came.
class Inbox {
 public:
  Strings all;             // every packet since the start
  bool isSocketIo = true;  // otherwise messages are not looked into
  int pings = 0;
  std::string socketId, pid;          // of the last CONNECT to "/"
  std::optional<std::string> offset;  // of the last event that had one

  void take(std::string packet);
  // The packets since the last call, as they came.
  Strings packets() { return std::exchange(fresh_, {}); }
  // The events and acknowledgements since the last call, each as one short line.
  Strings news();
  // The data of all events of that name so far.
  std::vector<json> events(std::string_view name) const;
  Strings seen() const;

  static std::string describe(const std::string& packet);

 private:
  void noteOffset(const std::string& packet);

  Strings fresh_;
};

class Client {
 public:
  explicit Client(World& world) : world_(world) { world_.clients.push_back(this); }
  virtual ~Client() { std::erase(world_.clients, this); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  virtual void workerDied(std::uint16_t slot) = 0;
  // What the client's side does by itself. True when it did something.
  virtual bool work() = 0;
  virtual void packet(std::string_view text) = 0;

  void event(std::string_view name, const json& data, int ack = -1);
  void join(std::string_view session, std::string_view user, int ack = -1);
  void sync(double position, int ack = -1);
  void leave(int ack = -1) { event("leave_session", nullptr, ack); }

  // What a client that lost its connection says when it comes back.
  json credentials() const;
  // Comes back to what another had.
  void comeBack(const json& auth);
  void comeBack(const Client& before) { comeBack(before.credentials()); }
  bool hasRecovered(const Client& before) const {
    return !inbox.pid.empty() && inbox.pid == before.inbox.pid && inbox.socketId == before.inbox.socketId;
  }

  Inbox inbox;
  bool answersPings = true;

 protected:
  World& world_;
};

// ---- WebSocket

std::string clientFrame(std::string_view payload, std::uint8_t opcode = 1, std::uint8_t flags = 0);
// The same, compressed.
std::string compressedFrame(std::string_view payload, std::uint8_t opcode = 1);

class FakeSocket final : public WebSocket {
 public:
  struct Gift {
    std::uint16_t slot;
    std::string parcel;
  };
  std::optional<Gift> gift;  // where it is on its way to
  bool portable = true;
  Giving giving = Giving::kGiven;
  int strayWrites = 0;  // while it was on its way
  int letGoes = 0;
  static constexpr std::size_t kAll = std::numeric_limits<std::size_t>::max();
  std::size_t room = kAll;  // bytes it still takes
  bool broken = false;
  bool paused = false;
  bool finished = false;
  bool stalled = false;  // took less than it was given: writable() is due when there is room
  std::string bytes;     // taken, not parsed yet
  std::size_t writes = 0;

  std::ptrdiff_t write(std::string_view data) override;
  void pause(bool on) override { paused = on; }
  void finish() override { finished = true; }
  bool canBeGiven() const override { return portable; }
  Giving give(std::uint16_t slot, std::string_view parcel) override {
    if (giving == Giving::kGiven) gift = Gift{slot, std::string(parcel)};
    return giving;
  }
  void letGo() override { ++letGoes; }
  void goOn() override { gift.reset(); }
};

// A client over WebSocket, from its handshake on or as the upgrade of a polling connection.
class WsClient : public Client {
 public:
  WsClient(World& world, std::uint16_t slot, const Options& options = {}, const Agreement& agreement = {},
           const Newcomer& newcomer = {});
  struct Probe {};
  WsClient(World& world, std::uint16_t slot, const store::RandomId& sid, Probe, const Options& options = {},
           const Agreement& agreement = {});
  ~WsClient() override;

  bool isOpen() const { return channel_ != nullptr; }
  void send(std::string bytes) {
    input_ += bytes;
    sent += bytes.size();
    work();
  }
  void packet(std::string_view text) override;
  // A message of raw bytes.
  void binary(std::string_view bytes);
  void workerDied(std::uint16_t slot) override;
  // The connection breaks without a word.
  void drop();
  // Its process cannot go on with it.
  void fail();
  std::uint16_t slot() const { return slot_; }
  // Location of the new configuration.
  Options nextOptions;
  bool isDeclined = false;  // there is no such location any more
  // The peer reads `n` bytes more.
  void makeRoom(std::size_t n) {
    socket.room = n;
    work();
  }

  bool work() override;

  FakeSocket socket;
  std::optional<std::uint16_t> closeCode;
  std::vector<std::string> pongs;
  bool hasUnread() const { return !input_.empty(); }
  int compressed = 0;        // messages that came compressed
  std::size_t received = 0;  // bytes of all frames
  std::size_t sent = 0;

 private:
  // Another process takes the socket, when it is there and runs.
  bool arrive();
  // Takes whole frames out of what the socket took.
  bool read();
  void got(const std::string& payload);
  void gotBinary(const std::string& payload);

  std::uint16_t slot_;
  bool isOrphan_ = false;  // the worker in that slot, or the one before it, had the connection and is gone
  engineio::Revision revision_;
  websocket::Inflater inflater_;
  std::unique_ptr<Channel> channel_;
  std::vector<std::unique_ptr<Channel>> left_;  // of workers before
  std::string input_;                           // sent by the client, not read by the worker
};

// ---- polling

class FakePoll final : public Poll {
 public:
  explicit FakePoll(std::function<void(engineio::Payload)> answered) : answered_(std::move(answered)) {}
  void answer(engineio::Payload payload) override {
    isAnswered = true;
    answered_(std::move(payload));
  }
  bool isAnswered = false;

 private:
  std::function<void(engineio::Payload)> answered_;
};

class FakePost final : public PostJob {
 public:
  using PostJob::PostJob;
  bool isFinished = false;
  std::optional<engineio::Error> error;
  void finished(std::optional<engineio::Error> result) override {
    isFinished = true;
    error = result;
  }
};

// A client over polling. Its requests go to the worker in `slot`, which a test changes as it likes.
class PollClient : public Client {
 public:
  PollClient(World& world, std::uint16_t at, const Options& options = {}, engineio::Protocol protocol = {},
             const Newcomer& newcomer = {});
  ~PollClient() override;

  std::uint16_t slot;
  store::RandomId sid{};
  bool polls = false;            // polls again whenever a poll is answered
  std::set<std::uint16_t> rota;  // polls go to these workers in turn
  std::optional<engineio::Error> refused;
  std::vector<std::string> payloads;
  std::size_t sent = 0;      // bytes of all bodies
  std::size_t received = 0;  // likewise
  std::vector<bool> binaryPayloads;

  bool isWaiting() const { return poll_ != nullptr; }
  // One poll. When it waits, it is answered later.
  void poll();
  // A POST. Without an answer yet it waits.
  FakePost& post(std::string body, bool binary = false);
  void packet(std::string_view text) override { post(framed(text)); }
  // A message of raw bytes.
  void binary(std::string_view bytes) { post(framedBinary(bytes)); }
  // Packets as they stand in the body of a POST.
  std::string framed(std::string_view text) const;
  std::string framedBinary(std::string_view bytes) const;
  void workerDied(std::uint16_t at) override;
  void abandon();
  void cancelPosts();

  bool work() override;

 private:
  void got(const engineio::Payload& payload);
  void split(const engineio::Payload& payload);
  void take(const std::string& packet);

  Options options_;
  engineio::Protocol protocol_;
  std::uint16_t pollSlot_ = 0;
  std::unique_ptr<FakePoll> poll_;
  std::vector<std::unique_ptr<FakePoll>> answered_;
  std::vector<std::pair<std::uint16_t, std::unique_ptr<FakePost>>> posts_;
  bool owesPong_ = false;
};

// ---- the usual beginnings

// Connected to the namespace and in a session.
void seat(World& world, Client& client, std::string_view session, std::string_view user);

// Nothing is left of what was there: every page is free.
bool isEmpty(const World& world);

// Forgets what everybody got so far.
void forgetNews(World& world);

Strings numbered(const std::string& what, int from, int to);

// Only the lines that begin so.
Strings only(const Strings& lines, std::string_view beginning);

}  // namespace mediasync::server::test
