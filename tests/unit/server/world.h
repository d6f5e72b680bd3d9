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
#include "core/server/worker.h"
#include "core/websocket/deflate.h"
#include "tests/unit/store/invariants.h"

namespace mediasync::server::test {

using nlohmann::json;
using Strings = std::vector<std::string>;

class FakeEnvironment final : public Environment {
 public:
  explicit FakeEnvironment(std::uint64_t seed = 7) : source(seed) {}

  Instant time{1'640'995'200'000, 10'000'000};
  store::test::FixedRandom source;
  std::set<std::uint16_t> woken;
  std::set<std::int32_t> dead;

  Instant now() override { return time; }
  RandomSource& random() override { return source; }
  void wakeWorker(std::uint16_t slot) override { woken.insert(slot); }
  bool processAlive(std::int32_t pid) override { return !dead.contains(pid); }
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
  void start(std::uint16_t slot) {
    workers_[slot] = std::make_unique<Worker>(zone, slot, pidOf(slot), env, zone.header().cycle.load());
    workers_[slot]->takeHandovers();
    workers_[slot]->flush();
  }
  // A reload: workers of a newer configuration start in these slots; the others have yet to be told to end.
  void reload(std::initializer_list<std::uint16_t> slots) {
    ++zone.header().cycle;
    for (const std::uint16_t slot : slots)
      start(slot);
  }
  // What a worker does again and again once it is told to end. False: it has nothing to wait for.
  bool retire(std::uint16_t slot) {
    const bool more = workers_.at(slot)->retire();
    workers_.at(slot)->flush();
    return more;
  }
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
  void turn() {
    for (const auto& [slot, worker] : workers_) {
      if (held.contains(slot)) continue;
      if (worker->nextDeadline() <= env.time.mono) worker->runDeadlines();
      worker->flush();
      worker->tick();
    }
    settle();
  }

  FakeEnvironment env;
  store::test::SharedMemory memory;
  store::Zone zone;
  std::vector<Client*> clients;

 private:
  std::int32_t pidOf(std::uint16_t slot) { return 1000 + slot + 1000 * generations_[slot]; }

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

  void take(std::string packet) {
    all.push_back(packet);
    if (packet == "2") ++pings;
    if (isSocketIo && packet.rfind("40{", 0) == 0) {
      const json answer = json::parse(packet.substr(2));
      socketId = answer["sid"];
      pid = answer.value("pid", "");
    }
    if (isSocketIo && packet.rfind("42[", 0) == 0) {
      const json args = json::parse(packet.substr(2));
      if (args.size() > 2 && args.back().is_string()) offset = args.back();
    }
    fresh_.push_back(std::move(packet));
  }
  // The packets since the last call, as they came.
  Strings packets() { return std::exchange(fresh_, {}); }
  // The events and acknowledgements since the last call, each as one short line.
  Strings news() {
    Strings lines;
    for (const std::string& packet : std::exchange(fresh_, {})) {
      if (const std::string line = describe(packet); !line.empty()) lines.push_back(line);
    }
    return lines;
  }
  // The data of all events of that name so far.
  std::vector<json> events(std::string_view name) const {
    std::vector<json> found;
    for (const std::string& packet : all) {
      if (packet.rfind("42", 0) != 0) continue;
      const json args = json::parse(packet.substr(2));
      if (args[0] == name) found.push_back(args[1]);
    }
    return found;
  }
  Strings seen() const {
    Strings lines;
    for (const std::string& packet : all) {
      if (const std::string line = describe(packet); !line.empty()) lines.push_back(line);
    }
    return lines;
  }

  static std::string describe(const std::string& packet) {
    if (packet.rfind("43", 0) == 0) {
      const std::size_t at = packet.find('[');
      const json answer = json::parse(packet.substr(at))[0];
      return "ack " + packet.substr(2, at - 2) +
             (answer["success"].get<bool>() ? " ok" : " " + answer["code"].get<std::string>());
    }
    if (packet.rfind("42", 0) != 0) return {};
    const json args = json::parse(packet.substr(2));
    const std::string name = args[0];
    const json& data = args[1];
    if (name == "user_joined" || name == "user_left") return name + " " + data["userId"].get<std::string>();
    if (name == "session_joined") return name + " " + data["userId"].get<std::string>();
    if (name == "playback_sync") return "sync " + data["position"].dump();
    if (name == "media_loaded") return "media " + data["mediaUrl"].get<std::string>();
    if (name == "leadership_changed") return "leader " + data["newLeaderId"].get<std::string>();
    if (name == "error") return "error " + data["code"].get<std::string>();
    return name;
  }

