// Sequences of what happens to a server: clients of all kinds on up to four workers in one process, over one zone, with
// what they send and how they break, workers that hang, die and are replaced, reloads, and time. Whatever happens, the
// shared tables keep their invariants; nobody is sent an event twice or out of order, and those who always read miss
// none (delivery_check.h); what is sent is well-formed. In the end everybody goes, time passes, and the zone is empty.
//
// Input: digits for the size of the zone, the length of logs and the number of workers, then what happens: a letter and
// its arguments, one character each (see Play::step).
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/worker/status.h"
#include "tests/fuzz/delivery_check.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/require.h"
#include "tests/unit/worker/world.h"

using namespace mediasync;
using namespace mediasync::server;
using namespace mediasync::server::test;
using fuzz::DeliveryCheck;
using fuzz::Logs;
using nlohmann::json;

namespace {

constexpr std::uint32_t kClients = 8;
constexpr std::uint16_t kSlots = 4;
constexpr std::uint32_t kUsers = 4;
constexpr int kStepsBetweenChecks = 16;

store::ZoneSettings settings(std::uint32_t logs) {
  store::ZoneSettings made;
  made.disconnectGrace = 5'000;
  made.userTimeout = 20'000;
  made.sessionTimeout = 60'000;
  made.recovery = 30'000;
  if (logs == 0) made.logLimit = store::Zone::kMinLog;
  return made;
}

std::size_t zoneSize(std::uint32_t size) {
  return store::Zone::minimumSize(2) + (size < 4 ? size * 32 : 256) * store::kPageSize;
}

// By a digit: what the location of a client says.
Options optionsOf(std::uint32_t kind) {
  Options options;
  options.engine.pingInterval = 10'000;
  options.engine.pingTimeout = 5'000;
  options.engine.maxPayload = 20'000;
  options.connectTimeout = 20'000;
  if (kind == 1) options.recovery = false;
  if (kind == 2) options.timestamps = api::TimestampUnit::kMilliseconds;
  if (kind == 3) options.user = "u0";
  if (kind == 4) options.application = Application::kEngineEcho;
  if (kind == 5) options.application = Application::kSocketEcho;
  if (kind == 6) options.maxUsers = 2;
  if (kind == 7) options.maxSessions = 1;
  options.log = kind % 2;
  return options;
}

struct Seat {
  std::unique_ptr<WsClient> socket;
  std::unique_ptr<PollClient> polling;
  Options options;
  DeliveryCheck check;
  bool recovers = true;  // clients of revision 3 do not, whatever they say
  std::string held;      // the rest of a frame

  Client* client() {
    if (socket != nullptr) return socket.get();
    return polling.get();
  }
  bool isOfSessions() const { return options.application == Application::kSessions; }
};

class Play {
 public:
  explicit Play(fuzz::Input& input)
      : input_(input), size_(input.below(5)), world_(1, settings(input.below(2)), zoneSize(size_)), logs_(world_.zone) {
    for (std::uint32_t more = input.below(2); more > 0; --more)
      world_.start(1);
  }

  void run() {
    for (int steps = 1; !input_.atEnd(); ++steps) {
      step();
      world_.settle();
      look();
      if (steps % kStepsBetweenChecks == 0) checkTables();
    }
    checkTables();
    end();
  }

