// Sequences of commands against the rules of a session, on the real tables in a small zone, so that memory runs out as
// well. After each command the session must be what a model of it says (session_model.h), its log must have grown by
// exactly the events that the model tells, and what was refused must have changed nothing. The invariants of the tables
// are checked every few commands. In the end everybody goes, and every page must be free.
//
// Input: two digits for the size of the zone and the most users of a session, then commands: a letter and its
// arguments, one character each (see Play::step).
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/session/rules.h"
#include "core/store/event_codec.h"
#include "core/memory/mailbox.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/require.h"
#include "tests/fuzz/session_model.h"
#include "tests/unit/store/invariants.h"

using namespace mediasync;
using fuzz::ModelSession;
using fuzz::ModelUser;
using session::Presence;
using session::Refusal;
using store::SessionTransaction;

namespace {

constexpr std::size_t kSeats = 72;  // more than one user may have
constexpr std::uint32_t kSessions = 3;
constexpr std::uint32_t kUsers = 24;  // more than are removed at once when a session ends
constexpr std::uint16_t kWorkers = 2;
constexpr int kStepsBetweenChecks = 16;
// No command needs so many pages: with as many free it may not say that memory is out.
constexpr std::uint32_t kAmple = 32;

store::ZoneSettings settings() {
  store::ZoneSettings made;
  made.disconnectGrace = 5'000;
  made.userTimeout = 20'000;
  made.sessionTimeout = 60'000;
  made.logLimit = store::Zone::kMinLog;
  return made;
}

struct Describe {
  std::string operator()(const session::UserJoined& e) const {
    return "joined " + std::string(e.userId) + " " + std::string(e.username) + " " + ModelSession::shown(e.avatar);
  }
  std::string operator()(const session::UserLeft& e) const {
    return "left " + std::string(e.userId) + " " + std::string(e.username);
  }
  std::string operator()(const session::PlaybackSync& e) const {
    return "sync " + playbackText(e.state) + " by " + std::string(e.leaderId);
  }
  std::string operator()(const session::MediaLoaded& e) const {
    return "media " + ModelSession::shown(e.mediaUrl) + ModelSession::shown(e.mediaId) +
           ModelSession::shown(e.mediaTitle) + std::to_string(e.mediaDuration.value_or(0)) + " by " +
           std::string(e.loadedBy);
  }
  std::string operator()(const session::LeadershipChanged& e) const {
    return "leader " + std::string(e.newLeaderId) + " " + std::string(e.newLeaderName);
  }
  template <class Other>
  std::string operator()(const Other&) const {  // the model tells none of these
    return std::string(Other::kFacts.name);
  }
  std::string operator()(const session::UserBuffering& e) const {
    return "buffering " + std::string(e.userId) + " " + std::string(e.username) + " " + ModelSession::shown(e.stall);
  }
  static std::string playbackText(const session::PlaybackView& view) {
    return ModelSession::playbackText(view.mediaUrl, view.mediaId, view.mediaTitle, view.mediaDuration.value_or(0),
                                      view.position, view.isPlaying, view.playbackRate, view.lastUpdateTime);
  }
};

std::string describe(const session::Event& event) {
  return std::visit(Describe(), event.body);
}

std::string textOfLength(char c, std::size_t size) {
  return std::string(size, c);
}

// A connection: in a session, lost and perhaps to come back, or neither.
struct Seat {
  enum class State { kFree, kTaken, kStale, kLost } state = State::kFree;  // kStale: its user left by another one
  store::SeatRef ref;
  store::LostSeat lost;
  std::string session, user;
};

class Play {
 public:
  explicit Play(fuzz::Input& input)
      : input_(input),
        world_(store::Zone::minimumSize(1) + input.below(10) * 16 * store::kPageSize, 1, settings()),
        zone_(world_.zone) {
    constexpr std::array<std::uint32_t, 4> kMostUsers{0, 3, 8, 1};
    maxUsers_ = kMostUsers[input.below(kMostUsers.size())];
  }

  void run() {
    for (int steps = 1; !input_.atEnd(); ++steps) {
      step();
      if (steps % kStepsBetweenChecks == 0) checkTables();
    }
    checkTables();
    end();
  }