 private:
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

  void event(std::string_view name, const json& data, int ack = -1) {
    json args = json::array({name});
    if (!data.is_null()) args.push_back(data);
    packet("42" + (ack < 0 ? "" : std::to_string(ack)) + args.dump());
  }
  void join(std::string_view session, std::string_view user, int ack = -1) {
    event("join_session", {{"sessionId", session}, {"userId", user}, {"username", "name of " + std::string(user)}},
          ack);
  }
  void sync(double position, int ack = -1) {
    event("sync_playback", {{"position", position}, {"isPlaying", true}}, ack);
  }
  void leave(int ack = -1) { event("leave_session", nullptr, ack); }

  // What a client that lost its connection says when it comes back.
  json credentials() const {
    json auth{{"pid", inbox.pid}};
    if (inbox.offset) auth["offset"] = *inbox.offset;
    return auth;
  }
  // Comes back to what another had.
  void comeBack(const json& auth) {
    if (auth.contains("offset") && auth["offset"].is_string()) inbox.offset = auth["offset"];
    packet("40" + auth.dump());
  }
  void comeBack(const Client& before) { comeBack(before.credentials()); }
  bool hasRecovered(const Client& before) const {
    return !inbox.pid.empty() && inbox.pid == before.inbox.pid && inbox.socketId == before.inbox.socketId;
  }

  Inbox inbox;
  bool answersPings = true;

 protected:
  World& world_;
};

inline void World::kill(std::uint16_t slot) {
  env.dead.insert(pidOf(slot));
  ++generations_[slot];
  for (Client* client : clients)
    client->workerDied(slot);
  workers_.erase(slot);
}

inline void World::settle() {
  for (bool more = true; more;) {
    more = false;
    for (const auto& [slot, worker] : workers_) {
      if (!held.contains(slot)) worker->flush();
    }
    for (const std::uint16_t slot : std::set<std::uint16_t>(env.woken)) {
      if (held.contains(slot)) continue;
      env.woken.erase(slot);
      if (!runs(slot)) continue;
      worker(slot).wake();
      worker(slot).flush();
      more = true;
    }
    for (Client* client : std::vector<Client*>(clients))
      more = client->work() || more;
  }
}

// ---- WebSocket

inline std::string clientFrame(std::string_view payload, std::uint8_t opcode = 1, std::uint8_t flags = 0) {
  std::string frame(1, static_cast<char>(0x80 | flags | opcode));
  if (payload.size() < 126) {
    frame.push_back(static_cast<char>(0x80 | payload.size()));
  } else if (payload.size() < 65536) {
    frame.push_back(static_cast<char>(0x80 | 126));
    frame.push_back(static_cast<char>(payload.size() >> 8));
    frame.push_back(static_cast<char>(payload.size() & 0xff));
  } else {
    frame.push_back(static_cast<char>(0x80 | 127));
    for (int shift = 56; shift >= 0; shift -= 8)
      frame.push_back(static_cast<char>(payload.size() >> shift & 0xff));
  }
  constexpr char kMask[4] = {0x12, 0x34, 0x56, 0x78};
  frame.append(kMask, 4);
  for (std::size_t i = 0; i < payload.size(); ++i)
    frame.push_back(static_cast<char>(payload[i] ^ kMask[i % 4]));
  return frame;
}

// The same, compressed.
inline std::string compressedFrame(std::string_view payload, std::uint8_t opcode = 1) {
  std::string deflated;
  websocket::Deflater(15, 6, 8).deflate(payload, deflated);
  return clientFrame(deflated, opcode, websocket::kRsv1Bit);
}

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