 private:
  void step() {
    switch (input_.byte()) {
      case 'w':  // a WebSocket connects: client, slot, options, agreement
        return connectSocket();
      case 'p':  // a polling client: client, slot, options, revision
        return connectPolling();
      case 'u':  // a WebSocket upgrades a polling client: client, the polling one, slot
        return probe();
      case 'c':  // a client sends a packet: client, which, argument
        return sendPacket(input_.below(kClients));
      case 'j':  // connects to the namespace and joins: client, session, user
        return join();
      case 's':  // sync_playback: client
        return sync(seats_[input_.below(kClients)]);
      case 'b':  // comes back as another one that was lost: client, the other
        return comeBack();
      case 'g':  // sends bytes as they are: client, how many, bytes
        return sendBytes();
      case 'h':  // the rest of what was held back: client
        return sendHeld(seats_[input_.below(kClients)]);
      case 'q':  // polls: client, slot
        return poll();
      case 'a':  // gives its poll up: client
        return abandon();
      case 'k':  // polls again whenever a poll is answered: client
        return keepPolling();
      case 'x':  // is gone without a word: client
        return drop(seats_[input_.below(kClients)]);
      case 'f':  // reads so much and no more: client, how much
        return limit();
      case 'o':  // does not answer pings any more: client
        return fallSilent();
      case 't':  // time passes: how much
        return passTime();
      case 'z':  // a worker hangs, or goes on: slot
        return hang();
      case 'd':  // a worker dies: slot
        return kill();
      case 'n':  // a worker starts: slot
        return start();
      case 'e':  // a worker ends in order: slot
        return stop();
      case 'r':  // a reload: a worker of a newer configuration starts: slot
        return reload();
      case 'v':  // a worker gives away what it has: slot
        return retire();
      case 'm':  // REST: which, slot
        return rest();
      default:
        return;
    }
  }

  // ---- clients come

  Worker* anyWorker() {
    const auto slot = static_cast<std::uint16_t>(input_.below(kSlots));
    if (!isAtWork(slot)) return nullptr;
    slot_ = slot;
    return &world_.worker(slot);
  }

  // A client that can send something: one that polls does so by any worker that is at work.
  Client* activeClient(Seat& seat) {
    if (seat.socket != nullptr) return world_.held.contains(seat.socket->slot()) ? nullptr : seat.client();
    if (seat.polling == nullptr) return nullptr;
    for (std::uint16_t slot = 0; slot < kSlots && !isAtWork(seat.polling->slot); ++slot) {
      if (isAtWork(slot)) seat.polling->slot = slot;
    }
    return isAtWork(seat.polling->slot) ? seat.client() : nullptr;
  }
  bool isAtWork(std::uint16_t slot) const { return world_.runs(slot) && !world_.held.contains(slot); }

  void connectSocket() {
    Seat& seat = seats_[input_.below(kClients)];
    const Worker* worker = anyWorker();
    const Options options = optionsOf(input_.below(8));
    const std::uint32_t agreed = input_.below(4);
    if (worker == nullptr) return;
    Agreement agreement;
    if ((agreed & 1) != 0) agreement.protocol.revision = engineio::Revision::kV3;
    if ((agreed & 2) != 0) agreement.compression = Compression{15, 1, 60};
    drop(seat);
    seat.options = options;
    seat.recovers = agreement.protocol.revision == engineio::Revision::kV4;
    seat.socket = std::make_unique<WsClient>(world_, slot_, options, agreement);
    seat.socket->nextOptions = options;
    settleOptions(seat);
  }
  static void settleOptions(Seat& seat) {
    seat.client()->inbox.isSocketIo = seat.options.application != Application::kEngineEcho;
  }

  void connectPolling() {
    Seat& seat = seats_[input_.below(kClients)];
    const Worker* worker = anyWorker();
    const Options options = optionsOf(input_.below(8));
    const std::uint32_t protocol = input_.below(3);
    if (worker == nullptr) return;
    drop(seat);
    seat.options = options;
    seat.recovers = protocol == 0;
    seat.check.isComplete = false;  // it reads when it likes to
    seat.polling = std::make_unique<PollClient>(
        world_, slot_, options,
        engineio::Protocol{protocol == 0 ? engineio::Revision::kV4 : engineio::Revision::kV3, protocol == 2});
    settleOptions(seat);
  }

  void probe() {
    Seat& seat = seats_[input_.below(kClients)];
    Seat& other = seats_[input_.below(kClients)];
    const Worker* worker = anyWorker();
    if (worker == nullptr || other.polling == nullptr || &seat == &other) return;
    drop(seat);
    seat.options = other.options;
    seat.recovers = other.recovers;
    seat.check.isComplete = false;
    seat.socket =
        std::make_unique<WsClient>(world_, slot_, other.polling->sid, WsClient::Probe{}, other.options, Agreement{});
    seat.socket->nextOptions = other.options;
    settleOptions(seat);
    if (!seat.socket->isOpen()) seat.socket.reset();
  }