 private:
  void step() {
    switch (input_.byte()) {
      case 'j':  // join: seat, session, user, texts
        return join();
      case 'l':  // leave: seat
        return leave();
      case 'x':  // the connection is lost: seat
        return lose(anySeat());
      case 'b':  // it comes back: seat
        return comeBack();
      case 's':  // sync: seat, texts, position, rate
        return sync();
      case 'm':  // load: seat, texts, length
        return load();
      case 'r':  // request leadership: seat
        return takeLead();
      case 'f':  // the film has stalled, or goes on: seat, which
        return reportBuffering();
      case 'n':  // heartbeat: seat
        return note();
      case 'c':  // created over REST: session, user
        return createByRest();
      case 't':  // time passes: how much
        return passTime();
      case 'e':  // what has run out is seen to
        return expire();
      case 'd':  // of a session that has run out, as much is removed as one transaction may
        expireSession();
        return;
      case 'w':  // a worker begins to watch: worker, session
        return watch();
      case 'k':  // its readers have everything
        return catchUp();
      case 'u':  // it stops
        return unwatch();
      case 'o':  // it opens its mailbox: worker
        return openMail(static_cast<std::uint16_t>(input_.below(kWorkers)));
      case 'i':  // every byte of the tables is compared if the next command is refused
        strict_ = true;
        return;
      default:
        return;
    }
  }

  // ---- arguments

  Seat& anySeat() { return seats_[input_.below(kSeats)]; }
  std::string anySession() { return std::string(1, static_cast<char>('a' + input_.below(kSessions))); }
  session::JoinSession anyJoin(std::string& session, std::string& user) {
    session = anySession();
    user = "user " + std::to_string(input_.below(kUsers));
    constexpr std::array<std::size_t, 4> kLengths{3, 40, 128, 256};
    const std::uint32_t texts = input_.below(16);
    name_ = textOfLength('n', kLengths[texts % 4]);
    if (texts % 4 == 3) user.resize(session::kMaxIdBytes, 'u');
    session::JoinSession command{session, user, name_, std::nullopt};
    if (texts >= 8) command.avatar = avatar_ = textOfLength('a', texts * 128);
    return command;
  }

  // ---- commands

  // Runs `act`, which commits or answers why not. False: memory was out, or readers must catch up, or it was refused;
  // then nothing has changed.
  bool carryOut(const Refusal& expected, const std::function<Refusal()>& act) {
    store::test::Image before;
    const bool isStrict = std::exchange(strict_, false);
    if (isStrict) before = store::test::meaningfulBytes(zone_, world_.memory.span());
    const std::uint32_t free = zone_.header().heap.freePages();
    bool isDone = false;
    try {
      const Refusal refusal = act();
      FUZZ_REQUIRE(refusal == expected);
      isDone = !refusal;
    } catch (const store::OutOfSpace&) {
      FUZZ_REQUIRE(free < kAmple);
    } catch (const store::Busy&) {
      FUZZ_REQUIRE(isAnyoneBehind());
    }
    if (isStrict && !isDone) {
      FUZZ_REQUIRE(before == store::test::meaningfulBytes(zone_, world_.memory.span()));
    }
    return isDone;
  }

  // The session is `next` if that was done, and what it was before otherwise.
  void settle(const std::string& name, ModelSession next, bool isDone) {
    if (isDone) models_[name] = std::move(next);
    compare(name);
  }

  void join() {
    Seat& seat = anySeat();
    std::string name, user;
    const session::JoinSession command = anyJoin(name, user);
    if (seat.state == Seat::State::kTaken) return joinAgain(seat, command);
    const bool isNew = !models_.contains(name);
    ModelSession next = isNew ? ModelSession{} : models_[name];
    const Refusal expected = next.join(command, maxUsers_, now_.mono);
    store::SeatRef taken;
    const bool isDone = carryOut(expected, [&]() -> Refusal {
      SessionTransaction txn(zone_, name);
      FUZZ_REQUIRE(txn.find(name) != isNew);
      if (isNew) txn.create(name, user, now_);
      session::UserRef ref = 0;
      if (const Refusal refusal = session::join(txn, command, {maxUsers_, {}}, now_, &ref)) return refusal;
      taken = txn.addConnection(ref, {1, ++connections_, 0});
      txn.commit(world_.wake);
      return {};
    });
    if (isDone) forgetWhoGaveWay(name, next);
    if (isDone) seat = {Seat::State::kTaken, taken, {}, name, user};
    if (isDone || !isNew) settle(name, std::move(next), isDone);
  }

