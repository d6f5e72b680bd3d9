#include "core/connection/reload.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <type_traits>
#include <utility>

#include "core/connection/alarms.h"
#include "core/connection/applications.h"
#include "core/connection/handshakes.h"
#include "core/connection/links.h"
#include "core/connection/waiting_line.h"
#include "core/delivery/poll_answers.h"
#include "core/delivery/rooms.h"
#include "core/delivery/socket_writer.h"
#include "core/engineio/packet.h"
#include "core/store/workers.h"
#include "core/websocket/extensions.h"

namespace mediasync::server {

using store::ConnectionTransaction;
using store::WorkerState;

namespace {

// An offer is withdrawn after so long.
constexpr std::int64_t kOfferTime = 1'000;
// WebSockets given away before others have their turn.
constexpr int kAtOnce = 128;
// The most bytes that a parcel may hold of an incomplete message, and of output that the peer has yet to take.
constexpr std::size_t kMaxPart = 64 * 1024;
// The most bytes of input in all, with a command that waits and the input behind it.
constexpr std::size_t kMaxInput = 128 * 1024;
constexpr std::uint8_t kMaxRefusals = 3;
// The farthest that a heartbeat can be ahead: an interval and a time-out, of 32 bits each.
constexpr std::int64_t kFarthest = std::int64_t{2} << 32;
// The time for which a process that ends looks for others to take its WebSockets; and the least that it stays after the
// last client has been sent away.
constexpr std::int64_t kRetirement = 3'000;
constexpr std::int64_t kAfterDrain = 1'000;

}  // namespace

Reload::Reload(Context& context, Alarms& alarms, Handshakes& handshakes, Links& links, PollAnswers& pollAnswers,
               Rooms& rooms, SocketWriter& writer, WaitingLine& waiting, Applications& applications)
    : Part(context),
      alarms_(alarms),
      handshakes_(handshakes),
      links_(links),
      pollAnswers_(pollAnswers),
      rooms_(rooms),
      writer_(writer),
      waiting_(waiting),
      applications_(applications),
      successors_{{}, context.id.slot} {}

// All that is not in the connection's record. What the decoder holds, whom NGINX says the client is, what scripts are
// told of it, the command that waits, the input behind it, and what is to be sent follow. Numbers only: whatever bytes
// it is read from, each has a value.
struct Reload::Parcel {
  store::ConnectionRef connection;
  store::WorkerId from;
  std::uint32_t ticket;
  std::uint32_t decoderSize;
  std::uint32_t userSize;
  std::uint32_t variablesSize;
  std::uint32_t deferredSize;
  std::uint32_t inputSize;
  std::uint8_t hasUser;  // 0 or 1
  std::uint8_t deflate;  // 0 or 1
  Allowance allowance;
  store::Traffic traffic;
  Link::Waiting waiting;
  Compression compression;
  std::int64_t heartbeatAt;
  std::int64_t pingSent;
  std::int64_t behindSince;
  std::uint64_t membership;  // where the cursor is valid
  std::uint64_t cursor;