  // ---- and send

  void sendPacket(std::uint32_t index) {
    Seat& seat = seats_[index];
    const std::uint32_t which = input_.below(24);
    const std::uint32_t argument = input_.below(16);
    Client* client = activeClient(seat);
    if (client == nullptr) return;
    const std::string session(1, static_cast<char>('a' + argument % 2));
    const std::string user = "u" + std::to_string(argument / 2 % kUsers);
    const int ack = argument < 8 ? static_cast<int>(argument) : -1;
    switch (which) {
      case 0:
        return client->packet("40");
      case 1:
        return client->join(session, user, ack);
      case 2:
        return sync(seat);
      case 3:
        return client->event("load_media", {{"mediaUrl", filmOf(argument * 120)}, {"mediaTitle", "film"}}, ack);
      case 4:
        seat.check.leftSession();
        return client->leave(ack);
      case 5:
        return client->event("request_leadership", nullptr, ack);
      case 6:
        return client->event("heartbeat", nullptr, ack);
      case 7:
        return client->event("report_desync", {{"reportedPosition", argument}}, ack);
      case 8:
        return client->event("request_session_state", nullptr, ack);
      case 9:
        return client->packet("1");
      case 10:
        return client->packet("2probe");
      case 11:
        return client->packet("5");
      case 12:
        seat.check.leftSession();
        return client->packet("41");
      case 13:
        return client->packet("40/" + std::string(argument, 'n') + ",{}");
      case 14:
        return client->packet("451-[\"message\",{\"_placeholder\":true,\"num\":0}]");
      case 15:
        return sendBinary(seat, argument);
      case 16:
        return client->packet("2");
      case 17:
        return client->packet("3");
      case 18:
        return client->packet("42[\"message-with-ack\",\"text\"]");
      case 19:
        return client->packet("43" + std::to_string(argument) + "[]");
      case 20:
        return client->packet("40{\"token\":\"" + std::string(argument * 700, 't') + "\"}");
      case 21:
        return sendMany(seat, argument);
      case 22:
        return client->event("join_session", {{"sessionId", 1}, {"userId", nullptr}}, ack);
      default:
        return sendCompressed(seat, argument);
    }
  }

  // A name that no other film has.
  std::string filmOf(std::size_t padding) { return "film " + std::to_string(++number_) + std::string(padding, '.'); }

  void sync(Seat& seat) {
    if (Client* client = activeClient(seat)) client->sync(++number_);
  }

  // In one write, or one POST.
  void sendMany(Seat& seat, std::uint32_t count) {
    std::string frames, body;
    for (std::uint32_t i = 0; i <= count; ++i) {
      const json args{"sync_playback", {{"position", ++number_}, {"isPlaying", i % 2 == 0}}};
      const std::string packet = "42" + args.dump();
      frames += clientFrame(packet);
      if (!body.empty()) body.push_back(engineio::kSeparator);
      body += packet;
    }
    if (seat.socket != nullptr) {
      seat.socket->send(frames);
    } else {
      seat.polling->post(body);
    }
  }

  static void sendBinary(Seat& seat, std::uint32_t size) {
    const std::string bytes(size * 50, '\7');
    if (seat.socket != nullptr) {
      seat.socket->binary(bytes);
    } else {
      seat.polling->binary(bytes);
    }
  }

  static void sendCompressed(Seat& seat, std::uint32_t size) {
    if (seat.socket == nullptr) return;
    seat.socket->send(compressedFrame("42[\"heartbeat\",\"" + std::string(size * 1500, 'z') + "\"]"));
  }

  // Raw input of a WebSocket in part, and the rest when it is asked for; or the body of a POST.
  void sendBytes() {
    Seat& seat = seats_[input_.below(kClients)];
    const std::uint32_t form = input_.below(4);
    const std::string bytes(input_.bytes(input_.byte()));
    if (activeClient(seat) == nullptr) return;
    if (seat.socket != nullptr) {
      if (form == 0) seat.socket->send(bytes);
      if (form == 1) seat.socket->send(clientFrame(bytes));
      if (form == 2) seat.socket->send(clientFrame(bytes, 2));
      if (form == 3) hold(seat, clientFrame(bytes));
    } else {
      seat.polling->post(bytes, form == 0);
    }
  }
  static void hold(Seat& seat, const std::string& frame) {
    seat.socket->send(frame.substr(0, frame.size() / 2));
    seat.held = frame.substr(frame.size() / 2);
  }
  void sendHeld(Seat& seat) {
    if (activeClient(seat) != nullptr && seat.socket != nullptr) seat.socket->send(std::exchange(seat.held, {}));
  }