  void joinAgain(Seat& seat, const session::JoinSession& command) {
    ModelSession next = models_[seat.session];
    const bool isSame = seat.session == command.sessionId && seat.user == command.userId;
    if (isSame) next.rename(seat.user, command);
    const bool isDone = carryOut(isSame ? Refusal{} : session::kAlreadyInSession, [&]() -> Refusal {
      SessionTransaction txn(zone_, seat.ref.shard);
      FUZZ_REQUIRE(txn.openSeat(seat.ref));
      if (const Refusal refusal = session::checkRejoin(seat.session, seat.user, command)) return refusal;
      if (const Refusal refusal = session::refresh(txn, txn.seatUser(), command, {}, now_)) return refusal;
      txn.commit(world_.wake);
      return {};
    });
    settle(seat.session, std::move(next), isDone);
  }

  // Applies the rule to the seat's session, if it has one. `expected` is what the model, already changed, answered.
  bool inSession(const Seat& seat, ModelSession next, const Refusal& expected,
                 const std::function<Refusal(SessionTransaction&, session::UserRef)>& rule) {
    const bool isDone = carryOut(expected, [&]() -> Refusal {
      SessionTransaction txn(zone_, seat.ref.shard);
      FUZZ_REQUIRE(txn.openSeat(seat.ref));
      if (const Refusal refusal = rule(txn, txn.seatUser())) return refusal;
      txn.commit(world_.wake);
      return {};
    });
    settle(seat.session, std::move(next), isDone);
    return isDone;
  }

  // A seat whose user has left is none any more, and says so.
  bool isTaken(const Seat& seat) {
    if (seat.state == Seat::State::kStale) {
      SessionTransaction txn(zone_, seat.ref.shard);
      FUZZ_REQUIRE(!txn.openSeat(seat.ref));
    }
    return seat.state == Seat::State::kTaken;
  }

  void leave() {
    Seat& seat = anySeat();
    if (!isTaken(seat)) return;
    ModelSession next = models_[seat.session];
    next.leave(seat.user, now_.mono);
    const bool isDone = inSession(seat, std::move(next), {}, [&](SessionTransaction& txn, session::UserRef user) {
      session::leave(txn, user, now_);
      return Refusal{};
    });
    if (isDone) forgetUser(seat.session, seat.user);
  }

  void forgetWhoGaveWay(const std::string& name, ModelSession& next) {
    for (const ModelUser& user : models_[name].users) {
      if (next.find(user.id) == nullptr) forgetUser(name, user.id);
    }
  }
  void forgetUser(const std::string name, const std::string user) {
    for (Seat& seat : seats_) {
      if (seat.session != name || seat.user != user) continue;
      if (seat.state == Seat::State::kTaken) seat.state = Seat::State::kStale;
      if (seat.state == Seat::State::kLost) checkNoReturn(seat);
    }
  }
  void checkNoReturn(Seat& seat) {
    SessionTransaction txn(zone_, seat.lost.shard);
    FUZZ_REQUIRE(!txn.openUser(seat.lost));
    seat.state = Seat::State::kFree;
  }

  void lose(Seat& seat) {
    if (!isTaken(seat)) {
      if (seat.state == Seat::State::kStale) seat.state = Seat::State::kFree;
      return;
    }
    ModelSession next = models_[seat.session];
    next.loseConnection(seat.user, now_.mono);
    {
      SessionTransaction txn(zone_, seat.ref.shard);
      FUZZ_REQUIRE(txn.openSeat(seat.ref));
      seat.lost = txn.lostSeat();
      if (txn.removeConnection(seat.ref, now_)) session::connectionsLost(txn, txn.seatUser(), now_);
      txn.commit(world_.wake);
    }
    seat.state = Seat::State::kLost;
    settle(seat.session, std::move(next), true);
  }

  void comeBack() {
    Seat& seat = anySeat();
    if (seat.state != Seat::State::kLost) return;
    ModelSession next = models_[seat.session];
    const Refusal expected = next.comeBack(seat.user, now_.mono);
    const bool isDone = carryOut(expected, [&]() -> Refusal {
      SessionTransaction txn(zone_, seat.lost.shard);
      FUZZ_REQUIRE(txn.openUser(seat.lost));
      if (const Refusal refusal = session::comeBack(txn, txn.seatUser(), now_)) return refusal;
      seat.ref = txn.addConnection(txn.seatUser(), {1, ++connections_, 0});
      txn.commit(world_.wake);
      return {};
    });
    if (isDone) seat.state = Seat::State::kTaken;
    settle(seat.session, std::move(next), isDone);
  }