  std::ptrdiff_t write(std::string_view data) override {
    ++writes;
    if (gift) ++strayWrites;
    if (broken) return -1;
    const std::size_t taken = std::min(room, data.size());
    if (room != kAll) room -= taken;
    bytes.append(data.substr(0, taken));
    stalled = taken < data.size();
    return static_cast<std::ptrdiff_t>(taken);
  }
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
           std::string_view secret = {})
      : Client(world), slot_(slot), revision_(agreement.protocol.revision) {
    auto opened = world.worker(slot).openChannel(socket, options, agreement, secret);
    if (auto* channel = std::get_if<std::unique_ptr<Channel>>(&opened)) channel_ = std::move(*channel);
    read();
  }
  struct Probe {};
  WsClient(World& world, std::uint16_t slot, const store::RandomId& sid, Probe, const Options& options = {},
           const Agreement& agreement = {})
      : Client(world), slot_(slot), revision_(agreement.protocol.revision) {
    auto probed = world.worker(slot).probeChannel(sid, socket, options, agreement);
    if (auto* channel = std::get_if<std::unique_ptr<Channel>>(&probed)) channel_ = std::move(*channel);
  }
  ~WsClient() override { drop(); }

  bool isOpen() const { return channel_ != nullptr; }
  void send(std::string bytes) {
    input_ += bytes;
    work();
  }
  void packet(std::string_view text) override { send(clientFrame(text)); }
  // A message of raw bytes.
  void binary(std::string_view bytes) {
    const bool typed = revision_ == engineio::Revision::kV3;
    send(clientFrame((typed ? std::string(1, 4) : std::string()) + std::string(bytes), 2));
  }
  void workerDied(std::uint16_t slot) override {
    if (slot != slot_) return;
    isOrphan_ = true;
    if (socket.gift) return;  // what is on its way does not break
    read();
    socket.finished = true;
  }
  // The connection breaks without a word.
  void drop() {
    if (channel_ != nullptr && !isOrphan_ && !socket.finished) {
      world_.worker(slot_).gone(*channel_);
      world_.worker(slot_).flush();
    }
    channel_.reset();
  }
  std::uint16_t slot() const { return slot_; }
  // Location of the new configuration.
  Options nextOptions;
  bool isDeclined = false;  // there is no such location any more
  // The peer reads `n` bytes more.
  void makeRoom(std::size_t n) {
    socket.room = n;
    work();
  }

  bool work() override {
    if (channel_ == nullptr) return false;
    if (socket.gift) return arrive();
    if (isOrphan_) return false;
    bool did = false;
    if (socket.stalled && socket.room > 0 && !socket.finished) {
      socket.stalled = false;
      world_.worker(slot_).writable(*channel_);
      world_.worker(slot_).flush();
      did = true;
    }
    if (!input_.empty() && !socket.paused && !socket.finished) {
      std::string input = std::exchange(input_, {});
      world_.worker(slot_).received(*channel_, {reinterpret_cast<std::uint8_t*>(input.data()), input.size()});
      world_.worker(slot_).flush();
      did = true;
    }
    return read() || did;
  }

  FakeSocket socket;
  std::optional<std::uint16_t> closeCode;
  std::vector<std::string> pongs;
  bool hasUnread() const { return !input_.empty(); }
  int compressed = 0;        // messages that came compressed
  std::size_t received = 0;  // bytes of all frames

 private:
  // Another process takes the socket, when it is there and runs.
  bool arrive() {
    if (!world_.runs(socket.gift->slot) || world_.held.contains(socket.gift->slot)) return false;
    const FakeSocket::Gift gift = *std::exchange(socket.gift, std::nullopt);
    Worker& worker = world_.worker(gift.slot);
    if (isDeclined) {
      worker.decline(gift.parcel);
      worker.flush();
      if (isOrphan_) {
        socket.finished = true;
      } else {
        socket.gift = gift;  // until it is taken back
        world_.worker(slot_).wake();
      }
      return true;
    }
    auto adopted = worker.adopt(gift.parcel, socket, nextOptions);
    worker.flush();
    if (adopted != nullptr) {
      slot_ = gift.slot;
      isOrphan_ = false;
      left_.push_back(std::exchange(channel_, std::move(adopted)));
    } else if (isOrphan_) {
      read();
      socket.finished = true;
    }
    return true;
  }
  // Takes whole frames out of what the socket took.
  bool read() {
    bool did = false;
    for (;;) {
      const std::string& b = socket.bytes;
      if (b.size() < 2) return did;
      std::size_t size = static_cast<std::uint8_t>(b[1]), header = 2;
      const int extra = size == 126 ? 2 : size == 127 ? 8 : 0;
      if (b.size() < header + static_cast<std::size_t>(extra)) return did;
      if (extra > 0) {
        size = 0;
        for (int i = 0; i < extra; ++i)
          size = size << 8 | static_cast<std::uint8_t>(b[header++]);
      }
      if (b.size() < header + size) return did;
      const int opcode = b[0] & 0x0f;
      const bool isCompressed = (static_cast<std::uint8_t>(b[0]) & websocket::kRsv1Bit) != 0;
      std::string payload = b.substr(header, size);
      socket.bytes.erase(0, header + size);
      received += header + size;
      did = true;
      if (isCompressed) {
        ++compressed;
        std::string inflated;
        const auto result = inflater_.inflate(payload, 10'000'000, inflated);
        payload = result == websocket::Inflater::Result::kDone ? inflated : "bad compression";
      }
      if (opcode == 1) got(payload);
      if (opcode == 2) gotBinary(payload);
      if (opcode == 10) pongs.push_back(payload);
      if (opcode == 8) {
        closeCode = payload.size() < 2 ? 1005
                                       : static_cast<std::uint16_t>(static_cast<std::uint8_t>(payload[0]) << 8 |
                                                                    static_cast<std::uint8_t>(payload[1]));
      }
    }
  }
  void got(const std::string& payload) {
    inbox.take(payload);
    if (payload == "2" && answersPings) input_ += clientFrame("3");
  }
  void gotBinary(const std::string& payload) {
    const bool typed = revision_ == engineio::Revision::kV3;
    if (typed && (payload.empty() || payload[0] != 4)) return inbox.take("a binary message without its type");
    inbox.take("b" + payload.substr(typed ? 1 : 0));
  }

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
             std::string_view secret = {})
      : Client(world), slot(at), options_(options), protocol_(protocol) {
    const auto opened = world.worker(at).open(options, protocol, secret);
    if (const auto* handshake = std::get_if<Worker::Opened>(&opened)) {
      split(handshake->payload);
      sid = store::parseId(handshake->sid).value();
    }
  }
  ~PollClient() override {
    for (auto& [at, job] : posts_) {
      if (!job->isFinished && world_.runs(at)) world_.worker(at).cancel(*job);
    }
    if (poll_ && world_.runs(pollSlot_)) world_.worker(pollSlot_).abandon(sid, *poll_);
  }

  std::uint16_t slot;
  store::RandomId sid{};
  bool polls = false;            // polls again whenever a poll is answered
  std::set<std::uint16_t> rota;  // polls go to these workers in turn
  std::optional<engineio::Error> refused;
  std::vector<std::string> payloads;
  std::vector<bool> binaryPayloads;

  bool isWaiting() const { return poll_ != nullptr; }
  // One poll. When it waits, it is answered later.
  void poll() {
    if (!rota.empty()) {
      const auto next = rota.upper_bound(slot);
      slot = next == rota.end() ? *rota.begin() : *next;
    }
    pollSlot_ = slot;
    poll_ = std::make_unique<FakePoll>([this](engineio::Payload payload) { got(std::move(payload)); });
    const Worker::PollResult result = world_.worker(slot).poll(sid, *poll_, options_);
    if (result.outcome == Worker::PollOutcome::kWaits) {
      world_.worker(slot).flush();
      return;
    }
    poll_.reset();
    if (result.outcome == Worker::PollOutcome::kRefused) {
      refused = result.error;
      polls = false;
    } else {
      got(result.payload);
    }
    world_.worker(slot).flush();
  }
  // A POST. Without an answer yet it waits.
  FakePost& post(std::string body, bool binary = false) {
    auto made = std::make_unique<FakePost>(sid, std::move(body), options_, binary);
    FakePost& job = *made;
    posts_.emplace_back(slot, std::move(made));
    if (const auto result = world_.worker(slot).post(job)) job.finished(result->error);
    world_.worker(slot).flush();
    return job;
  }
  void packet(std::string_view text) override { post(framed(text)); }
  // A message of raw bytes.
  void binary(std::string_view bytes) { post(framedBinary(bytes)); }
  // Packets as they stand in the body of a POST.
  std::string framed(std::string_view text) const {
    std::string body;
    if (protocol_.revision == engineio::Revision::kV3) {
      engineio::appendTextV3(body, text);
    } else {
      body = text;
    }
    return body;
  }
  std::string framedBinary(std::string_view bytes) const {
    std::string body;
    if (protocol_.revision == engineio::Revision::kV3) {
      engineio::appendBase64V3(body, bytes);
    } else {
      body = "b";
      engineio::appendBase64(body, bytes);
    }
    return body;
  }
  void workerDied(std::uint16_t at) override {
    if (poll_ && pollSlot_ == at) poll_.reset();
    std::erase_if(posts_, [at](const auto& post) { return post.first == at; });
  }
  void abandon() {
    world_.worker(pollSlot_).abandon(sid, *std::exchange(poll_, nullptr));
    world_.worker(pollSlot_).flush();
  }
  void cancelPosts() {
    for (auto& [at, job] : posts_) {
      if (!job->isFinished) world_.worker(at).cancel(*job);
    }
    posts_.clear();
  }

  bool work() override {
    answered_.clear();
    if (!world_.runs(slot)) return false;
    bool did = false;
    if (answersPings && owesPong_) {
      owesPong_ = false;
      post("3");
      did = true;
    }
    if (!polls || poll_ != nullptr) return did;
    const std::size_t before = inbox.all.size();
    poll();
    return did || inbox.all.size() != before || refused;
  }

 private:
  void got(const engineio::Payload& payload) {
    if (poll_) answered_.push_back(std::move(poll_));  // its answer() is on the stack
    payloads.push_back(payload.bytes);
    binaryPayloads.push_back(payload.binary);
    split(payload);
  }
  void split(const engineio::Payload& payload) {
    if (protocol_.revision == engineio::Revision::kV3) {
      using Framing = engineio::PayloadV3Decoder::Framing;
      engineio::PayloadV3Decoder decoder(payload.bytes, payload.binary ? Framing::kBinary : Framing::kText);
      engineio::Packet packet;
      while (decoder.next(packet) == engineio::PayloadDecoder::Result::kPacket) {
        const std::string type = packet.binary ? "b" : std::to_string(static_cast<int>(packet.type));
        take(type + std::string(packet.data));
      }
      if (decoder.next(packet) == engineio::PayloadDecoder::Result::kError) take("bad payload: " + payload.bytes);
      return;
    }
    std::size_t at = 0;
    for (;;) {
      const std::size_t end = payload.bytes.find(engineio::kSeparator, at);
      const std::string packet = payload.bytes.substr(at, end == std::string::npos ? end : end - at);
      std::string bytes;
      if (packet.rfind("b", 0) != 0) {
        take(packet);
      } else {
        take(engineio::decodeBase64(packet.substr(1), bytes) ? "b" + bytes : "bad base64: " + packet);
      }
      if (end == std::string::npos) break;
      at = end + 1;
    }
  }
  void take(const std::string& packet) {
    inbox.take(packet);
    if (packet == "2") owesPong_ = true;
    if (packet == "1") polls = false;
  }

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
inline void seat(World& world, Client& client, std::string_view session, std::string_view user) {
  client.packet("40");
  world.settle();
  client.join(session, user);
  world.settle();
}

// Nothing is left of what was there: every page is free.
inline bool isEmpty(const World& world) {
  return world.zone.connectionCount() == 0 && world.zone.sessionCount() == 0 && world.zone.recoveryCount() == 0 &&
         world.zone.header().heap.freePages() == world.zone.header().heap.total();
}

// Forgets what everybody got so far.
inline void forgetNews(World& world) {
  world.settle();
  for (Client* client : world.clients)
    client->inbox.news();
}

inline Strings numbered(const std::string& what, int from, int to) {
  Strings lines;
  for (int i = from; i <= to; ++i)
    lines.push_back(what + " " + std::to_string(i));
  return lines;
}

// Only the lines that begin so.
inline Strings only(const Strings& lines, std::string_view beginning) {
  Strings kept;
  std::copy_if(lines.begin(), lines.end(), std::back_inserter(kept),
               [&](const std::string& line) { return line.rfind(beginning, 0) == 0; });
  return kept;
}

}  // namespace mediasync::server::test