  void join() {
    Seat& seat = seats_[input_.below(kClients)];
    const std::string session(1, static_cast<char>('a' + input_.below(2)));
    const std::string user = "u" + std::to_string(input_.below(kUsers));
    if (Client* client = activeClient(seat)) test::seat(world_, *client, session, user);
  }

  void comeBack() {
    Seat& seat = seats_[input_.below(kClients)];
    const std::uint32_t other = input_.below(kClients);
    Client* before = seats_[other].client();
    const Past& past = past_[other];
    if (activeClient(seat) == nullptr) return;
    if (before != nullptr && before != seat.client() && seats_[other].isOfSessions()) {
      if (seat.recovers) seat.check.goOnFrom(before->inbox);
      seats_[other].check.isComplete = false;
      return seat.client()->comeBack(*before);
    }
    if (past.auth.is_null()) return;
    if (seat.recovers) seat.check.goOnFrom(past.inbox);
    seat.client()->comeBack(past.auth);
  }

  // ---- polls

  void poll() {
    Seat& seat = seats_[input_.below(kClients)];
    Worker* worker = anyWorker();
    if (worker == nullptr || seat.polling == nullptr) return;
    PollClient& client = *seat.polling;
    if (!client.isWaiting()) {
      client.slot = slot_;
      return client.poll();
    }
    FakePoll second([](engineio::Payload) {});
    if (worker->polls().poll(client.sid, second, seat.options).outcome == Polls::PollOutcome::kWaits) {
      worker->polls().abandon(client.sid, second);
    }
    worker->flush();
  }
  void abandon() {
    Seat& seat = seats_[input_.below(kClients)];
    if (seat.polling == nullptr) return;
    if (seat.polling->isWaiting()) seat.polling->abandon();
    seat.polling->cancelPosts();
  }
  void keepPolling() {
    Seat& seat = seats_[input_.below(kClients)];
    if (seat.polling != nullptr) seat.polling->polls = true;
  }

  // ---- and go