  void sync() {
    const Seat& seat = anySeat();
    const std::uint32_t texts = input_.below(16);
    constexpr std::array kPositions{0.0, 1.5, 59.999, 3600.0, 1e-9, 1e15, 1e300, std::numeric_limits<double>::max()};
    constexpr std::array kRates{1.0, session::kMinPlaybackRate, session::kMaxPlaybackRate, 1.25};
    session::SyncPlayback command;
    command.isPlaying = (texts & 1) != 0;
    command.position = kPositions[input_.below(kPositions.size())];
    command.playbackRate = kRates[input_.below(kRates.size())];
    const std::string url = textOfLength('s', 1 + texts * 130), id = textOfLength('i', texts * 17);
    if ((texts & 8) != 0) command.executeAt = now_.wall + (static_cast<std::int64_t>(input_.below(7)) - 3) * 4'000;
    if ((texts & 2) != 0) command.mediaUrl = url;
    if ((texts & 4) != 0) command.mediaId = id;
    if (!isTaken(seat)) return;
    ModelSession next = models_[seat.session];
    const Refusal expected = next.sync(seat.user, command, now_.mono, now_.wall);
    inSession(seat, std::move(next), expected, [&](SessionTransaction& txn, session::UserRef user) {
      return session::apply<session::SyncPlayback>(txn, user, command, now_);
    });
  }

  void load() {
    const Seat& seat = anySeat();
    const std::uint32_t texts = input_.below(16);
    constexpr std::array kDurations{0.0, 30.0, 5400.0, 1e300};
    const std::uint32_t duration = input_.below(5);
    const std::string url = textOfLength('m', 1 + texts * 130), id = textOfLength('i', texts * 17);
    const std::string title = textOfLength('t', texts * 34);
    session::LoadMedia command{url, {}, {}, {}};
    if ((texts & 2) != 0) command.mediaId = id;
    if ((texts & 4) != 0) command.mediaTitle = title;
    if (duration < kDurations.size()) command.mediaDuration = kDurations[duration];
    if (!isTaken(seat)) return;
    ModelSession next = models_[seat.session];
    const Refusal expected = next.load(seat.user, command, now_.mono);
    inSession(seat, std::move(next), expected, [&](SessionTransaction& txn, session::UserRef user) {
      return session::apply<session::LoadMedia>(txn, user, command, now_);
    });
  }

  void takeLead() {
    const Seat& seat = anySeat();
    if (!isTaken(seat)) return;
    ModelSession next = models_[seat.session];
    const Refusal expected = next.takeLead(seat.user);
    inSession(seat, std::move(next), expected, [&](SessionTransaction& txn, session::UserRef user) {
      return session::apply(txn, user, session::RequestLeadership{}, now_);
    });
  }

  void reportBuffering() {
    const Seat& seat = anySeat();
    const std::uint32_t which = input_.below(8);
    const session::ReportBuffering command{{(which & 1) != 0, static_cast<session::Problem>(which / 2)}};
    if (!isTaken(seat)) return;
    ModelSession next = models_[seat.session];
    next.reportBuffering(seat.user, command);
    inSession(seat, std::move(next), {}, [&](SessionTransaction& txn, session::UserRef user) {
      return session::apply<session::ReportBuffering>(txn, user, command, now_);
    });
  }

  void note() {
    const Seat& seat = anySeat();
    if (!isTaken(seat)) return;
    inSession(seat, models_[seat.session], {}, [&](SessionTransaction& txn, session::UserRef user) {
      session::noteActivity(txn, user, now_);
      return Refusal{};
    });
  }

  void createByRest() {
    std::string name, user;
    const session::JoinSession command = anyJoin(name, user);
    if (models_.contains(name)) return;
    ModelSession next;
    next.leader = user;
    next.users.push_back({user, name_, {}, Presence::kAway, 0, now_.mono});
    next.idleSince = now_.mono;
    const bool isDone = carryOut({}, [&]() -> Refusal {
      SessionTransaction txn(zone_, name);
      txn.create(name, user, now_);
      txn.addUser(user, command.username, std::nullopt, Presence::kAway, now_);
      txn.setLeader(user);
      txn.commit(world_.wake);
      return {};
    });
    if (isDone) settle(name, std::move(next), true);
  }