  // True if a worker can have made it.
  bool isPossible(Instant now) const {
    const bool isPacked = compression.windowBits >= websocket::kMinWindowBits &&
                          compression.windowBits <= websocket::kMaxWindowBits && compression.level <= 9;
    const auto isTime = [now](std::int64_t time) { return time >= 0 && time <= now.mono + kFarthest; };
    return hasUser <= 1 && deflate <= 1 && waiting <= Link::Waiting::kForPong &&
           (isPacked || compression.windowBits == 0) && isTime(heartbeatAt) && isTime(pingSent) && isTime(behindSince);
  }
};

struct Reload::Contents {
  std::string_view decoder, user, variables, deferred, input, out;
};

void Reload::takeHandovers() {
  store::takeHandovers(zone_, id_.slot, true);
}

bool Reload::retire() {
  const Instant now = env_.now();
  if (retireUntil_ == 0) {
    store::takeHandovers(zone_, id_.slot, false);
    drainUntil_ = now.mono + zone_.settings().drain;
    retireUntil_ = std::max(now.mono + kRetirement, drainUntil_ + kAfterDrain);
  }
  if (isOvertaken()) {
    drainUntil_ = std::min(drainUntil_, now.mono);
    retireUntil_ = std::min(retireUntil_, drainUntil_ + kAfterDrain);
  }
  if (context_.stopped || now.mono >= retireUntil_) return false;
  std::vector<store::ConnectionRef> sockets, leaving;
  std::vector<Link*> fresh;
  for (const auto& [ref, link] : links_.all()) {
    if (link->socket == nullptr && link->poll == nullptr) continue;
    const bool leaves = link->socket == nullptr || mustReconnect(*link);
    (leaves ? leaving : sockets).push_back(link->connection);
    if (leaves && link->leaveAt == 0) fresh.push_back(link.get());
  }
  spreadDepartures(std::move(fresh), now);
  findSuccessors();
  giveAwayAll(sockets);
  for (const store::ConnectionRef& connection : leaving) {
    if (Link* link = links_.linkOf(connection)) sendAway(*link, now);
  }
  return !sockets.empty() || !leaving.empty() || !waiting_.pending().probing.empty() ||
         !waiting_.pending().posts.empty();
}

// Another configuration has come while this process was about to leave to the last one.
bool Reload::isOvertaken() const {
  return zone_.header().cycle.load() - context_.cycle > 1;
}

void Reload::giveAwayAll(const std::vector<store::ConnectionRef>& sockets) {
  int left = successors_.slots.empty() ? 0 : kAtOnce;
  for (const store::ConnectionRef& connection : sockets) {
    Link* link = links_.linkOf(connection);
    if (left == 0) return;
    if (link == nullptr || !isReadyToGo(*link)) continue;
    if (!giveAway(*link)) return;
    --left;
  }
}

// It has nowhere to go as it is: its client must come back by itself.
bool Reload::mustReconnect(const Link& link) {
  return link.ticket == 0 && (!link.socket->canBeGiven() || link.refusals >= kMaxRefusals);
}

// Evenly over what is left of the drain, in an order that has nothing to do with who came when: each has a part of the
// time to itself, and a moment in it.
void Reload::spreadDepartures(std::vector<Link*> links, Instant now) {
  if (links.empty()) return;
  const auto below = [this](std::uint64_t bound) {
    std::array<std::uint8_t, sizeof bound> bytes;
    env_.random().fill(bytes);
    std::uint64_t number;
    std::memcpy(&number, bytes.data(), sizeof number);
    return number % bound;
  };
  for (std::size_t i = links.size(); i > 1; --i)
    std::swap(links[i - 1], links[below(i)]);
  const auto left = static_cast<std::uint64_t>(std::max<std::int64_t>(drainUntil_ - now.mono, 0));
  constexpr std::uint64_t kMoments = 1024;
  for (std::size_t i = 0; i < links.size(); ++i) {
    const std::uint64_t moment = i * kMoments + below(kMoments);
    links[i]->leaveAt = now.mono + static_cast<std::int64_t>(left * moment / (links.size() * kMoments));
  }
}

// Acts when its time has come. A WebSocket that is in the middle of something has until the end of the drain.
void Reload::sendAway(Link& link, Instant now) {
  if (now.mono < std::min(link.leaveAt, drainUntil_)) return;
  if (link.poll != nullptr) return sendElsewhere(link);
  if (link.socket == nullptr || !mustReconnect(link)) return;
  const bool isIdle = isReadyToGo(link) && link.out.empty() && !link.channel->deferred;
  if (isIdle || now.mono >= drainUntil_) links_.sendToOthers(link);
}

// Those of the newest configuration whose processes are there, and do not end themselves.
void Reload::findSuccessors() {
  successors_.slots.clear();
  std::uint32_t newest = context_.cycle;
  for (std::uint16_t slot = 0; slot < store::kMaxWorkers; ++slot) {
    const store::WorkerEntry& entry = zone_.worker(slot);
    const std::uint32_t cycle = entry.cycle.load();
    if (entry.state.load() != WorkerState::kRunning || entry.takes.load() == 0 || cycle <= context_.cycle ||
        cycle < newest || !env_.processAlive(entry.process.load())) {
      continue;
    }
    if (cycle > newest) successors_.slots.clear();
    newest = cycle;
    successors_.slots.push_back(slot);
  }
}

// There is nothing that only this process could go on with, and what there is fits a parcel. The others become ready
// soon, as a rule: what waits is done, the peer sends the rest.
bool Reload::isReadyToGo(const Link& link) const {
  const Channel& channel = *link.channel;
  const std::size_t held = channel.decoder.heldBytes();
  const std::size_t waiting =
      channel.input.size() + (channel.deferred ? channel.deferred->text.size() : 0) + channel.options->variables.size();
  const bool waitsForCommand = channel.deferred != nullptr || channel.input.empty();  // and not for the peer to read
  return link.ticket == 0 && !link.doomed && !link.corked && !link.awaitsSnapshot && link.binaryLeft == 0 &&
         !link.itemsLeft && link.out.size() <= kMaxPart && channel.state == Channel::State::kOpen && waitsForCommand &&
         held <= kMaxPart && held + waiting <= kMaxInput;
}

// False: nobody can be given more now.
bool Reload::giveAway(Link& link) {
  const std::uint32_t ticket = std::max<std::uint32_t>(++tickets_, 1);
  if (!markOffered(link, ticket)) return true;
  const std::uint16_t slot = successors_.slots[successors_.turn++ % successors_.slots.size()];
  const WebSocket::Giving giving = link.socket->give(slot, pack(link, ticket));
  if (giving == WebSocket::Giving::kGiven) {
    suspend(link, ticket);
    return true;
  }
  markOffered(link, 0);
  if (giving == WebSocket::Giving::kFull) std::erase(successors_.slots, slot);  // for now: others may have room
  return !successors_.slots.empty();
}

std::string Reload::pack(const Link& link, std::uint32_t ticket) const {
  std::string decoder;
  link.channel->decoder.save(decoder);
  Parcel parcel;
  static_assert(std::is_trivially_copyable_v<Parcel>);
  std::memset(static_cast<void*>(&parcel), 0, sizeof parcel);  // padding, too
  parcel.connection = link.connection;
  parcel.from = id_;
  parcel.ticket = ticket;
  parcel.decoderSize = static_cast<std::uint32_t>(decoder.size());
  const std::optional<std::string>& user = link.channel->options->user;
  parcel.hasUser = user.has_value();
  parcel.userSize = user ? static_cast<std::uint32_t>(user->size()) : 0;
  const std::string& variables = link.channel->options->variables;
  parcel.variablesSize = static_cast<std::uint32_t>(variables.size());
  const std::string deferred = link.channel->deferred ? link.channel->deferred->text : std::string();
  const std::string& input = link.channel->input;
  parcel.deferredSize = static_cast<std::uint32_t>(deferred.size());
  parcel.inputSize = static_cast<std::uint32_t>(input.size());
  parcel.deflate = link.channel->agreement.compression.has_value();
  parcel.allowance = link.allowance;
  parcel.traffic = link.traffic;
  parcel.compression = link.compression;
  parcel.waiting = link.waiting;
  parcel.heartbeatAt = link.heartbeatAt;
  parcel.pingSent = link.pingSent;
  parcel.behindSince = link.behindSince;
  parcel.membership = link.seat.membershipSerial;
  parcel.cursor = link.cursor;
  std::string bytes(reinterpret_cast<const char*>(&parcel), sizeof parcel);
  bytes.append(decoder).append(user.value_or("")).append(variables);
  return bytes.append(deferred).append(input).append(link.out);
}

bool Reload::unpack(std::string_view bytes, Parcel& parcel, Contents& contents) {
  if (bytes.size() < sizeof parcel) return false;
  std::memcpy(static_cast<void*>(&parcel), bytes.data(), sizeof parcel);
  bytes.remove_prefix(sizeof parcel);
  const auto take = [&bytes](std::size_t size) {
    const std::string_view taken = bytes.substr(0, size);
    bytes.remove_prefix(size);
    return taken;
  };
  const std::uint64_t sizes = std::uint64_t{parcel.decoderSize} + parcel.userSize + parcel.variablesSize +
                              parcel.deferredSize + parcel.inputSize;
  if (bytes.size() < sizes) return false;
  contents.decoder = take(parcel.decoderSize);
  contents.user = take(parcel.userSize);
  contents.variables = take(parcel.variablesSize);
  contents.deferred = take(parcel.deferredSize);
  contents.input = take(parcel.inputSize);
  contents.out = bytes;
  return true;
}

// Under `ticket` the record can be taken over by whoever knows it; 0: by nobody. False: it is not this worker's, or
// there is mail about it that comes first.
bool Reload::markOffered(const Link& link, std::uint32_t ticket) {
  ConnectionTransaction txn(zone_, link.connection.shard);
  if (!txn.open(link.connection) || txn.record().owner != id_) return false;
  const store::ConnectionRecord& record = txn.record();
  const bool hasNews = record.items.first != 0 || record.awaitingSnapshot;  // of a POST from before the upgrade
  if (ticket != 0 && (record.closing != store::Closing::kNo || hasNews)) return false;
  ticket != 0 ? txn.offer(ticket) : txn.withdrawOffer();
  txn.commit();
  return true;
}

// The socket is on its way. As a member that is behind, the link keeps the log from dropping what comes next.
void Reload::suspend(Link& link, std::uint32_t ticket) {
  link.ticket = ticket;
  link.full = true;
  rooms_.fallBehind(link);
  if (link.room != nullptr) rooms_.needsChanged(*link.room);
  alarms_.setAlarm(link, env_.now().mono + kOfferTime);
}

// The offer was declined, or not taken in time: this worker goes on, unless it was taken just now.
void Reload::takeBack(Link& link) {
  const Instant now = env_.now();
  alarms_.setAlarm(link, now.mono + kOfferTime);  // should what follows fail
  if (!markOffered(link, 0)) return links_.letGo(link);
  link.ticket = 0;
  link.full = false;
  alarms_.resumeHeartbeat(link, link.heartbeatAt, now);
  {
    ConnectionTransaction txn(zone_, link.connection.shard);
    if (txn.open(link.connection)) txn.notify(id_.slot, wake_);  // of what has come meanwhile
  }
  link.socket->goOn();
  writer_.sendRaw(link, {});
  rooms_.catchUp(link);
}

// Another one may take it, when the one before was about to end; or nobody, when its location is gone.
void Reload::declined(Link& link) {
  ++link.refusals;
  takeBack(link);
}

void Reload::decline(std::string_view bytes) {
  Parcel parcel;
  Contents contents;
  if (!unpack(bytes, parcel, contents) || parcel.connection.shard >= zone_.shards()) return;
  ConnectionTransaction txn(zone_, parcel.connection.shard);
  if (!txn.open(parcel.connection)) return;
  if (txn.record().owner != parcel.from || txn.record().handover != parcel.ticket) return;
  txn.declineOffer();
  txn.commit(wake_);
}

std::unique_ptr<Channel> Reload::adopt(std::string_view bytes, WebSocket& socket, const Options& location,
                                       bool knowsUsers) {
  Parcel parcel;
  Contents contents;
  if (!unpack(bytes, parcel, contents) || parcel.connection.shard >= zone_.shards()) return nullptr;
  std::string out(contents.out);
  std::unique_ptr<Deferred> deferred;
  if (!contents.deferred.empty()) deferred = applications_.restored(location, contents.deferred);
  const bool hasCommand = deferred != nullptr || contents.deferred.empty();
  std::unique_ptr<Channel> channel;
  const Instant now = env_.now();
  Link* link = nullptr;
  bool isTaken = false;
  if (!context_.stopped && parcel.isPossible(now)) {
    ConnectionTransaction txn(zone_, parcel.connection.shard);
    if (!txn.open(parcel.connection)) return nullptr;
    const store::ConnectionRecord& record = txn.record();
    if (record.owner != parcel.from || record.handover != parcel.ticket) return nullptr;
    Options options = location;  // but what the client was told stays true
    options.engine.pingInterval = record.pingInterval;
    options.engine.pingTimeout = record.pingTimeout;
    options.timestamps = static_cast<api::TimestampUnit>(record.timestampUnit);
    options.variables = contents.variables;
    options.user.reset();
    if (parcel.hasUser != 0) options.user = std::string(contents.user);
    Agreement agreement{protocolOf(record), {}};
    if (parcel.deflate != 0) agreement.compression = parcel.compression;
    channel = std::make_unique<Channel>(socket, context_.optionsPool.share(options), agreement);
    // One of whom the location did not ask who it is cannot go on where it is asked, nor the other way round.
    const bool isSame = record.realm == handshakes_.realmOf(options) && (parcel.hasUser != 0) == knowsUsers;
    isTaken = isSame && hasCommand && channel->decoder.restore(contents.decoder);
    if (isTaken) {
      txn.acceptOffer(id_, parcel.membership, parcel.cursor, options.log);
      link = &links_.own(txn, options, now);
      link->socket = &socket;
      link->channel = channel.get();
      link->out = std::move(out);
      // The worker that offered it lets go, and forwards the mail that it finds to this worker; but it has to wait for
      // this lock, and by then what is needed here is known.
      txn.commit(wake_);
      link->allowance = parcel.allowance;
      link->traffic = parcel.traffic;
      link->compression = agreement.compression.value_or(Compression{});
      link->waiting = parcel.waiting;
      link->pingSent = parcel.pingSent;
      alarms_.resumeHeartbeat(*link, parcel.heartbeatAt, now);
      links_.syncSeat(*link, record);
      link->hasRead = true;  // as far as this worker knows: it is waited for
      if (link->isBehind() && parcel.behindSince != 0) link->behindSince = parcel.behindSince;
      if (link->room != nullptr) rooms_.publishNeeds(*link->room);  // before the other one stops to need it
    }
  }
  if (!isTaken) {
    decline(bytes);
    return nullptr;
  }
  channel->state = Channel::State::kOpen;
  channel->link = link;
  if (deferred) {
    channel->deferred = std::move(deferred);
    channel->input = contents.input;
    waiting_.pending().waiting.push_back(channel.get());
    socket.pause(true);
  }
  ++counters().handovers;
  writer_.sendRaw(*link, {});
  rooms_.catchUp(*link);
  return channel;
}

// The client polls again, and another worker answers.
void Reload::sendElsewhere(Link& link) {
  link.leaveAt = 0;
  {
    ConnectionTransaction txn(zone_, link.connection.shard);
    if (txn.open(link.connection)) {
      txn.endPoll();
      txn.commit();
    }
  }
  pollAnswers_.endPoll(link, engineio::kNoopPacket);
}

}  // namespace mediasync::server