  void drop(Seat& seat) {
    if (seat.socket != nullptr && seat.socket->socket.gift) return releaseGift(seat);
    forget(seat);
  }
  // A socket that is on its way does not break before it is there, or back.
  void releaseGift(Seat& seat) {
    world_.held.clear();
    world_.settle();
    if (seat.socket->socket.gift) world_.advance(3'000, 500);
    if (seat.socket->socket.gift) ensureWorker(seat.socket->socket.gift->slot);
    world_.settle();
    FUZZ_REQUIRE(!seat.socket->socket.gift);
    forget(seat);
  }
  void ensureWorker(std::uint16_t slot) {
    if (!world_.runs(slot)) world_.start(slot);
  }
  void forget(Seat& seat) {
    Client* client = seat.client();
    if (client == nullptr) return;
    Past& past = past_[static_cast<std::size_t>(&seat - seats_.data())];
    if (seat.isOfSessions() && !client->inbox.pid.empty()) past = {client->inbox, client->credentials()};
    seat = Seat{};
  }

  void limit() {
    Seat& seat = seats_[input_.below(kClients)];
    constexpr std::array<std::size_t, 6> kRooms{FakeSocket::kAll, 0, 7, 100, 2'000, 50'000};
    const std::size_t room = kRooms[input_.below(kRooms.size())];
    if (seat.socket == nullptr) return;
    if (room != FakeSocket::kAll) seat.check.isComplete = false;
    seat.socket->makeRoom(room);
  }
  void fallSilent() {
    if (Client* client = seats_[input_.below(kClients)].client()) client->answersPings = false;
  }

  // ---- time and workers

  void passTime() {
    constexpr std::array<std::int64_t, 9> kTimes{5, 50, 500, 1'100, 2'500, 5'000, 11'000, 25'000, 65'000};
    const std::int64_t ms = kTimes[input_.below(kTimes.size())];
    world_.advance(ms, std::max<std::int64_t>(ms / 10, 5));
  }

  // From here on a reader may be out of patience's reach, or have been told by a worker that is no more.
  void forgiveGaps() {
    for (Seat& seat : seats_)
      seat.check.isComplete = false;
  }

  void hang() {
    const auto slot = static_cast<std::uint16_t>(input_.below(kSlots));
    if (!world_.runs(slot)) return;
    forgiveGaps();
    if (world_.held.erase(slot) == 0) world_.held.insert(slot);
  }
  void kill() {
    const auto slot = static_cast<std::uint16_t>(input_.below(kSlots));
    if (!world_.runs(slot)) return;
    world_.held.erase(slot);
    world_.kill(slot);
  }
  void start() { ensureWorker(static_cast<std::uint16_t>(input_.below(kSlots))); }
  void stop() {
    const auto slot = static_cast<std::uint16_t>(input_.below(kSlots));
    if (!world_.runs(slot)) return;
    world_.held.erase(slot);
    world_.stop(slot);
  }
  void reload() {
    const auto slot = static_cast<std::uint16_t>(input_.below(kSlots));
    if (!world_.runs(slot)) world_.reload({slot});
  }
  void retire() {
    if (anyWorker() != nullptr) world_.retire(slot_);
  }

  void rest() {
    const std::uint32_t which = input_.below(4);
    Worker* worker = anyWorker();
    if (worker == nullptr) return;
    RestReply reply;
    if (which == 0) reply = worker->rest().createSession({"u0", "name"}, optionsOf(input_.below(8)));
    if (which == 1) reply = worker->rest().showSession("a", {});
    if (which == 2) reply = worker->rest().listSessions({.limit = 1 + input_.below(3), .isWhole = false, .after = {}}, {});
    if (which == 3) FUZZ_REQUIRE(!statusOf(world_.zone).empty());
    if (which < 3) FUZZ_REQUIRE(json::parse(reply.body)["success"] == (reply.status < 300));
    worker->flush();
  }

  // ---- checks

  void look() {
    logs_.read();
    for (Seat& seat : seats_) {
      if (seat.client() != nullptr && seat.isOfSessions()) seat.check.look(seat.client()->inbox, logs_);
      if (seat.socket != nullptr) FUZZ_REQUIRE(seat.socket->socket.strayWrites == 0);
    }
  }

  void checkTables() {
    const auto findings = store::test::checkInvariants(world_.zone);
    if (!findings.ok()) std::fputs(findings.text().c_str(), stderr);
    FUZZ_REQUIRE(findings.ok());
  }

  void end() {
    world_.held.clear();
    ensureWorker(0);
    for (Seat& seat : seats_) {
      if (seat.socket != nullptr) seat.socket->makeRoom(FakeSocket::kAll);
    }
    world_.advance(4'000, 500);
    look();
    for (Seat& seat : seats_) {
      const bool isOpen = seat.socket != nullptr && !seat.socket->closeCode && !seat.socket->socket.finished;
      if (isOpen && seat.isOfSessions()) seat.check.checkEnd(logs_);
    }
    for (Seat& seat : seats_)
      drop(seat);
    world_.advance(120'000, 5'000);
    checkTables();
    if (!isEmpty(world_)) {
      std::fprintf(stderr, "left: %u connections, %u sessions, %u recoveries\n", world_.zone.connectionCount(),
                   world_.zone.sessionCount(), world_.zone.recoveryCount());
    }
    FUZZ_REQUIRE(isEmpty(world_));
  }

  // What a client that is gone can come back with.
  struct Past {
    Inbox inbox;
    json auth;
  };

  fuzz::Input& input_;
  std::uint32_t size_;
  World world_;
  Logs logs_;
  std::array<Seat, kClients> seats_;
  std::array<Past, kClients> past_;
  std::uint16_t slot_ = 0;
  int number_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  Play(input).run();
  return 0;
}