  // ---- time

  void passTime() {
    constexpr std::array<std::int64_t, 8> kTimes{1, 50, 1'000, 4'999, 5'000, 15'000, 20'000, 60'000};
    now_ = now_.after(kTimes[input_.below(kTimes.size())]);
  }

  void expire() {
    while (expireUser()) {
    }
    while (expireSession()) {
    }
    for (const auto& [name, model] : models_) {
      for (const ModelUser& user : model.users)
        FUZZ_REQUIRE(user.isConnected() || user.since + timeoutOf(user.presence) > now_.mono);
      const bool isDue = model.connections() == 0 && model.idleSince + zone_.settings().sessionTimeout <= now_.mono;
      FUZZ_REQUIRE(!isDue || watched_.contains(name));
    }
  }

  std::int64_t timeoutOf(Presence presence) const {
    return presence == Presence::kGrace ? zone_.settings().disconnectGrace : zone_.settings().userTimeout;
  }

  // The first user of the queues whose time is over, as the sweep of a worker does.
  bool expireUser() {
    std::string name, user;
    ModelSession next;
    {
      SessionTransaction txn(zone_, std::uint32_t{0});
      for (const store::Queue* queue : {&txn.shard().grace, &txn.shard().lateGrace, &txn.shard().away}) {
        if (queue->first == 0) continue;
        const auto& record = *zone_.arena().at<store::UserRecord>(queue->first);
        if (record.absentSince + timeoutOf(record.presence) > now_.mono) continue;
        const auto& session = *zone_.arena().at<store::SessionRecord>(record.session);
        FUZZ_REQUIRE(txn.open(record.session, session.serial));
        if (session.ending) return expireOfEnding(txn, queue->first);
        name = store::textOf(zone_.arena(), session.id);
        user = store::textOf(zone_.arena(), record.id);
        next = models_.at(name);
        const ModelUser* expected = next.find(user);
        FUZZ_REQUIRE(expected != nullptr && expected->presence == record.presence);
        FUZZ_REQUIRE(expected->since == record.absentSince);
        expireUser(txn, queue->first, next, user);
        break;
      }
      if (name.empty()) return false;
      txn.commit(world_.wake);
    }
    if (next.find(user) == nullptr) forgetUser(name, user);
    settle(name, std::move(next), true);
    return true;
  }

  // Nobody can see that session any more.
  bool expireOfEnding(SessionTransaction& txn, store::Ref user) {
    if (txn.user(user).presence == Presence::kGrace) {
      session::graceExpired(txn, user, now_);
    } else {
      session::awayExpired(txn, user, now_);
    }
    txn.commit(world_.wake);
    return true;
  }

  void expireUser(SessionTransaction& txn, store::Ref ref, ModelSession& next, const std::string& user) {
    if (txn.user(ref).presence == Presence::kGrace) {
      session::graceExpired(txn, ref, now_);
      next.graceExpired(user, now_.mono);
    } else {
      session::awayExpired(txn, ref, now_);
      next.awayExpired(user, now_.mono);
    }
  }

  bool expireSession() {
    std::string ended;
    {
      SessionTransaction txn(zone_, std::uint32_t{0});
      store::Ref ref = txn.shard().idle.first;
      while (ref != 0 && zone_.arena().at<store::SessionRecord>(ref)->watchers != 0)
        ref = zone_.arena().at<store::SessionRecord>(ref)->inIdle.next;
      if (ref == 0) return false;
      const auto& record = *zone_.arena().at<store::SessionRecord>(ref);
      if (record.idleSince + zone_.settings().sessionTimeout > now_.mono) return false;
      FUZZ_REQUIRE(txn.open(ref, record.serial));
      const std::string name(store::textOf(zone_.arena(), record.id));
      if (!record.ending) FUZZ_REQUIRE(models_.at(name).idleSince == record.idleSince);
      if (!record.ending) ended = name;
      txn.destroy(now_);
      txn.commit(world_.wake);
    }
    if (!ended.empty()) forgetSession(ended);
    return true;
  }

  void forgetSession(const std::string& name) {
    FUZZ_REQUIRE(models_.at(name).connections() == 0);
    models_.erase(name);
    watched_.erase(name);
    for (Seat& seat : seats_) {
      if (seat.session == name && seat.state == Seat::State::kLost) checkNoReturn(seat);
    }
    SessionTransaction txn(zone_, name);
    FUZZ_REQUIRE(!txn.find(name));
  }

  // ---- workers that read the log

  void watch() {
    const auto worker = static_cast<std::uint16_t>(input_.below(kWorkers));
    const std::string name = anySession();
    if (!models_.contains(name)) return;
    const bool isDone = carryOut({}, [&]() -> Refusal {
      SessionTransaction txn(zone_, name);
      FUZZ_REQUIRE(txn.find(name));
      txn.addWatch({worker, 1});
      txn.commit(world_.wake);
      return {};
    });
    if (isDone) watched_[name] |= 1U << worker;
    compare(name);
  }

  template <class Fn>
  void forWatchers(Fn fn) {
    const ReadAll all(zone_);
    for (const store::SessionRecord* session : all.sessions) {
      for (store::Ref ref = session->watchers; ref != 0; ref = zone_.arena().at<store::SessionWatcher>(ref)->next)
        fn(*session, *zone_.arena().at<store::SessionWatcher>(ref));
    }
  }

  bool isAnyoneBehind() {
    bool isBehind = false;
    forWatchers([&](const store::SessionRecord& session, const store::SessionWatcher& watcher) {
      isBehind = isBehind || watcher.needed.load() < session.log.nextSeq;
    });
    return isBehind;
  }

  void catchUp() {
    const auto worker = static_cast<std::uint16_t>(input_.below(kWorkers));
    forWatchers([&](const store::SessionRecord& session, store::SessionWatcher& watcher) {
      if (watcher.worker.slot != worker || watcher.needed.load() > session.log.nextSeq) return;
      watcher.needed.store(session.log.nextSeq);
    });
  }

  void unwatch() {
    const auto worker = static_cast<std::uint16_t>(input_.below(kWorkers));
    stopWatching(worker, anySession());
  }
  void stopWatching(std::uint16_t worker, const std::string& name) {
    watched_[name] &= ~(1U << worker);
    if (!models_.contains(name)) return;
    SessionTransaction txn(zone_, name);
    FUZZ_REQUIRE(txn.find(name));
    txn.dropWatch({worker, 1});
    txn.commit(world_.wake);
  }

  void openMail(std::uint16_t worker) {
    memory::takeMail<store::SessionWatcher>(zone_.arena(), zone_.worker(worker).sessionMail, [&](store::Ref ref) {
      auto& watcher = *zone_.arena().at<store::SessionWatcher>(ref);
      SessionTransaction txn(zone_, watcher.shard);
      watcher.queued.store(0);
      FUZZ_REQUIRE(txn.open(watcher.session, watcher.sessionSerial));
      const std::string name(store::textOf(zone_.arena(), txn.record().id));
      if ((watched_[name] >> worker & 1) != 0) return;
      txn.removeWatcher(ref);
      txn.commit(world_.wake);
    });
  }

  // ---- checks

  struct ReadAll {
    explicit ReadAll(const store::Zone& zone) {
      const store::ShardLock lock(zone.region(), zone.sessionShard(0).header);
      for (store::Ref ref = zone.sessionShard(0).allSessions.first; ref != 0;) {
        sessions.push_back(zone.arena().at<store::SessionRecord>(ref));
        ref = sessions.back()->all.next;
      }
    }
    std::vector<const store::SessionRecord*> sessions;
  };

  void compare(const std::string& name) {
    ModelSession& model = models_.at(name);
    store::Snapshot snapshot;
    std::vector<Presence> presences;
    std::string bytes;
    store::LogSlice slice;
    {
      SessionTransaction txn(zone_, name);
      FUZZ_REQUIRE(txn.find(name));
      txn.copyTo(snapshot, now_);
      for (session::UserRef user = txn.firstUser(); user != 0; user = txn.nextUser(user)) {
        presences.push_back(txn.user(user).presence);
        FUZZ_REQUIRE(txn.findUser(txn.user(user).id) == user);
      }
      FUZZ_REQUIRE(txn.logEnd() == model.nextOffset + model.told.size());
      slice = store::readLog(zone_.arena(), txn.record().log, model.nextOffset, 1 << 20, bytes);
    }
    FUZZ_REQUIRE(slice.first == model.nextOffset && slice.end == slice.first + model.told.size());
    compareEvents(bytes, model.told);
    model.nextOffset = slice.end;
    model.told.clear();
    compareUsers(snapshot.view, model, presences);
    compareLeader(snapshot.view, model);
    comparePlayback(snapshot.view.playback, model);
  }

  void compareEvents(std::string_view bytes, const std::vector<std::string>& told) {
    for (const std::string& expected : told) {
      store::EventHeader header;
      FUZZ_REQUIRE(bytes.size() >= sizeof header);
      std::memcpy(&header, bytes.data(), sizeof header);
      bytes.remove_prefix(sizeof header);
      const auto event = store::decodeEvent(std::as_bytes(std::span(bytes.substr(0, header.size))));
      FUZZ_REQUIRE(event && event->timestamp == now_.wall);
      FUZZ_REQUIRE((header.isSync != 0) == std::holds_alternative<session::PlaybackSync>(event->body));
      FUZZ_REQUIRE(describe(*event) == expected);
      bytes.remove_prefix((header.size + 7) / 8 * 8);
    }
    FUZZ_REQUIRE(bytes.empty());
  }

  static void compareUsers(const session::SessionView& view, const ModelSession& model,
                           const std::vector<Presence>& presences) {
    FUZZ_REQUIRE(view.users.size() == model.users.size() && view.userCount == model.users.size());
    FUZZ_REQUIRE(view.connectedCount == model.connectedCount());
    for (std::size_t i = 0; i < model.users.size(); ++i) {
      const ModelUser& user = model.users[i];
      FUZZ_REQUIRE(view.users[i].id == user.id && view.users[i].username == user.name);
      FUZZ_REQUIRE(fuzz::owned(view.users[i].avatar) == user.avatar);
      FUZZ_REQUIRE(presences[i] == user.presence && view.users[i].isConnected == (user.connections > 0));
      FUZZ_REQUIRE(view.users[i].isLeader == (user.id == model.leader));
    }
  }

  static void compareLeader(const session::SessionView& view, const ModelSession& model) {
    FUZZ_REQUIRE(view.leaderId == model.leader && !view.leaderId.empty());
    const bool isListed =
        std::any_of(view.users.begin(), view.users.end(), [](const session::UserView& u) { return u.isLeader; });
    FUZZ_REQUIRE(isListed || view.connectedCount == 0);
  }

  void comparePlayback(const session::PlaybackView& view, const ModelSession& model) {
    FUZZ_REQUIRE(view.lastUpdateTime >= now_.wall && view.position >= 0);
    FUZZ_REQUIRE(!view.mediaDuration || view.position <= *view.mediaDuration);
    const auto text =
        ModelSession::playbackText(view.mediaUrl, view.mediaId, view.mediaTitle, view.mediaDuration.value_or(0),
                                   view.position, view.isPlaying, view.playbackRate, view.lastUpdateTime);
    FUZZ_REQUIRE(text == model.playback(now_.mono, now_.wall));
  }

  void checkTables() {
    const auto findings = store::test::checkInvariants(zone_);
    if (!findings.ok()) std::fputs(findings.text().c_str(), stderr);
    FUZZ_REQUIRE(findings.ok());
  }

  // Everybody goes, and nobody reads any more.
  void end() {
    for (Seat& seat : seats_)
      lose(seat);
    for (std::uint16_t worker = 0; worker < kWorkers; ++worker) {
      for (const char* name : {"a", "b", "c"})
        stopWatching(worker, name);
      openMail(worker);
    }
    for (int i = 0; i < 4; ++i) {
      now_ = now_.after(zone_.settings().sessionTimeout);
      expire();
      for (std::uint16_t worker = 0; worker < kWorkers; ++worker)
        openMail(worker);
    }
    FUZZ_REQUIRE(models_.empty() && zone_.sessionCount() == 0 && zone_.userCount() == 0);
    FUZZ_REQUIRE(zone_.header().heap.freePages() == zone_.header().heap.total());
    checkTables();
  }

  fuzz::Input& input_;
  store::test::TestZone world_;
  store::Zone zone_;
  Instant now_ = store::test::kNow;
  std::uint32_t maxUsers_ = 0;
  bool strict_ = false;
  std::uint64_t connections_ = 0;
  std::array<Seat, kSeats> seats_;
  std::map<std::string, ModelSession> models_;
  std::map<std::string, unsigned> watched_;
  std::string name_, avatar_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  Play(input).run();
  return 0;
}
